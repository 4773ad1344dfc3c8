"""Instants and figures as people read them, at Paris time, in French or English."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
NARROW = "\u202f"
FIXED = "\u00a0"

DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


def day(at: datetime | date, lang: str = "fr") -> str:
    """ "jeudi 21 novembre 2019"; the first of a month is "1er" in French."""
    local = at.astimezone(PARIS) if isinstance(at, datetime) else at
    number = "1er" if lang == "fr" and local.day == 1 else str(local.day)
    month = MONTHS[lang][local.month - 1]
    return f"{DAYS[lang][local.weekday()]} {number}{FIXED}{month}{FIXED}{local.year}"


def clock_time(at: datetime, lang: str = "fr") -> str:
    local = at.astimezone(PARIS)
    return f"{local.hour}{FIXED}h{FIXED}{local.minute:02d}" if lang == "fr" else f"{local:%H:%M}"


def last_clock_time(at: datetime, lang: str = "fr") -> str:
    """The clock at the last minute before `at`."""
    return clock_time(at - timedelta(minutes=1), lang)


def hour(at: datetime, lang: str = "fr") -> str:
    local = at.astimezone(PARIS)
    return f"{local.hour}{FIXED}h" if lang == "fr" else f"{local:%H:00}"


def instant(at: datetime, lang: str = "fr") -> str:
    joint = f"à{FIXED}" if lang == "fr" else "at "
    return f"{day(at, lang)} {joint}{clock_time(at, lang)}"


def last_moment(at: datetime, lang: str = "fr") -> str:
    """The last minute before `at`: a deadline at midnight is told as 23 h 59 of the day before."""
    return instant(at - timedelta(minutes=1), lang)


def time_left(left: timedelta, lang: str = "fr") -> str:
    """A bound that stays true while the page lies open: "moins de 4 jours", "moins de 30 heures"."""
    hours, minutes = ceil(left / timedelta(hours=1)), ceil(left / timedelta(minutes=1))
    if hours > 48:
        count, unit = ceil(left / timedelta(days=1)), {"fr": "jours", "en": "days"}
    elif minutes > 90:
        count, unit = hours, {"fr": "heures", "en": "hours"}
    elif minutes > 1:
        count, unit = minutes, {"fr": "minutes", "en": "minutes"}
    else:
        return "less than a minute" if lang == "en" else "moins d’une minute"
    return f"less than {count} {unit['en']}" if lang == "en" else f"moins de {count}{FIXED}{unit['fr']}"


def number(value: int, lang: str = "fr") -> str:
    return f"{value:,}".replace(",", NARROW if lang == "fr" else ",")


def ballots(count: int, lang: str = "fr") -> str:
    return _so_many(count, lang, {"fr": "bulletin", "en": "ballot"})


def signatures(count: int, lang: str = "fr") -> str:
    return _so_many(count, lang, {"fr": "signature", "en": "signature"})


def votes(count: int, lang: str = "fr") -> str:
    return f"{number(count, lang)} voix" if lang == "fr" else _so_many(count, lang, {"en": "vote"})


def _so_many(count: int, lang: str, one: dict[str, str]) -> str:
    """None is singular in French, and plural in English."""
    plural = count > 1 if lang == "fr" else count != 1
    return f"{number(count, lang)} {one[lang]}{'s' if plural else ''}"


def percent(share: str | float, lang: str = "fr") -> str:
    """A share as "33,3 %": given as such a text without the sign, or as a fraction of one."""
    text = share if isinstance(share, str) else f"{share * 100:.1f}"
    return text.replace(".", ",") + f"{NARROW}%" if lang == "fr" else text.replace(",", ".") + "%"


def local_input(at: datetime) -> str:
    """As a datetime-local field holds it: Paris time, to the minute."""
    return f"{at.astimezone(PARIS):%Y-%m-%dT%H:%M}"


def read_local_input(typed: str) -> datetime | None:
    """The instant of a datetime-local field, Paris time; None if it is not one."""
    try:
        local = datetime.fromisoformat(typed.strip())
    except ValueError:
        return None
    return local.replace(tzinfo=PARIS) if local.tzinfo is None else local


def read_last_minute(typed: str) -> datetime | None:
    """The first instant after the minute of a datetime-local field, Paris time; None if it is not one."""
    last = read_local_input(typed)
    try:
        return last and last + timedelta(minutes=1)
    except OverflowError:
        return last
