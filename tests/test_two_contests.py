"""Two contests in one database: what is done in one neither counts nor shows in the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from nodes import KEYS, ask, ballot, booth
from people import CONTEST, EDITION, MORNING, SITE
from sqlalchemy import select, update

from vote import (
    addresses,
    asking,
    audit,
    ballot_box,
    casting,
    contests,
    decisions,
    merkle,
    minutes,
    poll_book,
    sealing,
    signals,
    staff,
    station,
    tally,
)
from vote.asking import Request
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.envelope import new_ballot_code
from vote.errors import Unknown
from vote.models import Act, Envelope, Role, Rule, RunningCount, Signal, State, Suspicion
from vote.notes import read_checkpoint
from vote.signals import Seen

OTHER = "prix-2020"
HOUR = timedelta(hours=1)
VOTERS = {CONTEST: 12, OTHER: 31}
OFFICE = {"who": "Dominique", "why": "Essai"}


@dataclass
class Both:
    """The codes of the ballots of each contest, sealed in two lots."""

    database: Database
    codes: dict[str, list[bytes]]
    at: datetime


def cast(database: Database, contest: str, voters: range, at: datetime) -> list[bytes]:
    """Voters of the same names in both."""
    here, laureate = booth(database, contest), "ilot-femmes" if contest == CONTEST else "permis-de-construire"
    filled = [ballot(asked, laureate) for asked in ask(here, [f"voter {n}".encode() for n in voters], at)]
    assert all(isinstance(outcome, Receipt) for outcome in casting.confirm(here, filled, at))
    return [one.ballot_code for one in filled]


def complaints(database: Database, contest: str) -> list[str]:
    verifier = station.sealer_for(SITE, b"k" * 32, contest).signer.verifier
    with database.reading() as session:
        findings = audit.examine_database(session, contests.read(session, contest), verifier)
    return [finding.said("en") for finding in findings if not finding.holds]


@pytest.fixture
def both(database: Database) -> Iterator[Both]:
    contests.load(database, replace(EDITION, contest=OTHER), MORNING, "l’opérateur")
    codes: dict[str, list[bytes]] = {CONTEST: [], OTHER: []}
    at = MORNING
    for contest in (OTHER, CONTEST, OTHER, CONTEST):
        start = len(codes[contest])
        codes[contest] += cast(database, contest, range(start, start + VOTERS[contest]), at)
        at += HOUR
        assert sealing.seal(database, station.sealer_for(SITE, b"k" * 32, contest), at)
        at += HOUR
    yield Both(database, codes, at)
    assert complaints(database, CONTEST) == complaints(database, OTHER) == []


def test_each_box_holds_and_proves_its_own_ballots_alone(both: Both) -> None:
    with both.database.reading() as session:
        for contest, other in ((CONTEST, OTHER), (OTHER, CONTEST)):
            size = 2 * VOTERS[contest]
            assert ballot_box.size(session, contest) == size
            assert {row.ballot_code for row in ballot_box.read(session, contest)} == set(both.codes[contest])
            assert len(list(ballot_box.public_lines(session, contest))) == size
            points = [
                read_checkpoint(row.note.split("\n\n")[0] + "\n") for row in ballot_box.checkpoints(session, contest)
            ]
            assert [point.size for point in points] == [0, VOTERS[contest], size]
            for code in both.codes[contest]:
                assert ballot_box.find(session, other, code) is None
                place = ballot_box.find(session, contest, code)
                assert place is not None
                assert place.lot == 1 + place.position // VOTERS[contest]
                leaf = ballot_box.leaf_hash(code, place.commitment)
                assert merkle.includes(leaf, place.position, size, list(place.proof), points[-1].root)
            with pytest.raises(ValueError, match=r"^the box is not that large$"):
                ballot_box.consistency(session, CONTEST, 0, 2 * VOTERS[CONTEST] + 1)


def test_who_signed_in_one_has_not_signed_in_the_other(both: Both) -> None:
    early, late = b"voter 0", b"voter 30"  # who voted in both, and in one alone
    with both.database.reading() as session:
        assert [poll_book.has_signed(session, contest, late) for contest in (CONTEST, OTHER)] == [False, True]
        assert poll_book.signed_among(session, CONTEST, [early, late]) == {early}
        assert poll_book.signed_among(session, OTHER, [early, late]) == {early, late}
        assert [poll_book.signatures(session, contest) for contest in (CONTEST, OTHER)] == [24, 62]


def test_an_act_on_one_changes_nothing_of_the_other(both: Both) -> None:
    with both.database.reading() as session:
        marks = contests.marks(session, OTHER)
    contests.close(both.database, CONTEST, at=both.at, **OFFICE)
    sealer = station.sealer_for(SITE, b"k" * 32, CONTEST)
    contests.publish(both.database, sealer, at=both.at + HOUR, **OFFICE)
    with both.database.reading() as session:
        assert contests.marks(session, OTHER) == marks
        assert contests.read(session, CONTEST).results == {
            "votes": {"ilot-femmes": 24},
            "signatures": 24,
            "ballots": 24,
        }
        assert contests.read(session, OTHER).state(both.at) is State.OPEN
        assert [line.act for line in minutes.read(session, OTHER)] == [Act.EDITION]


def test_an_edition_may_change_as_long_as_only_the_other_contests_have_ballots(both: Both) -> None:
    contests.load(both.database, replace(EDITION, contest="prix-2021"), both.at, "l’opérateur")
    without = replace(EDITION, contest="prix-2021", laureates=EDITION.laureates[1:])
    assert contests.load(both.database, without, both.at, "l’opérateur") == "changed"


def test_what_is_wrong_in_one_is_a_complaint_about_that_one(both: Both) -> None:
    def counted(more: int) -> None:
        with both.database.writing() as session:
            moved = update(RunningCount).where(RunningCount.contest == OTHER)
            session.execute(moved.values(votes=RunningCount.votes + more))

    counted(1)
    for contest in (CONTEST, OTHER):
        verifier = station.sealer_for(SITE, b"k" * 32, contest).signer.verifier
        found = audit.inspect(both.database, contest, verifier, both.at)
        with both.database.reading() as session:
            inspection = audit.last_inspection(session, contest)
        assert inspection is not None
        assert [complaint["en"] for complaint in inspection.complaints] == found
        assert bool(found) is (contest == OTHER)
    counted(-1)


def vote(database: Database, contest: str, name: str, *, domain: str = "gmail.com", network: bytes = b"n") -> Receipt:
    here = Booth(database, KEYS, contest, HOUR)
    (asked,) = asking.request(here, [Request(f"{name}@{domain}", name.encode(), domain=domain)], MORNING)
    assert isinstance(asked, bytes)
    filled = Confirmation(asked, new_ballot_code(), "ilot-femmes", network=network)
    (outcome,) = casting.confirm(here, [filled], MORNING + timedelta(seconds=60))
    assert isinstance(outcome, Receipt)
    return outcome


@pytest.fixture
def screened(database: Database) -> Iterator[Database]:
    contests.load(database, replace(EDITION, contest=OTHER), MORNING, "l’opérateur")
    yield database
    assert complaints(database, CONTEST) == complaints(database, OTHER) == []


def test_a_suspicion_sets_aside_ballots_of_its_own_contest_alone(screened: Database) -> None:
    assert not vote(screened, OTHER, "a").aside
    assert not vote(screened, CONTEST, "a").aside
    with screened.writing() as session:
        # Nearly enough of one network, at one pace.
        figures, alike = EDITION.figures, [0, 0, 0, EDITION.figures.machine - 2, 0, 0, 0, 0]
        signals.count(session, {b"n": Seen(gaps=alike, votes=figures.machine - 2)}, MORNING)
    assert vote(screened, CONTEST, "b").aside
    with screened.reading() as session:
        (group,) = decisions.groups(session, CONTEST)
        assert (group.suspicion.rule, group.waiting, decisions.groups(session, OTHER)) == (Rule.MACHINE, 2, [])
        aside = select(Envelope.contest).where(Envelope.aside())
        assert set(session.scalars(aside)) == {CONTEST}
        assert tally.running_count(session, OTHER) == {"ilot-femmes": 1}
    with screened.writing() as session:
        session.execute(update(Suspicion).values(rule=Rule.NIGHT))  # a rule that does not hold here by itself
        session.execute(update(Signal).values(gap3=0))
    assert vote(screened, CONTEST, "c").aside
    assert not vote(screened, OTHER, "c").aside


def test_officers_are_written_to_of_each_and_decide_in_each(screened: Database) -> None:
    officer = addresses.parse("bureau@example.org")
    staff.add(screened, CONTEST, officer, "Camille", Role.OFFICER, MORNING, "l’opérateur")
    vote(screened, OTHER, "a", domain="yopmail.com")
    assert decisions.alert(screened, CONTEST, MORNING) == 0
    vote(screened, CONTEST, "a", domain="yopmail.com")
    assert [decisions.alert(screened, contest, MORNING) for contest in (CONTEST, CONTEST, OTHER)] == [1, 0, 1]
    with screened.reading() as session:
        ((mine,), (other,)) = (decisions.groups(session, contest) for contest in (CONTEST, OTHER))
    with pytest.raises(Unknown):
        decisions.decide(screened, CONTEST, other.suspicion.id, Act.REJECTION, at=MORNING, **OFFICE)
    decisions.decide(screened, CONTEST, mine.suspicion.id, Act.REJECTION, at=MORNING, **OFFICE)
    with screened.reading() as session:
        assert [len(decisions.groups(session, contest)) for contest in (CONTEST, OTHER)] == [0, 1]
        assert [tally.balance(session, contest).rejected for contest in (CONTEST, OTHER)] == [1, 0]
