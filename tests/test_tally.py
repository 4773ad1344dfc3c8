"""The counts: shares and ranks, turnout by the hour, what jurors see and what is recorded of their seeing it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nodes import ask, ballot, booth
from people import CONTEST, EDITION, MORNING
from sqlalchemy import event
from sqlalchemy.orm import Session

from vote import casting, minutes, tally
from vote.db import Database
from vote.models import Act
from vote.tally import Balance, Hour

A, B, C = (laureate.slug for laureate in EDITION.laureates)


def vote(database: Database, laureates: list[str], at: datetime = MORNING, slot: int = 0) -> None:
    here = booth(database, CONTEST, slot)
    ids = ask(here, [f"{at} {slot} {place}".encode() for place in range(len(laureates))], at)
    casting.confirm(here, [ballot(*filled) for filled in zip(ids, laureates, strict=True)], at)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.reading() as found:
        yield found


def test_equal_votes_have_equal_rank_and_the_next_rank_is_left_out() -> None:
    rows = tally.standings(EDITION, {A: 5, B: 7, C: 7})
    assert [(row.laureate.slug, row.rank, row.first) for row in rows] == [(A, 3, False), (B, 1, True), (C, 1, True)]


def test_without_a_vote_nobody_comes_first() -> None:
    rows = tally.standings(EDITION, {})
    assert [(row.rank, row.first, row.share) for row in rows] == [(1, False, "0,0")] * 3


def test_shares_are_rounded_so_that_they_add_up() -> None:
    rows = tally.standings(EDITION, {A: 1, B: 1, C: 1})
    assert [row.share for row in rows] == ["33,4", "33,3", "33,3"]
    assert sum(row.tenths for row in rows) == 1000


def test_a_laureate_nobody_voted_for_is_counted_too(database: Database, session: Session) -> None:
    vote(database, [A, A, C])
    assert [row.votes for row in tally.count(session, CONTEST, EDITION, MORNING).laureates] == [2, 0, 1]


def test_slots_add_up_and_the_recount_agrees(database: Database, session: Session) -> None:
    for slot in (0, 3, 15):
        vote(database, [A, B, A], slot=slot)
    assert tally.running_count(session, CONTEST) == tally.recount(session, CONTEST) == {A: 6, B: 3}
    assert tally.balance(session, CONTEST) == Balance(9, 9, 9)
    assert tally.hours(session, CONTEST) == [Hour(MORNING.astimezone(UTC), 9, 1.0)]


def test_turnout_is_told_by_the_hour_beside_the_busiest(database: Database, session: Session) -> None:
    hour = timedelta(hours=1)
    vote(database, [A], MORNING + hour - timedelta.resolution)
    vote(database, [A, B, C, A], MORNING + hour)
    vote(database, [B, B], MORNING + 3 * hour + timedelta(minutes=59))
    found = tally.hours(session, CONTEST)
    assert [(one.at - MORNING, one.votes, one.fraction) for one in found] == [
        (timedelta(0), 1, 0.25),
        (hour, 4, 1.0),
        (3 * hour, 2, 0.5),
    ]


def test_a_count_says_the_same_until_a_ballot_moves_it(database: Database) -> None:
    vote(database, [A])
    with database.reading() as session:
        before = tally.count(session, CONTEST, EDITION, MORNING)
    with database.reading() as session:
        assert tally.count(session, CONTEST, EDITION, MORNING + timedelta(hours=1)).says_the_same(before)
    vote(database, [B], MORNING + timedelta(minutes=1))
    with database.reading() as session:
        after = tally.count(session, CONTEST, EDITION, MORNING)
    assert not after.says_the_same(before)
    assert (after.votes, after.signatures, after.balanced) == (2, 2, True)


def test_every_opening_of_the_count_is_a_minute(database: Database, session: Session) -> None:
    vote(database, [A, B])
    for _ in range(2):
        assert tally.consult(database, CONTEST, EDITION, who="Camille, du jury", at=MORNING).votes == 2
    lines = minutes.read(session, CONTEST)[1:]
    assert [(line.act, line.who, line.at) for line in lines] == [(Act.CONSULTATION, "Camille, du jury", MORNING)] * 2


def test_following_the_count_is_a_minute_unless_its_page_was_just_opened(database: Database, session: Session) -> None:
    tally.consult(database, CONTEST, EDITION, who="Camille", at=MORNING)
    later = MORNING + timedelta(minutes=5)
    tally.watch(database, CONTEST, who="Camille", since=MORNING, at=later)
    tally.watch(database, CONTEST, who="Dominique", since=MORNING, at=later)
    tally.watch(database, CONTEST, who="Camille", since=MORNING + timedelta.resolution, at=later)
    lines = minutes.read(session, CONTEST)[1:]
    assert [(line.who, line.at) for line in lines] == [("Camille", MORNING), ("Dominique", later), ("Camille", later)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_live_count_reads_no_envelope_that_is_not_set_aside(database: Database) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    with database.reading() as session:
        tally.count(session, CONTEST, EDITION, MORNING)
        plans = [
            step[3]
            for statement, values in [*asked]
            if statement.startswith("SELECT")
            for step in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert [step for step in plans if "envelopes" in step] == [
        "SEARCH envelopes USING INDEX ix_envelopes_suspicion (suspicion>?)"
    ]
