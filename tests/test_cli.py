"""The operator's door: every command, and one sentence where a command cannot be obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from key_holders import OFFICER, told, with_a_key
from operators import Operator, edition_of_today
from people import CONTEST, EDITION, SITE, StoppedClock, open_house, text_of
from sqlalchemy import insert

from vote.cli import main
from vote.clock import RunningClock
from vote.db import Database
from vote.editions import SHIPPED
from vote.models import Envelope
from vote.settings import Settings

LAUREATE = EDITION.laureates[0].slug


@pytest.fixture
def operator(empty_url: str, tmp_path: Path) -> Operator:
    return Operator(empty_url, edition_of_today(tmp_path / "today.toml"))


def commands(group: click.Group = main, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def test_every_command_explains_itself() -> None:
    found = list(commands())
    assert {" ".join(path) for path, _ in found} >= {
        *("demo", "serve", "worker", "db upgrade", "edition load", "staff add", "audit"),
        *("contest show", "contest close", "contest extend", "contest publish"),
    }
    for path, command in found:
        for flag in ("--help", "-h"):
            result = CliRunner().invoke(main, [*path, flag])
            assert result.exit_code == 0
            assert command.help
            assert command.help.split(".")[0].split("\n")[0][:40] in result.output
            for parameter in command.params:
                assert not isinstance(parameter, click.Option) or parameter.help or parameter.name == "role", path


def test_a_contest_is_led_from_the_shell_from_its_opening_to_its_results(operator: Operator) -> None:
    assert "has the schema of this version" in operator.says("db", "upgrade")
    assert "has the schema of this version" in operator.says("db", "upgrade")
    assert operator.says("edition", "load") == f"{CONTEST}: created, 3 laureates.\n"
    assert operator.says("edition", "load") == f"{CONTEST}: unchanged, 3 laureates.\n"
    entered = operator.says("staff", "add", "camille@example.org", "--role", "juror", "--name", "Camille")
    assert entered == "Camille is entered as juror.\n"
    assert f"{CONTEST}: open" in operator.says("contest", "show")

    later = (RunningClock().now() + timedelta(days=9)).replace(microsecond=0)
    until = ["--until", later.isoformat(), "--reason", "Panne nationale"]
    assert "now closes" in operator.says("contest", "extend", *until, answer="y\n")
    assert "is closed" in operator.says("contest", "close", "--reason", "Fin", "--yes")
    assert "0 signatures, 0 ballots: balanced" in operator.says("contest", "show")
    assert "are published" in operator.says("contest", "publish", "--reason", "Dépouillé", "--yes")

    shown = operator.says("contest", "show")
    assert f"{CONTEST}: published" in shown
    for act in ("edition", "staff", "extension", "closure", "publication"):
        assert f"UTC  {act}  l’opérateur: " in shown
    assert "Panne nationale" in shown
    assert "camille@example.org" not in shown
    audited = operator.says("audit")
    assert "DISAGREES" not in audited
    assert "Minutes: 5, each following from the one before." in audited
    assert "The published results are those of the minutes." in audited


def test_an_audit_that_finds_a_gap_says_so_and_fails(operator: Operator) -> None:
    operator.prepares()
    database = Database(operator.url)
    ballot = {"ballot_code": b"b" * 10, "contest": CONTEST, "laureate": LAUREATE, "salt": b""}
    with database.writing() as session:
        session.execute(insert(Envelope), [{**ballot, "window_at": RunningClock().now()}])
    database.close()
    result = operator.run("audit")
    assert result.exit_code == 1
    assert "DISAGREES  0 signatures in the poll book, 1 ballot," in result.output
    operator.says("contest", "close", "--reason", "x", "--yes")
    assert "NOT BALANCED" in operator.says("contest", "show")
    assert "La proclamation est suspendue" in operator.is_told("contest", "publish", "--reason", "x", "--yes")


def test_a_member_whose_letters_do_not_arrive_enters_by_the_operators_link_and_can_be_sent_out(
    database_url: str, tmp_path: Path, settings: Settings
) -> None:
    operator = Operator(database_url, SHIPPED)
    operator.says("staff", "add", "camille@example.org", "--role", "juror", "--name", "Camille")
    link = operator.says("staff", "invite", "Camille@example.org").strip()
    assert "run `vote staff add` first" in operator.is_told("staff", "invite", "nobody@example.org")
    with open_house(settings, StoppedClock(RunningClock().now())) as house:
        browser = house.client()
        assert browser.post(link.removeprefix(SITE)).url.path == "/jury"
        assert operator.says("staff", "sign-out", "camille@example.org") == "1 sessions ended.\n"
        assert browser.get("/jury").url.path == "/entrer"
    assert operator.says("staff", "sign-out", "camille@example.org") == "0 sessions ended.\n"


def test_a_lost_passkey_is_removed_by_the_operator_on_the_record(settings: Settings) -> None:
    operator = Operator(settings.database_url, SHIPPED)
    with open_house(settings, StoppedClock()) as house:
        officer = with_a_key(house)
        officer.sign_in()
        assert operator.says("staff", "remove-key", OFFICER) == "1 passkeys left.\ntéléphone\n"
        assert "Aucune clé d’accès ne porte ce nom." in operator.is_told("staff", "remove-key", OFFICER, "autre")
        assert officer.inside()
        removed = operator.says("staff", "remove-key", " Officer@Example.org", "téléphone")
        assert removed == "Removed.\n0 passkeys left.\n"
        assert told(house)[1:] == [("l’opérateur", "Retrait d’une clé d’accès.", 1, 0)]
        assert not officer.inside()
        officer.house.clock.moment = RunningClock().now()
        assert "plus de clé d’accès" in text_of(house.letters(OFFICER)[0])
        officer.type_code()
        assert officer.inside()


def test_a_member_may_be_entered_with_a_language_of_their_own(database_url: str) -> None:
    operator = Operator(database_url, SHIPPED)
    omar = ("staff", "add", "omar@example.org", "--role", "officer", "--name", "Omar")
    for language, entrance in (("", f"{SITE}/entrer/"), ("en", f"{SITE}/en/entrer/"), ("", f"{SITE}/en/entrer/")):
        operator.says(*omar, *(("--lang", language) if language else ()))
        assert operator.says("staff", "invite", "omar@example.org").startswith(entrance)
