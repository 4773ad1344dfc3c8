"""A sealer killed anywhere leaves the old state or the new one; sealers in other processes never seal twice."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

from crowds import MIXING, cast, complaints, new_sealer
from people import CONTEST, MORNING
from sqlalchemy import event

from vote import ballot_box, sealing
from vote.db import Database

LATER = MORNING + MIXING
VOTERS = 40
KILLED, REFUSED, SEALED = 9, 7, 8
FORK = multiprocessing.get_context("fork")

T = TypeVar("T")


def test_a_sealer_killed_at_any_statement_leaves_the_old_state_or_the_new(database_url: str) -> None:
    *killed, last = elsewhere(kill_again_and_again, database_url)
    assert len(killed) > 10
    assert set(killed) == {(KILLED, 0)}  # whoever came next found nothing in the way
    assert last[1] == VOTERS


def test_sealers_in_several_processes_seal_each_ballot_once(database_url: str) -> None:
    assert elsewhere(seal_together, database_url) == ([REFUSED, REFUSED, SEALED], VOTERS)


def elsewhere(act: Callable[[str], T], url: str) -> T:
    """What `act` answers in a process of its own, which has no threads and may thus be forked."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(act, url).result()


def kill_again_and_again(url: str) -> list[tuple[int | None, int]]:
    """Kill a sealer at its first statement, another at its second, until all is sealed: how each ended, the box."""
    ends: list[tuple[int | None, int]] = []
    prepare(url)
    while not ends or ends[-1][1] == 0:
        sealer = FORK.Process(target=seal, args=(url, len(ends) + 1))
        sealer.start()
        sealer.join()
        ends.append((sealer.exitcode, audited_size(url)))
    return ends


def seal_together(url: str) -> tuple[list[int | None], int]:
    prepare(url)
    start = FORK.Barrier(3)
    sealers = [FORK.Process(target=seal, args=(url, 0, start)) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    return sorted((sealer.exitcode for sealer in sealers), key=str), audited_size(url)


def seal(url: str, dies_at: int, start: Barrier | None = None) -> None:
    """Seal, but be gone without a word as the given statement is about to be sent; the commit is one too."""
    database, sealer, sent = Database(url), new_sealer(), 0

    def send(*_: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == dies_at:
            os._exit(KILLED)

    event.listen(database.engine, "before_cursor_execute", send)
    event.listen(database.engine, "commit", send)
    if start is not None:
        start.wait()
    os._exit(REFUSED if sealing.seal(database, sealer, LATER) is None else SEALED)


def prepare(url: str) -> None:
    database = Database(url)
    cast(database, range(VOTERS), MORNING)
    database.close()


def audited_size(url: str) -> int:
    database = Database(url)
    assert complaints(database) == []
    with database.reading() as session:
        size = ballot_box.size(session, CONTEST)
    database.close()
    return size
