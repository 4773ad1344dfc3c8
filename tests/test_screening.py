"""Screening: which arrivals set ballots aside, what officers decide on them, and what that leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from nodes import KEYS
from people import CONTEST, EDITION, MORNING, SITE
from sqlalchemy import select, update

from vote import (
    addresses,
    asking,
    audit,
    casting,
    contests,
    decisions,
    envelope,
    marks,
    minutes,
    receipts,
    screening,
    sealing,
    signals,
    staff,
    station,
    tally,
)
from vote.asking import Request
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.errors import Conflict
from vote.models import Act, Envelope, Role, Rule, Suspicion
from vote.receipts import Whereabouts
from vote.rules import Arrival
from vote.signals import Seen

HOUR = timedelta(hours=1)
OFFICE = {"who": "Dominique", "why": "Essai"}
SEALER = station.sealer_for(SITE, b"k" * 32, CONTEST)
HOME, SCHOOL = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def here(database: Database) -> Iterator[Booth]:
    booth = Booth(database, KEYS, CONTEST, HOUR)
    yield booth
    with database.reading() as session:
        contest = contests.read(session, CONTEST)
        findings = audit.examine_database(session, contest, SEALER.signer.verifier)
    assert [finding.said("en") for finding in findings if not finding.holds] == []


def vote(
    here: Booth,
    name: str,
    *,
    domain: str = "gmail.com",
    host: str | None = HOME,
    laureate: str = "ilot-femmes",
    seconds: float = 60,
    at: timedelta = timedelta(0),
    doubt: Rule | None = None,
    before: int = 0,
) -> Receipt:
    """One whole vote, `at` after the morning, confirmed `seconds` after its letter."""
    asked_at = MORNING + at
    networks = marks.networks(KEYS, host, asked_at)
    asked = Request(f"{name}@{domain}", name.encode(), domain=domain, networks=networks, doubt=doubt)
    (verification,) = asking.request(here, [asked], asked_at)
    assert isinstance(verification, bytes)
    ballot = Confirmation(
        verification,
        envelope.new_ballot_code(),
        laureate,
        network=networks[-1] if networks else None,
        cast_before=before,
    )
    (outcome,) = casting.confirm(here, [ballot], asked_at + timedelta(seconds=seconds))
    assert isinstance(outcome, Receipt)
    return outcome


def suspicions(here: Booth) -> list[tuple[Rule, int]]:
    """The rules that hold ballots, and how many each."""
    with here.database.reading() as session:
        return [(Rule(group.suspicion.rule), group.waiting) for group in decisions.groups(session, CONTEST)]


def decide(here: Booth, verdict: Act, at: timedelta = HOUR) -> None:
    with here.database.reading() as session:
        (group,) = decisions.groups(session, CONTEST)
    decisions.decide(here.database, CONTEST, group.suspicion.id, verdict, at=MORNING + at, **OFFICE)


def whereabouts(here: Booth, receipt: Receipt) -> receipts.Answer:
    with here.database.reading() as session:
        return receipts.ask(session, CONTEST, receipt.ballot_code, HOUR)


def counted(here: Booth) -> dict[str, int]:
    with here.database.reading() as session:
        assert tally.running_count(session, CONTEST) == tally.recount(session, CONTEST)
        assert tally.balance(session, CONTEST).balanced
        return tally.running_count(session, CONTEST)


def human(number: int) -> float:
    """Seconds that the nth person of a crowd takes: every one otherwise, as people do."""
    return 25 * 1.9 ** (number * 7 % 5) + number


def test_people_are_left_alone(here: Booth) -> None:
    for number in range(60):
        moment = timedelta(minutes=2 * number)
        assert not vote(here, f"a{number}", host=SCHOOL, seconds=human(number), at=moment).aside
    assert counted(here) == {"ilot-femmes": 60}


def test_a_throwaway_address_is_set_aside_with_its_domain_and_named(here: Booth) -> None:
    assert vote(here, "a", domain="yopmail.com").aside
    assert vote(here, "b", domain="mail.yopmail.com").aside
    assert not vote(here, "c").aside
    assert [rule for rule, _ in suspicions(here)] == [Rule.THROWAWAY] * 2
    with here.database.reading() as session:
        assert {one.name for one in session.scalars(select(Suspicion))} == {"yopmail.com", "mail.yopmail.com"}
    assert counted(here) == {"ilot-femmes": 1}


@pytest.mark.parametrize("doubt", [Rule.TRAP, Rule.UNPROVED])
def test_a_doubt_concerns_one_ballot_and_not_its_neighbours(here: Booth, doubt: Rule) -> None:
    assert not vote(here, "a").aside
    assert vote(here, "b", doubt=doubt).aside
    assert not vote(here, "c").aside
    assert suspicions(here) == [(doubt, 1)]


def test_a_browser_that_casts_again_and_again_is_noticed(here: Booth) -> None:
    assert not vote(here, "a", before=EDITION.figures.per_browser - 1).aside
    assert vote(here, "b", before=EDITION.figures.per_browser).aside
    assert suspicions(here) == [(Rule.BROWSER, 1)]


def test_confirmations_at_the_pace_of_a_machine_set_the_whole_network_aside(here: Booth) -> None:
    elsewhere = vote(here, "elsewhere", host=SCHOOL)
    paces = (9, 15)  # a script that looks into its mailbox every few seconds
    receipts_ = [
        vote(here, f"a{number}", seconds=paces[number % 2], at=timedelta(minutes=number)) for number in range(30)
    ]
    assert [receipt.aside for receipt in receipts_] == [False] * 24 + [True] * 6
    assert {whereabouts(here, receipt).whereabouts for receipt in receipts_} == {Whereabouts.ASIDE}
    assert whereabouts(here, elsewhere).whereabouts is Whereabouts.WAITING
    assert counted(here) == {"ilot-femmes": 1}


def test_a_class_that_votes_at_the_pace_of_its_lesson_is_left_alone(here: Booth) -> None:
    for number in range(30):
        seconds = 45 if number % 8 else 85
        assert not vote(here, f"a{number}", host=SCHOOL, seconds=seconds, at=timedelta(seconds=10 * number)).aside


def test_a_run_from_many_small_domains_of_one_network_is_set_aside(here: Booth) -> None:
    for number in range(45):
        vote(here, f"a{number}", domain=f"domain{number % 9}.example.net", seconds=human(number),
             at=timedelta(minutes=number))  # fmt: skip
    assert suspicions(here) == [(Rule.DOMAINS, 45)]


def test_a_forum_where_many_houses_meet_is_left_alone(here: Booth) -> None:
    for number in range(80):
        house = f"house{number % 40}.example.net"
        assert not vote(here, f"a{number}", domain=house, seconds=human(number), at=timedelta(minutes=number)).aside


def test_a_company_on_its_own_domain_is_left_alone_and_a_flood_from_a_domain_is_not(here: Booth) -> None:
    for number in range(EDITION.figures.surge[0] - 1):
        assert not vote(here, f"a{number}", domain="company.example.net", seconds=human(number) / 2).aside
    vote(here, "last", domain="company.example.net")
    assert suspicions(here) == [(Rule.SURGE, EDITION.figures.surge[0])]


def test_confirmations_kept_in_store_and_let_go_at_once_are_set_aside(here: Booth) -> None:
    for number in range(20):
        kept = 400 + 500 * (number % 2)
        vote(here, f"a{number}", seconds=kept + number, at=timedelta(minutes=25) - timedelta(seconds=kept))
    assert suspicions(here) == [(Rule.STORED, 20)]
    assert counted(here) == {}


def test_a_burst_of_one_network_at_night_is_set_aside(here: Booth) -> None:
    midnight = timedelta(hours=16, minutes=30)
    for number in range(EDITION.figures.night[0]):
        vote(here, f"a{number}", seconds=human(number) / 4, at=midnight)
    assert suspicions(here) == [(Rule.NIGHT, EDITION.figures.night[0])]


def test_votes_of_one_network_that_trickle_through_the_night_are_set_aside(here: Booth) -> None:
    midnight = timedelta(hours=15, minutes=30)
    for number in range(EDITION.figures.night[1]):
        vote(here, f"a{number}", seconds=human(number) / 4, at=midnight + timedelta(minutes=20 * number))
    assert suspicions(here) == [(Rule.NIGHT, EDITION.figures.night[1])]


def test_what_is_quicker_than_a_person_is_set_aside_once_it_is_many(here: Booth) -> None:
    for number in range(25):
        vote(here, f"a{number}", host=f"192.0.{number}.1", seconds=5, at=timedelta(seconds=number))
    assert suspicions(here) == [(Rule.QUICK, 25)]
    assert not vote(here, "slow", host="192.0.3.1", seconds=60).aside


def test_without_a_network_address_nothing_fails(here: Booth) -> None:
    assert not vote(here, "a", host=None).aside
    assert not vote(here, "b", host="not an address").aside


def aside_for_pace(here: Booth) -> list[Receipt]:
    return [vote(here, f"a{number}", seconds=15, at=timedelta(seconds=20 * number)) for number in range(26)]


def test_admitted_ballots_count_are_sealed_and_their_marks_are_left_in_peace(here: Booth) -> None:
    cast = aside_for_pace(here)
    decide(here, Act.ADMISSION)
    assert counted(here) == {"ilot-femmes": 26}
    assert not vote(here, "later", seconds=15, at=HOUR).aside
    sealing.seal(here.database, SEALER, MORNING + 3 * HOUR)
    assert {whereabouts(here, receipt).whereabouts for receipt in cast} == {Whereabouts.SEALED}
    with here.database.reading() as session:
        line = minutes.read(session, CONTEST)[-1]
    assert (line.act, line.who, line.after and line.after["count"]) == (Act.ADMISSION, "Dominique", 26)


def test_whoever_shares_the_marks_of_what_waits_waits_with_it(here: Booth) -> None:
    aside_for_pace(here)
    slow = [vote(here, f"b{number}", seconds=200 + number, at=timedelta(minutes=9)) for number in range(4)]
    assert all(receipt.aside for receipt in slow)
    assert suspicions(here) == [(Rule.MACHINE, 30)]
    assert not vote(here, "c", host=SCHOOL, seconds=15, at=timedelta(minutes=9)).aside


def test_ballots_of_several_laureates_are_set_aside_and_admitted_as_they_were_cast(here: Booth) -> None:
    slugs = [laureate.slug for laureate in EDITION.laureates][:3]
    for number in range(26):
        vote(here, f"a{number}", laureate=slugs[number % 3], seconds=15, at=timedelta(seconds=20 * number))
    assert counted(here) == {}
    decide(here, Act.ADMISSION)
    assert counted(here) == {slugs[0]: 9, slugs[1]: 9, slugs[2]: 8}
    with here.database.reading() as session:
        left = session.execute(select(Envelope.network, Envelope.domain, Envelope.gap).distinct()).all()
    assert [tuple(row) for row in left] == [(None, None, None)]


@pytest.mark.parametrize(
    ("facts", "votes", "asked"),
    [
        ({"votes": 150}, 300, False),
        ({"votes": 150}, 301, True),
        ({"votes": 150, "share": 90}, 270, False),
        ({"votes": 150, "share": 90}, 271, True),
        ({"votes": 150, "share": 90, "admitted": 140}, 280, False),
        ({"votes": 150, "share": 90, "admitted": 140}, 281, True),
    ],
)
def test_an_admission_lasts_until_votes_have_doubled(
    database: Database, facts: dict[str, int], votes: int, asked: bool
) -> None:
    domain = marks.domain(KEYS, "village.example.org")
    with database.writing() as session:
        admitted = Suspicion(
            id=b"a" * 16, contest=CONTEST, rule=Rule.SURGE, domain=domain.mark, name=domain.name, facts=facts,
            at=MORNING, verdict=Act.ADMISSION,
        )  # fmt: skip
        session.add(admitted)
        session.flush()
        everybody = marks.contest(KEYS, CONTEST)
        signals.count(session, {domain.mark: Seen(gaps=[0, 0, *[(votes - 1) // 5] * 5, (votes - 1) % 5])}, MORNING)
        arrival = Arrival(None, domain, 3)
        found, _ = screening.suspect(session, CONTEST, everybody, EDITION.figures, [arrival], MORNING)
    assert (found != [None]) is asked


def test_an_admission_is_no_licence_for_whoever_follows(here: Booth) -> None:
    aside_for_pace(here)
    decide(here, Act.ADMISSION, timedelta(minutes=8))
    later = [
        vote(here, f"b{number}", seconds=15, at=timedelta(minutes=12) + timedelta(seconds=10 * number))
        for number in range(60)
    ]
    # 26 were admitted: more than twice as many are asked about again.
    assert [receipt.aside for receipt in later].index(True) == 26
    assert suspicions(here)[0][0] is Rule.MACHINE


def test_an_admitted_ballot_without_proof_admits_no_other(here: Booth) -> None:
    vote(here, "a", doubt=Rule.UNPROVED)
    decide(here, Act.ADMISSION)
    assert vote(here, "b", doubt=Rule.UNPROVED).aside
    assert vote(here, "c", doubt=Rule.TRAP).aside


def test_what_comes_at_the_end_of_an_hour_waits_for_what_may_follow_it(here: Booth) -> None:
    for number in range(20):
        vote(here, f"a{number}", host=f"192.0.{number}.1", at=timedelta(minutes=45 if number % 2 else 55))
    sealing.seal(here.database, SEALER, MORNING + HOUR)
    with here.database.reading() as session:
        assert tally.balance(session, CONTEST).signatures == 20
        assert len(session.scalars(select(Envelope)).all()) == 10


def test_rejected_ballots_are_destroyed_unopened_and_say_why(here: Booth) -> None:
    cast = aside_for_pace(here)
    decide(here, Act.REJECTION)
    assert counted(here) == {}
    answer = whereabouts(here, cast[0])
    assert (answer.whereabouts, answer.rule, answer.why) == (Whereabouts.REJECTED, Rule.MACHINE, "Essai")
    with here.database.reading() as session:
        assert session.scalars(select(Envelope)).all() == []
        assert tally.balance(session, CONTEST) == tally.Balance(26, 26, 0, rejected=26)
    # The next of the same marks is suspect anew.
    assert vote(here, "next", seconds=15, at=timedelta(minutes=7)).aside


def test_a_decision_is_made_once_and_only_before_the_publication(here: Booth) -> None:
    aside_for_pace(here)
    decide(here, Act.REJECTION)
    with here.database.reading() as session:
        suspicion = session.scalars(select(Suspicion)).one()
    with pytest.raises(Conflict, match="en attente"):
        decisions.decide(here.database, CONTEST, suspicion.id, Act.ADMISSION, at=MORNING + HOUR, **OFFICE)


def test_the_publication_waits_for_the_decision_and_tells_the_rejected(here: Booth) -> None:
    vote(here, "honest", host=SCHOOL)
    aside_for_pace(here)
    late = MORNING + 2 * HOUR
    contests.close(here.database, CONTEST, at=late, **OFFICE)
    with pytest.raises(Conflict, match="26 bulletins mis de côté"):
        contests.publish(here.database, SEALER, at=late, **OFFICE)
    decide(here, Act.REJECTION, 2 * HOUR)
    contests.publish(here.database, SEALER, at=late + HOUR, **OFFICE)
    with here.database.reading() as session:
        results = contests.read(session, CONTEST).results
    assert results == {"votes": {"ilot-femmes": 1}, "signatures": 27, "ballots": 1}


def test_a_rejection_changed_behind_the_minutes_is_found(database: Database) -> None:
    here = Booth(database, KEYS, CONTEST, HOUR)
    aside_for_pace(here)
    with database.writing() as session:
        session.execute(update(Envelope).where(Envelope.suspicion.is_not(None)).values(suspicion=None))
    with database.reading() as session:
        contest = contests.read(session, CONTEST)
        findings = audit.examine_database(session, contest, SEALER.signer.verifier)
    assert not all(finding.holds for finding in findings)


def test_officers_are_written_to_once_for_what_is_new(here: Booth) -> None:
    aside_for_pace(here)
    assert decisions.alert(here.database, CONTEST, MORNING) == 0  # no officer is entered yet
    for name, role in (("a", Role.OFFICER), ("b", Role.OFFICER), ("c", Role.JUROR)):
        address = addresses.parse(f"{name}@example.org")
        staff.add(here.database, CONTEST, address, name, role, MORNING, "l’opérateur")
    assert decisions.alert(here.database, CONTEST, MORNING) == 0
    vote(here, "new", domain="yopmail.com")
    assert [decisions.alert(here.database, CONTEST, MORNING) for _ in range(2)] == [2, 0]


def test_the_figures_are_those_of_the_edition(database: Database) -> None:
    stricter = replace(EDITION, screening=replace(EDITION.figures, per_browser=1))
    contests.load(database, stricter, MORNING, "les tests")
    assert vote(Booth(database, KEYS, CONTEST, HOUR), "a", before=1).aside
