"""Honest people: at all hours of fifteen days, in spikes after newsletters, in schools, companies and on telephones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import log
from random import Random

from fraud.people import DAYS, EDITION, Names, Voter, on

BIG_FIVE = {"gmail.com": 30, "orange.fr": 11, "hotmail.fr": 8, "outlook.fr": 6, "yahoo.fr": 5}
OTHERS = {"free.fr": 6, "sfr.fr": 5, "laposte.net": 5, "icloud.com": 4, "hotmail.com": 3, "live.fr": 2, "proton.me": 1}
OWN = 100 - sum(BIG_FIVE.values()) - sum(OTHERS.values())  # percent with an address at a small domain
MISTYPED = {"gmail.com": "gmial.com", "orange.fr": "orange.fe", "hotmail.fr": "hotmial.fr", "outlook.fr": "outlok.fr"}
HOURS = (1, 0.5, 0.3, 0.2, 0.2, 0.5, 2, 5, 7, 9, 9, 8, 8, 8, 7, 7, 7, 8, 8, 8, 9, 8, 6, 3)
NEWSLETTERS = ((7, 10.0, 12), (14, 18.0, 9), (19, 9.0, 9))  # day, hour, percent of all voters; each reader within hours
LAST_EVENING = 6  # percent of all voters, from 18:00 on the last day
CARRIERS = tuple(f"37.{carrier}.{gate}" for carrier in (164, 165, 166, 167) for gate in range(8))
SLOW_DAY, SLOW_HOUR, SLOW_PROVIDER = 18, 20, "orange.fr"  # a provider that keeps letters back for a quarter of an hour


def crowd(draw: Random, voters: int = 10_000) -> Iterator[Voter]:
    """About so many people, a school, a company, an association and a forum among them."""
    names, small = Names(draw), voters / 10_000
    groups = [
        *school(draw, names, round(600 * min(1, 3 * small))),
        *company(draw, names, round(120 * min(1, 3 * small))),
        *association(draw, names, round(60 * min(1, 3 * small))),
        *forum(draw, names, round(150 * min(1, 3 * small))),
    ]
    yield from groups
    domains = [names.domain() for _ in range(max(20, voters // 25))]
    for at in _arrivals(draw, max(0, voters - len(groups))):
        domain = _domain(draw, domains)
        host, part = (names.home(), "homes") if draw.random() < 0.55 else (carrier(draw), "telephones")
        yield person(draw, names, part, domain, host, at)


def school(draw: Random, names: Names, pupils: int) -> Iterator[Voter]:
    """Behind one address; class after class votes in its lesson, at the pace that its teacher sets."""
    starts = [on(15, 8 + lesson) for lesson in (0, 1, 2, 3, 6, 7, 8)]
    while pupils > 0:
        size, begins, pace = min(pupils, draw.randint(22, 34)), draw.choice(starts), draw.uniform(35, 110)
        begins += timedelta(minutes=draw.uniform(3, 35))
        for _ in range(size):
            at = begins + timedelta(minutes=draw.triangular(0, 12, 3))
            yield person(draw, names, "school", _domain(draw, []), "194.57.12.1", at, gap=_human(draw, pace, 0.6))
        pupils -= size


def company(draw: Random, names: Names, staff: int) -> Iterator[Voter]:
    """On its own domain and, for most, its own address, within hours of an internal letter; its gateway scans mail."""
    begins, patience = on(8, draw.uniform(8.5, 14)), draw.uniform(30, 90)
    for _ in range(staff):
        at = begins + timedelta(minutes=draw.expovariate(1 / patience))
        host = "185.31.40.9" if draw.random() < 0.85 else carrier(draw)
        voter = person(draw, names, "company", "atelier-cooperatif.fr", host, at)
        voter.scanned = True
        yield voter


def association(draw: Random, names: Names, members: int) -> Iterator[Voter]:
    """A village: two in five vote at a meeting, on its line, the others at home over three days."""
    for _ in range(members):
        if draw.random() < 0.4:
            at, host = on(16, 18) + timedelta(minutes=draw.triangular(0, 90, 20)), "88.120.3.2"
        else:
            at, host = on(draw.randint(15, 17), draw.uniform(8, 22)), names.home()
        yield person(draw, names, "association", "foyer-rural-village.fr", host, at)


def forum(draw: Random, names: Names, visitors: int) -> Iterator[Voter]:
    """On the opening day a forum's visitors vote from its one network, most at the addresses of their own houses."""
    houses = [names.domain() for _ in range(100)]
    for _ in range(visitors):
        domain = draw.choice(houses) if draw.random() < 0.7 else _domain(draw, houses)
        yield person(draw, names, "forum", domain, "195.25.1.4", on(7, draw.triangular(9, 18, 12.5)))


def person(
    draw: Random, names: Names, part: str, domain: str, host: str, at: datetime, *, gap: float | None = None
) -> Voter:
    """Somebody who may retry, mistype, be late, or give up."""
    if gap is None:
        gap = _human(draw, 40, 0.7)
        luck = draw.random()
        if luck < 0.08:
            gap = _human(draw, 240, 0.8)
        elif luck < 0.12:
            gap = draw.uniform(600, 1750)
    at = min(at, on(21, 23.94))
    if domain == SLOW_PROVIDER and on(SLOW_DAY, SLOW_HOUR) <= at < on(SLOW_DAY, SLOW_HOUR + 1):
        gap += 900 * draw.uniform(0.5, 1)
    in_time = at + timedelta(seconds=gap + 60) < EDITION.closes_at
    voter = Voter(part, names.mailbox(domain), host, at, min(gap, 1780) if in_time and draw.random() > 0.04 else None)
    luck = draw.random()
    if luck < 0.03 and domain in MISTYPED:
        voter.mistyped = voter.address.replace(domain, MISTYPED[domain])
    elif luck < 0.06 and gap > 70:
        voter.again = gap / 2
    voter.fumbles = draw.random() < 0.04
    voter.scripts = draw.random() < 0.99
    voter.voted_before = draw.choices((0, 1, 2, 3), (88, 9, 2, 1))[0]  # on the family's computer
    return voter


def carrier(draw: Random) -> str:
    """One of the few addresses behind which a mobile carrier puts all its customers."""
    return f"{draw.choice(CARRIERS)}.{draw.randrange(1, 255)}"


def patient(draw: Random) -> float:
    """The gap of somebody who imitates people, and knows how they spread."""
    return min(_human(draw, 40, 0.7) if draw.random() < 0.88 else _human(draw, 240, 0.8), 1780)


def hour_of_day(draw: Random) -> float:
    (hour,) = draw.choices(range(24), HOURS)
    return hour + draw.random()


def _human(draw: Random, median: float, spread: float) -> float:
    """Seconds until the letter is there, and until it is found, read and acted upon."""
    delivery = 1 + draw.lognormvariate(log(4), 0.6)
    return delivery + max(5, draw.lognormvariate(log(median), spread))


def _arrivals(draw: Random, people: int) -> Iterator[datetime]:
    left = people
    for day, hour, share in NEWSLETTERS:
        count = people * share // 100
        left -= count
        for _ in range(count):
            yield on(day, hour) + timedelta(minutes=min(draw.expovariate(1 / 50), 600))
    count = people * LAST_EVENING // 100
    for _ in range(count):
        yield on(21, draw.triangular(18, 23.94, 22.5))
    for _ in range(left - count):
        yield on(7 + draw.randrange(DAYS), hour_of_day(draw))


def _domain(draw: Random, own: list[str]) -> str:
    if own and draw.randrange(100) < OWN:
        return draw.choice(own)
    domains = BIG_FIVE | OTHERS
    return draw.choices(list(domains), list(domains.values()))[0]
