"""The database: transactions keep their word, and one that is away or busy is said to be, without loss."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from nodes import ask, ballot, booth
from people import CONTEST, EDITION, MORNING, House, StoppedClock, open_house, prepare, receipt_of, settings_for
from servers import PostgreSQL
from sqlalchemy import event, select, text
from sqlalchemy.exc import StatementError

from vote import casting, contests, tally
from vote.casting import Receipt
from vote.db import Database, Turn
from vote.errors import Unavailable
from vote.models import Envelope

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), database.writing() as session:
        contests.read(session, CONTEST).closed_at = datetime(2019, 11, 18)  # noqa: DTZ001 (the fault under test)
    with database.reading() as session:
        assert contests.read(session, CONTEST).closed_at is None


def test_an_instant_comes_back_as_it_was_in_utc(database: Database) -> None:
    at = datetime(2019, 11, 18, 10, 0, 0, 123456, timezone(timedelta(hours=9)))
    contests.close(database, CONTEST, who="le bureau", why="Essai", at=at)
    with database.reading() as session:
        found = contests.read(session, CONTEST).closed_at
    assert found == at
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_what_raises_leaves_nothing(database: Database) -> None:
    def change_and_fail() -> None:
        with database.writing() as session:
            contests.read(session, CONTEST).edition = "{}"
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    with database.reading() as session:
        assert contests.edition_of(contests.read(session, CONTEST).edition) == EDITION


def test_a_reader_sees_one_moment(database: Database) -> None:
    here = booth(database, CONTEST)
    with database.reading() as session:
        before = tally.balance(session, CONTEST)
        casting.confirm(here, [ballot(identifier) for identifier in ask(here, [b"marie"], MORNING)], MORNING)
        assert tally.balance(session, CONTEST) == before
    with database.reading() as session:
        assert tally.balance(session, CONTEST) == tally.Balance(1, 1, 1)


@on_sqlite
def test_an_embedded_database_acknowledges_nothing_that_a_power_cut_could_take(database: Database) -> None:
    with database.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, 1]


@on_sqlite
def test_what_a_vote_would_take_back_is_kept_in_memory_and_the_figures_of_millions_on_disk(database: Database) -> None:
    here = booth(database, CONTEST)
    casting.confirm(here, [ballot(identifier) for identifier in ask(here, [b"marie"], MORNING)], MORNING)
    assert kept_in(database) == "memory"
    with database.reading() as session:
        tally.recount(session, CONTEST)
    assert kept_in(database) == "file"
    ask(here, [b"karim"], MORNING)
    assert kept_in(database) == "memory"
    database.rewrite()
    assert kept_in(database) == "file"


def kept_in(database: Database) -> str:
    with closing(database.engine.raw_connection()) as connection:
        (place,) = connection.cursor().execute("PRAGMA temp_store").fetchone()
    return {1: "file", 2: "memory"}[place]


def test_the_connection_that_was_used_last_is_taken_first(database: Database) -> None:
    first, second = database.engine.raw_connection(), database.engine.raw_connection()
    used_last = first.driver_connection
    second.close()
    first.close()
    with closing(database.engine.raw_connection()) as found:
        assert found.driver_connection is used_last


@on_sqlite
def test_however_many_read_at_once_they_share_a_bounded_memory(database: Database) -> None:
    pile = "WITH RECURSIVE sheet(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM sheet WHERE n < 10000)"
    with database.writing() as session:
        session.execute(text(f"CREATE TABLE pile AS {pile} SELECT randomblob(4000) AS page FROM sheet"))
    together = threading.Barrier(8)

    def read() -> int:
        with database.reading() as session:
            together.wait()
            found = session.scalar(text("SELECT sum(length(page)) FROM pile"))
            together.wait()
        return int(found or 0)

    before = megabytes()
    with ThreadPoolExecutor(8) as readers:
        assert {reading.result() for reading in [readers.submit(read) for _ in range(8)]} == {40_000_000}
    assert megabytes() - before < 64  # each by itself would keep sixteen


def megabytes() -> float:
    """Resident memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another process holds the file, and this one is impatient."""
    database.engine.dispose()
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    with closing(sqlite3.connect(str(database.engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@on_sqlite
def test_a_locked_database_is_told_honestly_and_the_vote_goes_on_afterwards(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    code = voter.code()
    with locked(house.database):
        assert house.client().get("/").status_code == 200
        page = voter.type_code(code)
        assert page.status_code == 503
        assert int(page.headers["Retry-After"]) > 0
        assert "rien n’a été enregistré" in page.text
        assert house.voter("paul@example.org").choose().status_code == 503
    assert house.ballots() == {}
    assert receipt_of(voter.type_code(code).text)
    assert house.ballots() == {"ilot-femmes": 1}


def test_writers_of_one_process_are_served_in_the_order_of_arrival() -> None:
    turn, served = Turn(), list[int]()

    def write(place: int) -> None:
        with turn:
            served.append(place)

    with ThreadPoolExecutor(5) as writers, turn:
        for place in range(5):
            writers.submit(write, place)
            while len(turn.waiting) <= place:
                time.sleep(0.001)
    assert served == [0, 1, 2, 3, 4]


def test_a_writer_who_waited_too_long_is_told_so_and_keeps_nobody_waiting() -> None:
    turn = Turn(patience=0.02)

    def write() -> bool:
        with turn:
            return True

    with ThreadPoolExecutor(1) as writers:
        with turn, pytest.raises(Unavailable):
            writers.submit(write).result()
        assert writers.submit(write).result()


@contextmanager
def server_of_its_own() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        server.create("day")
        prepare(server.url("day"))
        yield server


def test_a_database_that_dies_is_told_honestly_and_nothing_acknowledged_is_lost(
    tmp_path: Path, clock: StoppedClock
) -> None:
    with server_of_its_own() as server, open_house(settings_for(server.url("day"), tmp_path), clock) as house:
        marie, paul = house.voter("marie@example.org"), house.voter("paul@example.org")
        receipt = marie.vote()
        paul.choose()
        code = paul.code()
        server.stop_hard()
        page = paul.type_code(code)
        assert page.status_code == 503
        assert int(page.headers["Retry-After"]) > 0
        assert house.client().get("/").status_code in (200, 503)
        server.start()
        assert receipt_of(marie.browser.get("/recu").text) == receipt
        assert receipt_of(paul.type_code(code).text) != receipt
        assert house.ballots() == {"ilot-femmes": 2}


def test_a_database_that_dies_in_the_middle_of_votes_keeps_every_acknowledged_one() -> None:
    with server_of_its_own() as server, closing(Database(server.url("day"))) as database:
        here, crowd = booth(database, CONTEST), 8
        ids = ask(here, [bytes([person, number]) for person in range(crowd) for number in range(200)], MORNING)
        acknowledged: list[bytes] = []

        def cast_until_it_dies(mine: list[bytes]) -> None:
            for identifier in mine:
                (outcome,) = casting.confirm(here, [ballot(identifier)], MORNING)
                assert isinstance(outcome, Receipt)
                acknowledged.append(outcome.ballot_code)

        with ThreadPoolExecutor(crowd) as threads:
            casting_now = [threads.submit(cast_until_it_dies, ids[person::crowd]) for person in range(crowd)]
            while len(acknowledged) < 40:
                time.sleep(0.001)
            server.stop_hard()
            for part in casting_now:
                with pytest.raises(Unavailable):
                    part.result()
        server.start()
        with database.reading() as session:
            assert set(acknowledged) <= set(session.scalars(select(Envelope.ballot_code)))
            assert tally.balance(session, CONTEST).balanced
