"""Nothing after the closure: contests are closed while two processes full of threads cast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from crowds import new_sealer
from nodes import ask, ballot, booth, cast_until_refused, nodes
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select, union_all

from vote import asking, casting, contests, tally
from vote.asking import Request
from vote.casting import Receipt
from vote.db import Database
from vote.errors import Conflict
from vote.models import Envelope, SealedBallot

NODES, THREADS, BALLOTS = 2, 6, 80
ROUNDS = [f"round-{number}" for number in range(3)]


def box(database: Database, contest: str) -> set[bytes]:
    with database.reading() as session:
        waiting = select(Envelope.ballot_code).where(Envelope.contest == contest)
        sealed = select(SealedBallot.ballot_code).where(SealedBallot.contest == contest)
        return set(session.scalars(union_all(waiting, sealed)))


def queues(database: Database, contest: str, node: int) -> list[list[bytes]]:
    """The verifications that each thread of a node will confirm."""
    voters = [f"{node} {number}".encode() for number in range(THREADS * BALLOTS)]
    found = ask(booth(database, contest), voters, MORNING)
    return [found[start : start + BALLOTS] for start in range(0, len(found), BALLOTS)]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def close(database: Database, contest: str) -> None:
    contests.close(database, contest, who="le bureau", why="Essai", at=MORNING)


def test_no_ballot_is_added_once_a_closure_is_acknowledged(database_url: str, database: Database) -> None:
    for contest in ROUNDS:
        contests.load(database, replace(EDITION, contest=contest), MORNING, "les tests")
    days = [[(contest, queues(database, contest, node)) for contest in ROUNDS] for node in range(NODES)]
    at_closure: list[set[bytes]] = []
    with nodes(NODES) as running:
        parts = [running.run(cast_until_refused, database_url, node, day, MORNING) for node, day in enumerate(days)]
        for contest in ROUNDS:
            running.begin()
            wait_until(lambda: len(box(database, contest)) >= 3 * THREADS)  # noqa: B023 (called here only)
            close(database, contest)
            at_closure.append(box(database, contest))
        acknowledged = [part.result() for part in parts]
    late = [box(database, contest) - found for contest, found in zip(ROUNDS, at_closure, strict=True)]
    assert [len(codes) for codes in late] == [0] * len(ROUNDS), "ballots were added after the closure"
    for number, contest in enumerate(ROUNDS):
        codes = [code for node in acknowledged for code in node[number]]
        assert sorted(codes) == sorted(box(database, contest))
        with database.reading() as session:
            assert tally.balance(session, contest).balanced


@pytest.mark.parametrize("stream", ["ballots", "requests"])
def test_a_closure_waits_for_no_gap_in_the_stream(database: Database, stream: str) -> None:
    crowd, stop = 12, threading.Event()
    here = booth(database, CONTEST)
    voters = [[bytes([person, number]) for number in range(50)] for person in range(crowd)]
    commits = [0] * crowd

    def keep_on(place: int) -> None:
        mine = ask(here, voters[place], MORNING)
        while not stop.is_set():
            if stream == "ballots":
                casting.confirm(here, [ballot(identifier) for identifier in mine], MORNING)
            else:
                asking.request(here, [Request("somebody@example.org", key) for key in voters[place]], MORNING)
            commits[place] += 1

    with ThreadPoolExecutor(crowd) as threads:
        streaming = [threads.submit(keep_on, place) for place in range(crowd)]
        try:
            wait_until(lambda: min(commits) >= 2)
            began = time.monotonic()
            close(database, CONTEST)
            waited = time.monotonic() - began
        finally:
            stop.set()
        for part in streaming:
            part.result()
    assert waited < 2


def test_a_ballot_under_way_at_the_deadline_comes_too_late_for_a_published_result(database: Database) -> None:
    here, end = booth(database, CONTEST), EDITION.closes_at
    early, slow = ask(here, [b"early", b"slow"], end - timedelta(minutes=5))
    first = ballot(early)
    casting.confirm(here, [first], end - timedelta(minutes=1))
    contests.publish(database, new_sealer(), who="le bureau", why="Fin du vote", at=end)
    # This node's clock is slow, or its voter waited for the database: to it, the deadline is yet to come.
    outcomes = casting.confirm(here, [ballot(slow), first], end - timedelta(seconds=1))
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[1] == Receipt(first.ballot_code, repeated=True)
    assert box(database, CONTEST) == {first.ballot_code}
