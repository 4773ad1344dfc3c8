"""The purge: what could still tell who voted is gone, from the files too, and everything published still verifies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundles import STATION
from click.testing import CliRunner, Result
from crowds import complaints, lot, voter_key
from people import CONTEST, MORNING, House, StoppedClock, open_house
from sqlalchemy import func, select

from vote import ballot_box, bundle, cli, mail_hosts, minutes, purge, staff
from vote.errors import Conflict, Misuse
from vote.mail_hosts import Host
from vote.models import Act, OutgoingLetter, Role, Signature, Staff, StaffSession, Verification
from vote.settings import Settings


def end(house: House) -> None:
    """Some vote, some only ask for a letter that never leaves, the results are published."""
    lot(house.database, range(10), MORNING)
    house.voter("marie@example.org").vote()
    disowned = house.voter("autre@example.org")
    disowned.choose()
    disowned.disown()
    house.voter("curieux@example.org").choose()
    with house.database.writing() as session:
        mail_hosts.keep(
            session, house.station.keys, {"example.org": Host(b"mark", "mx.example.org")}, house.clock.now()
        )
    house.juror()
    officer = house.officer()
    with house.database.writing() as session:
        address = session.scalars(select(Staff.address).where(Staff.role == Role.OFFICER)).one()
        staff.challenge(session, b"never answered", address, house.clock.now())
    officer.close()
    assert officer.publish().status_code == 200


def run(settings: Settings, pepper: Path | None, *arguments: str) -> Result:
    environ: dict[str, str | None] = {
        "DATABASE_URL": settings.database_url,
        "VOTE_PUBLIC_URL": settings.public_url,
        "VOTE_SEAL_KEY": settings.seal_key.hex(),
        "VOTE_PEPPER_FILE": str(pepper) if pepper else None,
        "VOTE_PEPPER": None if pepper else "p" * 40,
    }
    return CliRunner(env=environ).invoke(cli.main, list(arguments))


def count(house: House, table: type[Any]) -> int:
    with house.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_nothing_is_destroyed_before_the_publication(house: House, settings: Settings, tmp_path: Path) -> None:
    pepper = tmp_path / "pepper"
    pepper.write_text("p" * 40)
    house.voter("curieux@example.org").choose()
    for _ in range(2):
        answer = run(settings, pepper, "purge", "--yes")
        assert answer.exit_code == 1
        assert "attend la proclamation" in answer.output
        with pytest.raises(Conflict):
            purge.purge(house.database, STATION, who="l’opérateur", at=house.clock.now())
        house.officer().close()
    assert pepper.exists()
    assert all(count(house, table) for table in (OutgoingLetter, Verification, StaffSession))


def test_the_purge_empties_the_tables_and_certifies_it_in_the_minutes(house: House) -> None:
    end(house)
    before = {table.__tablename__: count(house, table) for table in purge.FORGOTTEN}
    assert all(before.values())
    assert purge.purge(house.database, house.station.sealer, who="l’opérateur", at=house.clock.now()) == before
    assert not any(count(house, table) for table in purge.FORGOTTEN)
    with house.database.reading() as session:
        line = minutes.read(session, CONTEST)[-1]
    assert (line.act, line.who, line.after) == (Act.PURGE, "l’opérateur", before)


def test_results_audits_and_bundles_are_as_good_as_before(house: House, settings: Settings) -> None:
    end(house)
    with house.database.reading() as session:
        kept = [row.note for row in ballot_box.checkpoints(session, CONTEST)]
    results = house.client().get("/resultats.json").json()
    purge.purge(house.database, house.station.sealer, who="l’opérateur", at=house.clock.now())
    after = house.client().get("/resultats.json").json()
    assert {name: after[name] for name in ("laureates", "votes", "turnout")} == {
        name: results[name] for name in ("laureates", "votes", "turnout")
    }
    assert after["minutes"][:-1] == results["minutes"]
    assert complaints(house.database, kept) == []
    content = house.client().get("/resultats/urne.zip").content
    assert [finding.said("en") for finding in bundle.read(content, kept) if not finding.holds] == []
    assert count(house, Signature) == 11
    assert run(settings, None, "audit").exit_code == 0


def test_the_file_holds_no_address_and_no_key_of_who_only_asked(
    tmp_path: Path, prepared_file: Path, settings: Settings, clock: StoppedClock
) -> None:
    if not settings.database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL rewrites its files as a whole: what an operator's backups hold is another matter")
    files = [tmp_path / "vote.db", tmp_path / "vote.db-wal"]
    with open_house(settings, clock) as house:
        end(house)
        asked = b"curieux@example.org"
        assert any(asked in path.read_bytes() for path in files)  # the search is known to find
        purge.purge(house.database, house.station.sealer, who="l’opérateur", at=clock.now())
        content = b"".join(path.read_bytes() for path in files if path.exists())
    for trace in (asked, b"curieux", b"marie@", b"voter3@", b"mx.example.org"):
        assert trace not in content
    assert voter_key(3) in content  # a signature of the poll book, which nobody can test without the pepper


def test_the_pepper_is_overwritten_and_removed(house: House, settings: Settings, tmp_path: Path) -> None:
    end(house)
    pepper = tmp_path / "pepper"
    pepper.write_text("p" * 40)
    other_name = tmp_path / "another name of the same file"
    other_name.hardlink_to(pepper)
    answer = run(settings, pepper, "purge", "--yes")
    assert answer.exit_code == 0, answer.output
    assert "overwritten and removed" in answer.output
    assert not pepper.exists()
    assert len(other_name.read_bytes()) == 40
    assert b"pp" not in other_name.read_bytes()


def test_a_pepper_of_the_environment_is_for_the_operator_to_replace(house: House, settings: Settings) -> None:
    end(house)
    answer = run(settings, None, "purge", "--yes")
    assert answer.exit_code == 0
    assert "replace VOTE_PEPPER by `destroyed`" in answer.output


def test_the_purge_asks_first(house: House, settings: Settings) -> None:
    end(house)
    assert run(settings, None, "purge").exit_code == 1
    assert count(house, StaffSession) > 0


def test_without_a_pepper_only_a_published_contest_is_served(settings: Settings, clock: StoppedClock) -> None:
    bare = replace(settings, pepper=None)
    with pytest.raises(Misuse, match="VOTE_PEPPER is `destroyed`"), open_house(bare, clock):
        pass
    with open_house(settings, clock) as house:
        end(house)
    with open_house(bare, clock) as house:
        assert house.client().get("/resultats.json").json()["votes"] == 11
        assert house.voter("tardif@example.org").choose().status_code == 409
        assert house.client().get("/pret").status_code == 200
