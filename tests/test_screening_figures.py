"""Where each rule of screening begins, to the vote, and what officers are told it has counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from nodes import KEYS
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select

from vote import contests, marks, screening, signals
from vote.db import Database
from vote.editions import Screening
from vote.mail_hosts import Host
from vote.marks import Domain
from vote.models import Act, Rule, Suspicion
from vote.rules import Arrival
from vote.signals import Seen

EVERYBODY, NETWORK, HERE = marks.contest(KEYS, CONTEST), b"network", b"domain"
FIGURES = Screening(
    machine=25, machine_share=90, quick=20, quick_share=3, stored=15, stored_share=50,
    domains=40, domains_share=60, domains_least=8, domains_each=3,
    hosts=20, hosts_least=8, hosts_share=10, surge=(40, 150), night=(4, 6),
)  # fmt: skip
EARLIER, DAY = timedelta(minutes=20), timedelta(days=1)
SMALL = Domain("village.example.org", HERE, private=True, throwaway=False)
KNOWN = Domain("village.example.com", HERE, private=False, throwaway=False)
SERVER = Host(b"server", "mail.example.org")
FROM_NETWORK = Arrival(NETWORK, None, 3)

Opened = list[tuple[Rule, dict[str, Any]]]


def seen(steps: Mapping[int, int], **more: int) -> Seen:
    """Votes by the step that they took."""
    gaps = [steps.get(step, 0) for step in range(len(signals.GAPS))]
    return Seen(**more, gaps=gaps, votes=sum(gaps))


def people(votes: int) -> Mapping[int, int]:
    """So many votes at the paces of people: neither quick nor stored, nor alike."""
    return Counter(1 + number % 5 for number in range(votes))


def opened(
    database: Database,
    arrival: Arrival,
    now: Mapping[bytes, Seen],
    earlier: Mapping[bytes, Seen] | None = None,
    at: datetime = MORNING,
) -> Opened:
    """The suspicions that an arrival opens after these votes, counted in its ten minutes and earlier that day."""
    with database.writing() as session:
        signals.count(session, earlier or {}, at - EARLIER)
        signals.count(session, now, at)
        known = set(session.scalars(select(Suspicion.id)))
        screening.suspect(session, CONTEST, EVERYBODY, FIGURES, [arrival], at)
        rows = session.scalars(select(Suspicion).order_by(Suspicion.rule)).all()
        own = {arrival.network, arrival.gap, *(one.mark for one in (arrival.domain, arrival.host) if one)}
        for new in (one for one in rows if one.id not in known):
            (mark,) = {new.network, new.domain, new.gap, new.host} - {None}  # the one that the rule is about
            assert mark in own
        return [(Rule(one.rule), one.facts) for one in rows]


def told(rule: Rule, votes: int, share: int, usual: int) -> Opened:
    return [(rule, {"votes": votes, "share": share, "usual": usual})]


@pytest.mark.parametrize(
    ("late", "votes", "others", "usual"),
    [(15, 30, 40, 10), (15, 30, 1, 100), (14, 28, 40, None), (15, 31, 40, None), (50, 101, 40, None)],
)
def test_where_votes_in_store_begin(database: Database, late: int, votes: int, others: int, usual: int | None) -> None:
    network = seen({6: late - 1, **people(votes - late)})
    elsewhere = seen({7: max(1, others // 10), **people(others - max(1, others // 10))})
    found = opened(database, Arrival(NETWORK, None, 6), {NETWORK: network, EVERYBODY: network}, {EVERYBODY: elsewhere})
    assert found == ([] if usual is None else told(Rule.STORED, votes, 50, usual))


@pytest.mark.parametrize(
    ("private", "domains", "votes", "aside"),
    [
        (40, 8, 66, True),
        (42, 14, 70, True),
        (39, 8, 60, False),
        (40, 7, 66, False),
        (42, 15, 70, False),
        (42, 14, 71, False),
        (59, 8, 99, False),
    ],
)
def test_where_many_small_domains_begin(
    database: Database, private: int, domains: int, votes: int, aside: bool
) -> None:
    network = seen(people(votes - 1), private=private, domains=domains)
    with_others = seen(people(votes + 99), private=private + 20, domains=domains)
    found = opened(database, FROM_NETWORK, {}, {NETWORK: network, EVERYBODY: with_others})
    assert found == (told(Rule.DOMAINS, votes, round(100 * private / votes), 20) if aside else [])


@pytest.mark.parametrize(
    ("moment", "now", "before", "told_votes"),
    [
        ("2019-11-18T00:30:00+01:00", 4, 0, 4),  # the 17th still, by the clock of Greenwich
        ("2019-11-18T05:59:00+01:00", 4, 0, 4),
        ("2019-11-17T23:59:00+01:00", 4, 0, None),
        ("2019-11-18T06:00:00+01:00", 4, 0, None),
        ("2019-11-18T03:00:00+01:00", 3, 2, None),
        ("2019-11-18T03:00:00+01:00", 3, 3, 6),
        ("2019-11-18T03:00:00+01:00", 4, 1, 5),
        ("2019-11-18T00:30:00+01:00", 3, 9, None),  # what voted by daylight, the day before, is no night
    ],
)
def test_where_the_night_begins(database: Database, moment: str, now: int, before: int, told_votes: int | None) -> None:
    at = datetime.fromisoformat(moment)
    found = opened(database, FROM_NETWORK, {NETWORK: seen({2: now - 1})}, {NETWORK: seen({4: before})}, at)
    assert found == ([] if told_votes is None else [(Rule.NIGHT, {"votes": told_votes})])


@pytest.mark.parametrize(
    ("domain", "now", "before", "aside"),
    [
        (SMALL, 40, 9, True),
        (SMALL, 39, 10, False),
        (SMALL, 1, 149, True),
        (SMALL, 1, 148, False),
        (KNOWN, 40, 150, False),
    ],
)
def test_where_a_flood_from_one_domain_begins(
    database: Database, domain: Domain, now: int, before: int, aside: bool
) -> None:
    arrival = Arrival(None, domain, 3)
    found = opened(database, arrival, {HERE: seen(people(now - 1))}, {HERE: seen(people(before))})
    assert found == ([(Rule.SURGE, {"votes": now + before})] if aside else [])


@pytest.mark.parametrize(
    ("hosted", "domains", "in_all", "before", "before_in_all", "usual"),
    [
        (20, 8, 200, 0, 701, 3),
        (20, 8, 200, 0, 700, None),
        (20, 8, 201, 0, 9_000, None),
        (100, 8, 1_001, 0, 9_000, None),
        (19, 8, 150, 0, 9_000, None),
        (20, 7, 200, 0, 9_000, None),
        (20, 8, 200, 20, 9_000, None),
        (21, 8, 210, 20, 2_950, 2),
    ],
)
def test_where_a_mail_host_becomes_conspicuous(
    database: Database, hosted: int, domains: int, in_all: int, before: int, before_in_all: int, usual: int | None
) -> None:
    with database.writing() as session:
        days_before = {EVERYBODY: seen({}, hosted=before_in_all)}
        if before:
            days_before[SERVER.mark] = seen({}, hosted=before)
        signals.count(session, days_before, MORNING - DAY)
    today = {
        HERE: seen({3: 1}),
        SERVER.mark: seen(people(hosted - 1), hosted=hosted - 1, domains=domains),
        EVERYBODY: seen(people(in_all - 1), hosted=in_all - 1),
    }
    found = opened(database, Arrival(None, SMALL, 3, host=SERVER), {}, today)
    assert found == ([] if usual is None else told(Rule.HOSTS, in_all, 10, usual))


@pytest.mark.parametrize(
    ("contest", "verdict", "aside"),
    [
        (CONTEST, Act.REJECTION, True),
        (CONTEST, Act.ADMISSION, False),
        (CONTEST, None, False),
        ("elsewhere", Act.REJECTION, False),
    ],
)
def test_what_officers_rejected_is_no_past_of_a_mail_host(
    database: Database, contest: str, verdict: Act | None, aside: bool
) -> None:
    contests.load(database, replace(EDITION, contest="elsewhere"), MORNING, "l’opérateur")
    with database.writing() as session:
        days_before = {SERVER.mark: seen({}, hosted=500), EVERYBODY: seen({}, hosted=9_000)}
        signals.count(session, days_before, MORNING - DAY)
        earlier = Suspicion(
            id=b"e" * 16, contest=contest, rule=Rule.HOSTS, host=SERVER.mark, gap=7, name=SERVER.name, facts={},
            at=MORNING - DAY, verdict=verdict,
        )  # fmt: skip
        session.add(earlier)
    today = {SERVER.mark: seen(people(30), hosted=30, domains=8), EVERYBODY: seen(people(30), hosted=30)}
    found = opened(database, Arrival(None, SMALL, 3, host=SERVER), {}, today)
    assert len(found) == 1 + aside


@pytest.mark.parametrize(
    ("quick", "votes", "aside"),
    [(20, 666, True), (30, 1_000, True), (20, 667, False), (19, 100, False), (100, 3_350, False)],
)
def test_where_what_is_quicker_than_people_begins(database: Database, quick: int, votes: int, aside: bool) -> None:
    day = seen({0: quick - 1, **people(votes - quick)})
    found = opened(database, Arrival(None, None, 0), {}, {EVERYBODY: day})
    assert found == (told(Rule.QUICK, votes, 3, 0) if aside else [])
    assert opened(database, Arrival(None, None, 3), {}) == found


@pytest.mark.parametrize("step", [6, 7])
@pytest.mark.parametrize(
    ("late", "now", "before", "usual", "share"),
    [
        (15, 30, 50, 5, 10),
        (15, 31, 50, 5, None),
        (15, 30, 49, 0, None),
        (14, 20, 50, 0, None),
        (60, 70, 60, 0, 0),
    ],
)
def test_where_one_late_step_of_the_whole_contest_becomes_conspicuous(
    database: Database, step: int, late: int, now: int, before: int, usual: int, share: int | None
) -> None:
    burst = {EVERYBODY: seen({step: late - 1, **people(now - late)})}
    day = {EVERYBODY: seen({step: usual, **people(before - usual)})}
    found = opened(database, Arrival(None, None, step), burst, day)
    assert found == ([] if share is None else told(Rule.STORED, now, round(100 * late / now), share))


@pytest.mark.parametrize(
    ("most", "votes", "others", "usual"),
    [
        (27, 30, 0, 34),
        (27, 30, 10, 45),
        (27, 30, 11, None),
        (23, 25, 0, 34),
        (22, 25, 0, None),
        (24, 24, 0, None),
        (90, 101, 0, None),
    ],
)
@pytest.mark.parametrize("all_now", [True, False])
def test_where_the_pace_of_a_machine_begins(
    database: Database, most: int, votes: int, others: int, usual: int | None, all_now: bool
) -> None:
    """Fifty people of experience stand beside the votes of others: 17 of them take the step that this machine takes."""
    network = seen({3: most - 1, 5: votes - most})
    everybody = seen({3: most - 1 + others, 5: votes - most})
    counted = {NETWORK: network, EVERYBODY: everybody}
    found = opened(database, FROM_NETWORK, counted if all_now else {}, {} if all_now else counted)
    assert found == ([] if usual is None else told(Rule.MACHINE, votes, round(100 * most / votes), usual))


def test_a_machine_shows_within_ten_minutes_of_a_day_of_people_too(database: Database) -> None:
    now = {NETWORK: seen({5: 29}), EVERYBODY: seen({5: 29})}
    day = {NETWORK: seen(people(100)), EVERYBODY: seen(people(150))}
    found = opened(database, Arrival(NETWORK, None, 5), now, day)
    # Of the 150 and the fifty that every day begins with, all but this burst.
    assert found == told(Rule.MACHINE, 30, 100, round(100 * 33 / 200))


@pytest.mark.parametrize(("first", "second", "aside"), [(15, 15, True), (15, 9, False)])
def test_the_two_quickest_steps_are_one(database: Database, first: int, second: int, aside: bool) -> None:
    counted = {NETWORK: seen({0: first - 1, 1: second}), EVERYBODY: seen({0: first - 1, 1: second})}
    found = opened(database, Arrival(NETWORK, None, 0), counted)
    assert found == (told(Rule.MACHINE, 30, 100, 10) if aside else [])


def test_the_votes_of_an_arrival_are_counted_once_for_each_of_its_marks(database: Database) -> None:
    other = Domain("town.example.org", b"other", private=True, throwaway=False)
    arrivals: Sequence[Arrival] = [
        Arrival(NETWORK, SMALL, 3, host=SERVER),
        Arrival(NETWORK, SMALL, 4, host=SERVER),
        Arrival(NETWORK, other, 3),
        Arrival(NETWORK, KNOWN, 3),
        Arrival(NETWORK, None, 3),
        Arrival(None, None, 3),
    ]
    with database.writing() as session:
        screening.suspect(session, CONTEST, EVERYBODY, FIGURES, arrivals, MORNING)
        counted = signals.count(session, {mark: Seen() for mark in (NETWORK, HERE, SERVER.mark, EVERYBODY)}, MORNING)
    for span in (signals.BURST, signals.SUSTAINED):
        assert counted[HERE, span] == seen({3: 2, 4: 1})
        assert counted[SERVER.mark, span] == seen({3: 1, 4: 1}, private=2, hosted=2, domains=1)
        assert counted[NETWORK, span] == seen({3: 4, 4: 1}, private=3, hosted=2, domains=2)
        assert counted[EVERYBODY, span] == seen({3: 5, 4: 1}, private=3, hosted=2, domains=2)
