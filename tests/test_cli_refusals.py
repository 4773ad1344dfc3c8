"""One sentence where a command cannot be obeyed, and never a traceback."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from operators import Operator, edition_of_today
from people import CONTEST

from vote.cli import main
from vote.clock import RunningClock


@pytest.fixture
def operator(empty_url: str, tmp_path: Path) -> Operator:
    return Operator(empty_url, edition_of_today(tmp_path / "today.toml"))


@pytest.fixture
def plain(tmp_path: Path) -> Operator:
    """On SQLite alone, for what does not depend on the database."""
    return Operator(f"sqlite:///{tmp_path / 'vote.db'}", edition_of_today(tmp_path / "today.toml"))


def test_before_the_upgrade_every_command_says_what_to_run_first(operator: Operator) -> None:
    for words in (
        ("edition", "load"),
        ("staff", "add", "camille@example.org", "--role", "juror", "--name", "Camille"),
        ("contest", "show"),
        ("contest", "close", "--reason", "x", "--yes"),
        ("audit",),
        ("serve",),
        ("worker",),
    ):
        assert "run `vote db upgrade` first" in operator.is_told(*words)


def test_before_the_edition_every_command_says_what_to_run_first(operator: Operator) -> None:
    operator.says("db", "upgrade")
    later = (RunningClock().now() + timedelta(days=9)).isoformat()
    for words in (
        ("staff", "add", "camille@example.org", "--role", "juror", "--name", "Camille"),
        ("contest", "show"),
        ("contest", "close", "--reason", "x", "--yes"),
        ("contest", "extend", "--until", later, "--reason", "x", "--yes"),
        ("contest", "publish", "--reason", "x", "--yes"),
        ("audit",),
        ("serve",),
        ("worker",),
    ):
        assert "run `vote edition load` first" in operator.is_told(*words)


def test_what_cannot_be_obeyed_is_told_in_one_sentence(plain: Operator) -> None:
    plain.prepares()
    add = ("staff", "add")
    who = ("--role", "juror", "--name", "Camille")
    assert "prenom.nom@example.org" in plain.is_told(*add, "camille@", *who)
    assert "name is empty" in plain.is_told(*add, "camille@example.org", "--role", "juror", "--name", " ")
    assert "--until is not an instant: 'demain'" in plain.is_told(
        "contest", "extend", "--until", "demain", "--reason", "x"
    )
    naive = ("contest", "extend", "--until", "2019-11-24T00:00", "--reason", "x")
    assert "--until has no time zone" in plain.is_told(*naive)
    past = ("contest", "extend", "--until", "2019-11-24T00:00:00+01:00", "--reason", "x", "--yes")
    assert "doit suivre" in plain.is_told(*past)
    assert "raison" in plain.is_told("contest", "close", "--reason", " ", "--yes")
    assert "attend la clôture" in plain.is_told("contest", "publish", "--reason", "x", "--yes")
    assert "nowhere.toml cannot be read" in plain.is_told("edition", "load", "nowhere.toml")
    assert "VOTE_SECRET is missing" in plain.is_told("serve", VOTE_SECRET="")
    assert "SMTP_URL is missing" in plain.is_told("worker", SMTP_URL="")


def test_a_database_that_cannot_be_is_told_in_one_sentence(plain: Operator, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    upgrade = ("db", "upgrade")
    assert "DATABASE_URL is not usable" in plain.is_told(*upgrade, DATABASE_URL="mysql://localhost/vote")
    nowhere = "postgresql://127.0.0.1:1/vote"
    assert "The database does not answer" in plain.is_told(*upgrade, DATABASE_URL=nowhere)
    assert "Not a directory" in plain.is_told(*upgrade, DATABASE_URL=f"sqlite:///{tmp_path}/file/folder/vote.db")


def test_a_grave_act_is_asked_for_twice(plain: Operator) -> None:
    plain.prepares()
    result = plain.run("contest", "close", "--reason", "x", answer="n\n")
    assert result.exit_code == 1
    assert "Close the contest now, for good?" in result.output
    assert "Aborted!" in result.output
    assert f"{CONTEST}: open" in plain.says("contest", "show")


def test_a_word_that_is_no_command_is_told_with_the_way_to_help() -> None:
    for words in (["vote"], ["contest", "reopen"], ["staff", "add", "a@example.org", "--role", "king", "--name", "A"]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
