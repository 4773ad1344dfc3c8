"""Nothing that the database holds after sealing pairs voters with ballots better than chance would.

Of n ballots paired at random with n voters one is right on average, whatever n; who also knows in which lot each voter
is finds one for each lot. Of four lots, more than 20 are right in one try of 10^8 (Poisson).
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from conftest import TEMPLATE
from crowds import MIXING, cast, laureate_of, new_sealer, voter_key
from people import CONTEST, MORNING
from servers import PostgreSQL
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from vote import sealing
from vote.db import Database

VOTERS, LOTS = 1000, 4
CHANCE = 20
HIDDEN = ("ctid", "xmin::text::bigint, ctid", "xmax::text::bigint, ctid", "cmin::text::bigint, ctid")

Pairs = dict[bytes, bytes]
"""Ballot code by voter key."""


class Day(NamedTuple):
    database: Database
    file: Path
    truth: Pairs

    def column(self, statement: str) -> list[bytes]:
        """The first column, in the order in which the database gives it."""
        with self.database.reading() as session:
            return [bytes(row[0]) for row in session.execute(text(statement))]

    def right(self, keys: Sequence[bytes], codes: Sequence[bytes]) -> int:
        """How many pairs of these two orders are true."""
        assert len(keys) == len(codes) == VOTERS
        return sum(self.truth[key] == code for key, code in zip(keys, codes, strict=True))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A thousand voters in a known order, a few at a time, in four lots, all sealed."""
    file = tmp_path_factory.mktemp("day") / "vote.db"
    url = f"sqlite:///{file}"
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("prepared_file"), file)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = f"day_{uuid4().hex}"
        server.create(name, template=TEMPLATE)
        url = server.url(name)
    database = Database(url)
    yield Day(database, file, live(database))
    database.close()


def live(database: Database) -> Pairs:
    truth: Pairs = {}
    sealer, at, numbers = new_sealer(), MORNING, iter(range(VOTERS))
    for lot in range(1, LOTS + 1):
        while left := lot * VOTERS // LOTS - len(truth):
            at += timedelta(seconds=1)
            party = list(islice(numbers, min(secrets.choice((1, 2, 3, 5, 8, 20)), left)))
            truth.update(zip(map(voter_key, party), cast(database, party, at), strict=True))
        at = MORNING + lot * MIXING
        assert sealing.seal(database, sealer, at) is not None
    return truth


def test_no_order_that_the_database_knows_pairs_voters_with_ballots(day: Day) -> None:
    joined = "SELECT v.voter_key FROM verifications v LEFT JOIN outbox o ON o.id = v.id"
    voters = [
        "SELECT voter_key FROM poll_book",
        "SELECT voter_key FROM poll_book ORDER BY voter_key",
        "SELECT voter_key FROM verifications",
        "SELECT voter_key FROM verifications ORDER BY id",
        "SELECT voter_key FROM verifications ORDER BY expires_at, id",  # the lot is known, and the order in it
        f"{joined} ORDER BY o.due_at, o.id",
    ]
    orders = ["position", "ballot_code", "salt", "commitment", "laureate, salt"]
    if not day.database.embedded:
        voters += [f"SELECT voter_key FROM {table} ORDER BY {at}" for table in ("poll_book", "verifications")
                   for at in HIDDEN]  # fmt: skip
        orders += HIDDEN
    ballots = [
        "SELECT ballot_code FROM ballot_box",
        *(f"SELECT ballot_code FROM ballot_box ORDER BY {o}" for o in orders),
    ]
    columns = {statement: day.column(statement) for statement in voters + ballots}
    attacks = [(of_voters, of_ballots) for of_voters in voters for of_ballots in ballots]
    assert len(attacks) >= 36
    for attack in attacks:
        assert day.right(*map(columns.__getitem__, attack)) <= CHANCE, attack


def test_once_verifications_have_expired_not_even_the_lot_is_known(day: Day) -> None:
    lots = {code: place * LOTS // VOTERS for place, code in enumerate(box_of(day))}
    for order in ("voter_key", *(() if day.database.embedded else HIDDEN)):
        keys = day.column(f"SELECT voter_key FROM poll_book ORDER BY {order}")
        inside = sum(lots[day.truth[key]] == place * LOTS // VOTERS for place, key in enumerate(keys))
        # A quarter of them by chance, with a standard deviation below 14.
        assert abs(inside - VOTERS // LOTS) < 5 * 14, order


def test_times_that_stay_are_those_of_an_hour_or_of_a_whole_lot(day: Day) -> None:
    """What stays of time is no finer than the hour of the turnout and the moment of the whole lot."""
    with day.database.reading() as session:
        hours = [str(at) for (at,) in session.execute(text("SELECT DISTINCT hour_at FROM turnout"))]
        lots = session.execute(text("SELECT count(*), count(DISTINCT sealed_at) FROM lots")).one()
    assert all(":00:00" in hour for hour in hours)
    assert tuple(lots) == (LOTS, LOTS)


def test_hidden_columns_say_the_same_of_every_voter(day: Day) -> None:
    if day.database.embedded:
        for table in ("poll_book", "envelopes", "ballot_box", "verifications", "outbox"):
            with day.database.engine.connect() as connection, pytest.raises(OperationalError, match="no such column"):
                connection.execute(text(f"SELECT rowid FROM {table}"))
        return
    with day.database.reading() as session:
        for hidden in ("xmin", "xmax", "tableoid"):
            assert session.scalar(text(f"SELECT count(DISTINCT {hidden}::text) FROM poll_book")) == 1
        assert session.scalar(text("SELECT count(*) FROM pg_sequences")) == 0
        assert session.scalar(text("SELECT current_setting('track_commit_timestamp')")) == "off"
    keys = day.column("SELECT voter_key FROM poll_book ORDER BY ctid")
    assert keys == sorted(keys)


def test_the_files_of_sqlite_hold_no_envelope_and_no_code_near_a_key(day: Day) -> None:
    if not day.database.embedded:
        pytest.skip("PostgreSQL's files and log are the operator's: the trust model says so")
    assert Path(f"{day.file}-wal").stat().st_size == 0
    content = day.file.read_bytes()
    keys, codes = pages_of(content, day.truth), pages_of(content, day.truth.values())
    assert keys
    assert codes
    assert not keys & codes
    for number, code in enumerate(day.truth.values()):
        assert code + CONTEST.encode() + laureate_of(number).encode() not in content
    near = [sorted(found, key=content.find) for found in (day.truth, day.truth.values())]
    assert day.right(*near) <= CHANCE


def pages_of(content: bytes, things: Iterable[bytes]) -> set[int]:
    """The pages of the file on which any of these lies."""
    pages: set[int] = set()
    for thing in things:
        place = content.find(thing)
        while place >= 0:
            pages.add(place // 4096)
            place = content.find(thing, place + 1)
    return pages


def box_of(day: Day) -> list[bytes]:
    return day.column("SELECT ballot_code FROM ballot_box ORDER BY position")


def test_these_attacks_do_work_on_what_still_waits_to_be_sealed(database_url: str, tmp_path: Path) -> None:
    """The reason for sealing, and what the trust model says of live access inside the window."""
    database = Database(database_url)
    truth = {voter_key(number): cast(database, [number], MORNING)[0] for number in range(20)}
    if database.embedded:
        log = (tmp_path / "vote.db-wal").read_bytes()
        assert all(key in log and code + CONTEST.encode() in log for key, code in truth.items())
    else:
        joined = "SELECT p.voter_key, e.ballot_code FROM poll_book p JOIN envelopes e ON p.xmin::text = e.xmin::text"
        with database.reading() as session:
            assert {bytes(key): bytes(code) for key, code in session.execute(text(joined))} == truth
    database.close()
