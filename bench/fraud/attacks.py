"""The attacks: how each goes about it, and what it has at hand; all of them know the published rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from random import Random

from disposable_email_domains import blocklist

from fraud.honest import BIG_FIVE, hour_of_day, patient
from fraud.people import SLOT, Names, Voter, on

THROWAWAY = tuple(sorted(blocklist))
Pace = Callable[[Random], float]


def aliases(draw: Random) -> Iterator[Voter]:
    """A: 300 spellings of one person's three mailboxes; three votes are hers, and honest."""
    begins = on(9, draw.uniform(8, 20))
    spellings: tuple[Callable[[int], str], ...] = (
        lambda n: f"ma.rie.fra{'.' * (n % 2)}ude+{n}@{'gmail.com' if n % 2 else 'googlemail.com'}",
        lambda n: f"Marie-Fraude+{n}@Outlook.fr",
        lambda n: f"marie.fraude+{n}@{'orange.fr' if n % 2 else 'wanadoo.fr'}",
    )
    for number in range(300):
        if number < len(spellings):
            yield Voter("homes", spellings[number](number), "91.10.0.1", begins, 30)
            continue
        at = begins + timedelta(minutes=10 + number * draw.uniform(0.5, 3))
        yield Voter("A", spellings[number % 3](number), "91.10.0.1", at, patient(draw))


def throwaways(draw: Random) -> Iterator[Voter]:
    """B: 1,000 addresses at 40 services of throwaway mailboxes, from 50 networks, over a day."""
    names, services = Names(draw, "b"), draw.sample(THROWAWAY, 40)
    for number in range(1000):
        at = on(10, 0.5 + 23 * draw.random())
        yield Voter("B", names.mailbox(draw.choice(services)), f"91.20.{number % 50}.1", at, patient(draw))


def catch_all(draw: Random) -> Iterator[Voter]:
    """C: a script with 300 addresses on its own domain, that confirms as soon as it sees the letter."""
    names, domain = Names(draw, "c"), f"mx{draw.randrange(10**6)}.net"
    for at in _run(draw, on(12, draw.uniform(8, 18)), 300, hours=draw.uniform(0.3, 2.5)):
        yield Voter("C", names.mailbox(domain), "91.30.0.1", at, _script(draw))


def catch_all_patient(draw: Random) -> Iterator[Voter]:
    """C, patient: the same, from telephones, at the pace of people, over three to eight hours."""
    names, domain = Names(draw, "cp"), f"mx{draw.randrange(10**6)}.net"
    for at in _run(draw, on(18, draw.uniform(8, 13)), 300, hours=draw.uniform(3, 8)):
        yield Voter("C patient", names.mailbox(domain), f"91.31.{draw.randrange(30)}.1", at, patient(draw))


def new_domains(draw: Random) -> Iterator[Voter]:
    """D: the script of C over 40 new domains, which all have one mail server under 40 names."""
    names, domains = Names(draw, "d"), [f"mx{draw.randrange(10**6)}.net" for _ in range(40)]
    for at in _run(draw, on(11, draw.uniform(8, 18)), 300, hours=draw.uniform(0.3, 2.5)):
        yield Voter("D", names.mailbox(draw.choice(domains)), "91.40.0.1", at, _script(draw))


def new_domains_patient(draw: Random) -> Iterator[Voter]:
    """D, patient: the same, at the pace of people, from 30 networks, over three to eight hours."""
    names, domains = Names(draw, "dp"), [f"mx{draw.randrange(10**6)}.net" for _ in range(40)]
    for at in _run(draw, on(17, draw.uniform(8, 13)), 300, hours=draw.uniform(3, 8)):
        host = f"91.41.{draw.randrange(30)}.1"
        yield Voter("D patient", names.mailbox(draw.choice(domains)), host, at, patient(draw))


def botnet(draw: Random) -> Iterator[Voter]:
    """E: 500 mailboxes at big providers, 500 networks, steadily over two days; confirms as soon as it can."""
    return _botnet(draw, "E", 13, _script, lambda draw: 24 * draw.random())


def botnet_patient(draw: Random) -> Iterator[Voter]:
    """E, patient: the same at the hours and at the pace of people."""
    return _botnet(draw, "E patient", 19, patient, hour_of_day)


def stored(draw: Random) -> Iterator[Voter]:
    """F: 300 mailboxes at big providers, 60 networks; asked for ahead, all confirmed in the last ten minutes."""
    names = Names(draw, "f")
    for number in range(300):
        gap = draw.choice((900, 1200, 1500))
        at = on(21, 24) - timedelta(seconds=draw.uniform(20, 590) // SLOT * SLOT + gap + 30)
        yield Voter("F", names.mailbox(_big(draw)), f"91.60.{number % 60}.1", at, gap)


def night(draw: Random) -> Iterator[Voter]:
    """G: 300 mailboxes at big providers, between midnight and six, in bursts of half an hour from a few networks."""
    names, networks = Names(draw, "g"), draw.randint(1, 10)
    for number in range(300):
        at = on(15, draw.choice((1, 2.5, 4)) + 0.5 * draw.random())
        yield Voter("G", names.mailbox(_big(draw)), f"91.70.{number % networks}.1", at, patient(draw))


def drip(draw: Random) -> Iterator[Voter]:
    """H: 20 a day from one domain, at the hours and the pace of people, each from another network."""
    names, domain = Names(draw, "hh"), f"mx{draw.randrange(10**6)}.net"
    for number in range(300):
        yield Voter("H", names.mailbox(domain), names.home(), on(7 + number // 20, hour_of_day(draw)), patient(draw))


def bombing(draw: Random) -> Iterator[Voter]:
    """I: 500 letters asked for one victim, from 100 networks, within an hour; the victim votes in the evening."""
    victim, begins = "victime@free.fr", on(20, draw.uniform(8, 14))
    for number in range(500):
        at = begins + timedelta(minutes=60 * draw.random())
        yield Voter("I", victim, f"91.90.{number % 100}.1", at, None)


def replays(draw: Random) -> Iterator[Voter]:
    """J: a domain is heated with 70 requests, one proof of work is solved, and sent with 300 more requests."""
    names, domain, begins = Names(draw, "j"), f"mx{draw.randrange(10**6)}.net", on(20, draw.uniform(15, 20))
    begins = begins.replace(minute=draw.choice((1, 11, 21)))
    for number in range(370):
        heating = number < 70
        at = begins + timedelta(seconds=number)
        gap = None if heating else 30.0
        yield Voter("J", names.mailbox(domain), "91.95.0.1", at, gap, replays=not heating)


def forged(draw: Random) -> Iterator[Voter]:
    """K: a script with 300 mailboxes at big providers on one line, that names another client address each time."""
    names, begins = Names(draw, "k"), on(16, draw.uniform(8, 17))
    for at in _run(draw, begins, 300, hours=draw.uniform(0.3, 1.5)):
        lie = ".".join(str(draw.randrange(1, 255)) for _ in range(4))
        yield Voter("K", names.mailbox(_big(draw)), "91.99.0.1", at, _script(draw), forged=lie)


ATTACKS: Mapping[str, Callable[[Random], Iterator[Voter]]] = {
    "A": aliases,
    "B": throwaways,
    "C": catch_all,
    "C patient": catch_all_patient,
    "D": new_domains,
    "D patient": new_domains_patient,
    "E": botnet,
    "E patient": botnet_patient,
    "F": stored,
    "G": night,
    "H": drip,
    "I": bombing,
    "J": replays,
    "K": forged,
}
"""L is no crowd of its own: the company's mail gateway opens and presses whatever its people are sent."""


def _botnet(draw: Random, part: str, day: int, pace: Pace, hour: Pace) -> Iterator[Voter]:
    names = Names(draw, part[-1])
    for number in range(500):
        at = on(day + number % 2, hour(draw))
        host = f"91.{50 + (number % 500) // 250}.{number % 250}.{draw.randrange(1, 255)}"
        yield Voter(part, names.mailbox(_big(draw)), host, at, pace(draw))


def _run(draw: Random, begins: datetime, count: int, hours: float) -> Iterator[datetime]:
    """One after the other, with uneven pauses."""
    at = begins
    for _ in range(count):
        at += timedelta(hours=hours / count * draw.uniform(0.5, 1.5))
        yield at


def _script(draw: Random) -> float:
    """Delivery, the next look into the mailbox, which comes every five seconds, and two calls."""
    return 1 + draw.lognormvariate(1.4, 0.5) + 5 * draw.random() + 0.5


def _big(draw: Random) -> str:
    return draw.choices(list(BIG_FIVE), list(BIG_FIVE.values()))[0]
