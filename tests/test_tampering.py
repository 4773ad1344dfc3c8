"""Whoever rewrites the record is found out: by the audit, or by a checkpoint that a juror kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from attacks import BALLOTS, CHECKPOINTS, TREE, Attack
from attacks_on_the_record import CONTEST_ROW, MINUTES, POLL_BOOK, WAITING
from conftest import TEMPLATE
from crowds import MIXING, cast, complaints, new_sealer
from forgeries import FORGERIES, SEEN_BY_WITNESSES_ALONE
from intruder import FINAL, OWN_KEY, Intruder
from people import CONTEST, EDITION, MORNING
from servers import PostgreSQL
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from vote import addresses, ballot_box, bundle, contests, minutes, sealing, staff, tally
from vote.db import Database
from vote.errors import Conflict
from vote.models import Role
from vote.notes import Checkpoint

PUBLISHED = [*BALLOTS, *TREE, *CHECKPOINTS, *MINUTES, *CONTEST_ROW, *POLL_BOOK, *FORGERIES, *SEEN_BY_WITNESSES_ALONE]
STATION = new_sealer()
# The bundles show the rest.
IN_THE_DATABASE_ALONE = {
    "tree and lots",
    "poll book and counts",
    "change the size beside a note",
    "change when a checkpoint was signed",
    "date the publication back",
    "extend in silence",
    "open earlier in silence",
    "reopen in silence",
    "date the closure back",
    "add a laureate to the ballot",
    "add a ballot at the beginning",
}
EVERYWHERE = {
    "give a ballot to another laureate",
    "delete a ballot",
    "cut a tile short",
    "edit the minute in a note",
    "delete the last checkpoint",
    "edit who",
    "drop the last line",
    "extend in silence",
    "delete a signature",
    "sign everything with another key",
    "move votes, with commitments and tree",
    "take a ballot out, all with the station's key",
}


@dataclass(frozen=True)
class Scene:
    """Copies of one contest's file: yesterday, with ballots waiting, and published; and what a juror kept of each."""

    folder: Path

    def file(self, day: str) -> Path:
        return self.folder / f"{day}.db"

    def kept(self, day: str) -> list[str]:
        """What the juror was sent: not the checkpoint of the empty box."""
        return self.file(f"{day}-kept").read_text().split("\f")[1:]

    def keep(self, database: Database, day: str) -> None:
        if database.embedded:
            database.sweep()
            shutil.copy(self.folder / "live.db", self.file(day))
        self.file(f"{day}-kept").write_text("\f".join(notes(database)))


def notes(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.note for row in ballot_box.checkpoints(session, CONTEST)]


def live(database: Database, scene: Scene) -> None:
    """The contest that `attacks` describes."""
    officer, at = "Camille", MORNING
    sealing.seal(database, STATION, at)
    staff.add(database, CONTEST, addresses.parse("bureau@example.org"), officer, Role.OFFICER, at, "l’opérateur")
    cast(database, range(100), at)
    at += MIXING
    sealing.seal(database, STATION, at)
    scene.keep(database, "yesterday")
    until = EDITION.closes_at + timedelta(days=1)
    contests.extend(database, CONTEST, until=until, who=officer, why="Affluence", at=at)
    cast(database, range(100, 250), at)
    at += MIXING
    sealing.seal(database, STATION, at)
    tally.consult(database, CONTEST, EDITION, who="Alix", at=at)
    cast(database, range(250, 300), at)
    scene.keep(database, "waiting")
    at += MIXING
    contests.close(database, CONTEST, who=officer, why="Fin", at=at)
    contests.publish(database, STATION, who=officer, why="Fin", at=at + MIXING)
    scene.keep(database, "published")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> Scene:
    found = Scene(tmp_path_factory.mktemp("scene"))
    shutil.copy(prepared_file, found.file("live"))
    database = Database(f"sqlite:///{found.file('live')}")
    live(database, found)
    database.close()
    return found


@pytest.fixture(scope="module")
def lived(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Scene]:
    """The name of a database on PostgreSQL in which the same has happened."""
    found, name = Scene(tmp_path_factory.mktemp("lived")), f"lived_{uuid4().hex}"
    postgresql.create(name, template=TEMPLATE)
    database = Database(postgresql.url(name))
    live(database, found)
    database.close()
    return name, found


def called(attack: Attack) -> str:
    return f"{attack.group}: {attack.name}"


def run(attack: Attack, url: str, yesterday: Path) -> Database:
    database = Database(url)
    with database.migrating() as connection:
        intruder = Intruder(connection, STATION.signer, yesterday)
        intruder.unlock()
        attack.run(intruder)
    return database


def find_out(attack: Attack, database: Database, kept: list[str]) -> None:
    alone = complaints(database)
    assert not alone if attack.witness else alone
    assert complaints(database, kept)


def show(database: Database, kept: list[str]) -> bool:
    """Whether a bundle made of this database, in all good faith, passes for good."""
    try:
        with database.reading() as session:
            content = bundle.write(session, CONTEST, STATION.signer, for_scrutineers=True)
    except (Conflict, LookupError, TypeError, ValueError):
        return False
    return all(finding.holds for finding in bundle.read(content, kept))


def test_the_list_of_attacks_is_long_and_each_has_a_name_of_its_own() -> None:
    names = [called(attack) for attack in (*PUBLISHED, *WAITING)]
    assert len(set(names)) == len(names) >= 60
    assert len(EVERYWHERE) == sum(attack.name in EVERYWHERE for attack in PUBLISHED)


def test_without_an_attack_nothing_is_found(scene: Scene) -> None:
    for day in ("yesterday", "waiting", "published"):
        database = Database(f"sqlite:///{scene.file(day)}")
        assert complaints(database, scene.kept(day)) == []
        database.close()
    assert [len(scene.kept(day)) for day in ("yesterday", "waiting", "published")] == [1, 2, 4]


@pytest.mark.parametrize("attack", PUBLISHED, ids=called)
def test_an_attack_on_a_published_contest_is_found_out(attack: Attack, scene: Scene, tmp_path: Path) -> None:
    shutil.copy(scene.file("published"), tmp_path / "vote.db")
    database = run(attack, f"sqlite:///{tmp_path}/vote.db", scene.file("yesterday"))
    find_out(attack, database, scene.kept("published"))
    if attack.group not in IN_THE_DATABASE_ALONE and attack.name not in IN_THE_DATABASE_ALONE:
        assert show(database, scene.kept("published")) is False
    database.close()


@pytest.mark.parametrize("attack", WAITING, ids=called)
def test_an_attack_while_ballots_wait_is_found_out(attack: Attack, scene: Scene, tmp_path: Path) -> None:
    shutil.copy(scene.file("waiting"), tmp_path / "vote.db")
    database = run(attack, f"sqlite:///{tmp_path}/vote.db", scene.file("yesterday"))
    find_out(attack, database, scene.kept("waiting"))
    database.close()


@pytest.mark.parametrize("attack", [attack for attack in PUBLISHED if attack.name in EVERYWHERE], ids=called)
def test_an_attack_on_postgresql_is_found_out(
    attack: Attack, lived: tuple[str, Scene], postgresql: PostgreSQL, tmp_path: Path
) -> None:
    name = f"attacked_{uuid4().hex}"
    postgresql.create(name, template=lived[0])
    database = run(attack, postgresql.url(name), tmp_path)
    find_out(attack, database, lived[1].kept("published"))
    database.close()
    postgresql.drop(name)


def test_a_juror_who_was_shown_another_box_sees_it(scene: Scene) -> None:
    database = Database(f"sqlite:///{scene.file('published')}")
    with database.reading() as session:
        head = minutes.read(session, CONTEST)[2]
    extension = f"minutes 3 {head.hash.hex()}"
    forked = STATION.signer.sign(Checkpoint(STATION.signer.name, 250, b"f" * 32, (extension,)).body())
    assert "250 ballots of a kept checkpoint were changed since" in " ".join(complaints(database, [forked]))
    larger = STATION.signer.sign(Checkpoint(STATION.signer.name, 301, b"f" * 32, (extension,)).body())
    assert "301 ballots; the box has 300 only" in " ".join(complaints(database, [larger]))
    strange = OWN_KEY.sign(scene.kept("published")[0].split("\n\n")[0] + "\n")
    assert "is not signed by" in " ".join(complaints(database, [strange]))
    database.close()


def test_plain_updates_and_deletions_are_refused(database: Database, tmp_path: Path) -> None:
    sealing.seal(database, STATION, MORNING)
    cast(database, range(10), MORNING)
    sealing.seal(database, STATION, MORNING + MIXING)
    truncations = [] if database.embedded else ["TRUNCATE {table}"]
    for table in FINAL:
        for statement in ("UPDATE {table} SET contest = contest", "DELETE FROM {table}", *truncations):
            with database.engine.connect() as connection, pytest.raises(DBAPIError, match=f"{table} is final"):
                connection.execute(text(statement.format(table=table)))
    assert complaints(database) == []
