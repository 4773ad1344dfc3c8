"""A published contest's bundles, and the two ways of auditing them away from any database and secret."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner
from crowds import MIXING, cast, new_sealer
from people import CONTEST, MORNING

from vote import ballot_box, bundle, cli, contests, sealing
from vote.db import Database

STATION = new_sealer()
Files = dict[str, bytes]


class Bundles(NamedTuple):
    public: bytes
    scrutineers: bytes
    kept: list[str]


def publish(database: Database) -> None:
    sealing.seal(database, STATION, MORNING)
    cast(database, range(12), MORNING)
    sealing.seal(database, STATION, MORNING + MIXING)
    cast(database, range(12, 40), MORNING + MIXING)
    contests.close(database, CONTEST, who="Camille", why="Fin", at=MORNING + 2 * MIXING)
    contests.publish(database, STATION, who="Camille", why="Fin", at=MORNING + 3 * MIXING)


def written(database: Database) -> Bundles:
    with database.reading() as session:
        both = [bundle.write(session, CONTEST, STATION.signer, for_scrutineers=kind) for kind in (False, True)]
        return Bundles(both[0], both[1], [row.note for row in ballot_box.checkpoints(session, CONTEST)])


def bundles_of(folder: Path, prepared_file: Path) -> Bundles:
    path = folder / "vote.db"
    shutil.copy(prepared_file, path)
    database = Database(f"sqlite:///{path}")
    publish(database)
    found = written(database)
    database.close()
    return found


def audit(path: Path, *more: str) -> tuple[int, str]:
    """`vote audit` with no database and no secret in reach."""
    answer = CliRunner(env=dict.fromkeys(("DATABASE_URL", "VOTE_SEAL_KEY", "VOTE_PEPPER", "VOTE_SECRET"))).invoke(
        cli.main, ["audit", str(path), *more]
    )
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
    return answer.exit_code, answer.output


def verify(path: Path, *more: str) -> tuple[int, str]:
    """The verifier that the bundle itself holds, away from our code."""
    program = path.with_suffix(".py")
    program.write_bytes(bundle.unpack(path.read_bytes())["verify.py"])
    command = [sys.executable, "-I", str(program), str(path), *more]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr
