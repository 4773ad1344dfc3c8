"""Nodes: what casts on one database at the same moment as others do, in threads, and in processes of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

from vote import asking, casting, envelope, schema
from vote.asking import Request
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.errors import Refusal
from vote.tokens import Keys

KEYS = Keys(("s" * 40,))
SECONDS = 60

Task = TypeVar("Task")


def booth(database: Database, contest: str, slot: int = 0) -> Booth:
    return Booth(database, KEYS, contest, timedelta(hours=1), slot, screening=False)


def ask(booth: Booth, voters: Iterable[bytes], at: datetime) -> list[bytes]:
    """The verification ids of people who have asked for a letter. Never refused."""
    answers = asking.request(booth, [Request("somebody@example.org", key) for key in voters], at)
    found = [answer for answer in answers if isinstance(answer, bytes)]
    assert len(found) == len(answers)
    return found


def ballot(verification_id: bytes, laureate: str | None = "ilot-femmes", code: str | None = None) -> Confirmation:
    """A ballot filled in a browser of its own; without a code, the mailbox is proved by the link."""
    return Confirmation(verification_id, envelope.new_ballot_code(), laureate, code)


@dataclass(frozen=True)
class Nodes:
    """Processes, and the moment at which they and the test begin together; it may come again and again."""

    pool: ProcessPoolExecutor
    moment: Barrier
    parts: list[Future[Any]] = field(default_factory=list)

    def run(self, task: Callable[..., Task], *arguments: Any) -> Future[Task]:
        """In a process that no other task uses: each waits for the moment."""
        part = self.pool.submit(_take_part, task, *arguments)
        self.parts.append(part)
        return part

    def begin(self) -> None:
        """Raises what a node raised, if it cannot come."""
        try:
            self.moment.wait(SECONDS)
        except threading.BrokenBarrierError:
            for part in self.parts:
                part.result()
            raise


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    spawn = get_context("spawn")
    moment = spawn.Barrier(count + 1)
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_enter, initargs=(moment,)) as pool:
        try:
            yield Nodes(pool, moment)
        except BaseException:
            moment.abort()  # a node that waits for a failed test would wait long
            raise


def cast_at_once(
    url: str, contest: str, slot: int, parties: Sequence[Sequence[Confirmation]], at: datetime
) -> list[list[Receipt | Refusal]]:
    """A node's part: at the moment, every party is confirmed, in a thread and a transaction of its own."""
    with closing(Database(url)) as database, ThreadPoolExecutor(len(parties)) as threads:
        here, ready = booth(database, contest, slot), threading.Barrier(len(parties) + 1)

        def cast(party: Sequence[Confirmation]) -> list[Receipt | Refusal]:
            ready.wait(SECONDS)
            return casting.confirm(here, party, at)

        waiting = [threads.submit(cast, party) for party in parties]
        _begin()
        ready.wait(SECONDS)
        return [party.result() for party in waiting]


def cast_until_refused(
    url: str, slot: int, rounds: Sequence[tuple[str, Sequence[Sequence[bytes]]]], at: datetime
) -> list[list[bytes]]:
    """A node's part: at each moment, each thread casts one ballot after the other in the round's contest, until the
    first refusal. Answers, for each round, the ballot codes that were acknowledged."""
    answers: list[list[bytes]] = []
    for contest, queues in rounds:
        with closing(Database(url)) as database, ThreadPoolExecutor(len(queues)) as threads:
            here = booth(database, contest, slot)
            _begin()
            casting_now = [threads.submit(_cast_each, here, queue, at) for queue in queues]
            answers.append([code for thread in casting_now for code in thread.result()])
    return answers


def upgrade_at_once(url: str) -> None:
    with closing(Database(url)) as database:
        _begin()
        schema.upgrade(database)


def _cast_each(here: Booth, verifications: Sequence[bytes], at: datetime) -> list[bytes]:
    acknowledged: list[bytes] = []
    for verification_id in verifications:
        outcome = casting.confirm(here, [ballot(verification_id)], at)[0]
        if isinstance(outcome, Refusal):
            return acknowledged
        acknowledged.append(outcome.ballot_code)
    raise AssertionError("the ballots ran out before the first refusal")


_moment: Barrier


def _enter(moment: Barrier) -> None:
    global _moment  # noqa: PLW0603 (a process is a node, and has one)
    _moment = moment


def _take_part(task: Callable[..., Task], *arguments: Any) -> Task:
    try:
        return task(*arguments)
    except BaseException:
        _moment.abort()
        raise


def _begin() -> None:
    _moment.wait(SECONDS)
