"""Whoever changes what officers decided on ballots set aside, with full SQL access, is found out by the audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from nodes import KEYS
from people import CONTEST, MORNING, SITE, prepare
from sqlalchemy import text
from test_screening import HOUR, OFFICE, aside_for_pace, decide, vote

from vote import audit, contests, station
from vote.casting import Booth
from vote.db import Database
from vote.models import Act

SEALER = station.sealer_for(SITE, b"k" * 32, CONTEST)
REJECTION = "act = 'rejection'"


def edit_minute(change: str) -> str:
    return f"""UPDATE minutes SET "after" = json_set("after", {change}) WHERE {REJECTION}"""


ATTACKS = {
    "drop a rejected ballot": "DELETE FROM rejected_ballots WHERE ballot_code = "
    "(SELECT min(ballot_code) FROM rejected_ballots)",
    "drop all rejected ballots": "DELETE FROM rejected_ballots",
    "change a rejected ballot's code": "UPDATE rejected_ballots SET ballot_code = zeroblob(10) WHERE ballot_code = "
    "(SELECT min(ballot_code) FROM rejected_ballots)",
    "add a rejected ballot": "INSERT INTO rejected_ballots SELECT zeroblob(10), contest, suspicion "
    "FROM rejected_ballots LIMIT 1",
    "give rejected ballots another suspicion": "UPDATE rejected_ballots SET suspicion = zeroblob(16)",
    "reject a sealed ballot behind the minutes": "INSERT INTO rejected_ballots SELECT ballot_code, contest, "
    "(SELECT suspicion FROM rejected_ballots LIMIT 1) FROM ballot_box LIMIT 1",
    "drop the minute of a rejection": f"DELETE FROM minutes WHERE {REJECTION}",
    "make of a rejection an admission": f"UPDATE minutes SET act = 'admission' WHERE {REJECTION}",
    "change how many were rejected": edit_minute("'$.count', 3"),
    "change which were rejected": edit_minute("'$.codes', 'x'"),
    "change why they were rejected": f"UPDATE minutes SET why = 'Rien' WHERE {REJECTION}",
    "sign for fewer": "DELETE FROM poll_book WHERE voter_key = (SELECT min(voter_key) FROM poll_book)",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest in which a group was rejected, and one honest ballot is in the box."""
    file = tmp_path_factory.mktemp("rejections") / "vote.db"
    prepare(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    here = Booth(database, KEYS, CONTEST, HOUR)
    vote(here, "honest", host="203.0.113.9")
    aside_for_pace(here)
    decide(here, Act.REJECTION)
    contests.close(database, CONTEST, at=MORNING + HOUR, **OFFICE)
    contests.publish(database, SEALER, at=MORNING + 2 * HOUR, **OFFICE)
    database.close()
    return file


def complaints(file: Path, attack: str = "") -> list[str]:
    database = Database(f"sqlite:///{file}")
    with database.writing() as session:
        for table in ("ballot_box", "checkpoints", "minutes", "rejected_ballots"):
            for kind in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER {table}_no_{kind}"))
        if attack:
            session.execute(text(attack))
    with database.reading() as session:
        findings = audit.examine_database(session, contests.read(session, CONTEST), SEALER.signer.verifier)
    database.close()
    return [finding.said("en") for finding in findings if not finding.holds]


def test_without_an_attack_nothing_is_found(published: Path, tmp_path: Path) -> None:
    assert complaints(Path(shutil.copy(published, tmp_path / "vote.db"))) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_a_decision_is_found_out(published: Path, tmp_path: Path, attack: str) -> None:
    assert complaints(Path(shutil.copy(published, tmp_path / "vote.db")), ATTACKS[attack])


@pytest.mark.parametrize("statement", ["UPDATE rejected_ballots SET contest = contest", "DELETE FROM rejected_ballots"])
def test_the_database_itself_refuses_to_change_a_rejection(published: Path, tmp_path: Path, statement: str) -> None:
    database = Database(f"sqlite:///{shutil.copy(published, tmp_path / 'vote.db')}")
    with pytest.raises(Exception, match="rejected_ballots is final"), database.writing() as session:
        session.execute(text(statement))
    database.close()


def test_a_minute_of_a_rejection_binds_its_ballots(published: Path) -> None:
    database = Database(f"sqlite:///{published}")
    with database.reading() as session:
        after = session.execute(text(f'SELECT "after" FROM minutes WHERE {REJECTION}')).scalar_one()
    database.close()
    told = json.loads(after)
    assert (told["rule"], told["count"], len(told["codes"])) == ("machine", 26, 64)
