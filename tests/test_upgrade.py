"""A contest that began on an earlier version goes on after the upgrade: every vote is there, and the audit agrees."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from crowds import MIXING, cast, complaints, new_sealer, sealed
from people import MORNING, StoppedClock, open_house, prepare, settings_for
from sqlalchemy import Connection, MetaData, RowMapping, Table, insert, select

from vote import schema, sealing
from vote.db import Database
from vote.models import Table as Model
from vote.settings import ROOT

EARLIER = [script.revision for script in ScriptDirectory(str(ROOT / "alembic")).walk_revisions()][:0:-1]


def as_of(revision: str, url: str, lately: Database) -> None:
    """A database as that revision left it, with whatever it had room for of what `lately` holds."""
    with closing(Database(url)) as database:
        schema.upgrade(database, revision)
        with database.migrating() as connection, lately.reading() as session:
            old = MetaData()
            old.reflect(connection)
            for table in Model.metadata.sorted_tables:
                if table.name in old.tables:
                    _copy(connection, old.tables[table.name], session.execute(select(table)).mappings().all())


def _copy(connection: Connection, table: Table, rows: Sequence[RowMapping]) -> None:
    for row in rows:
        known = {name: value for name, value in row.items() if name in table.c and value is not None}
        connection.execute(insert(table).values(known))


@pytest.mark.parametrize("revision", EARLIER)
def test_votes_cast_before_an_upgrade_are_sealed_counted_and_audited_after_it(
    revision: str, empty_url: str, tmp_path: Path, clock: StoppedClock
) -> None:
    lately = f"sqlite:///{tmp_path / 'lately.db'}"
    prepare(lately)
    with open_house(settings_for(lately, tmp_path), clock) as house:
        codes = cast(house.database, range(12), MORNING)
        voter = house.voter("marie@example.org")
        receipt = voter.vote("permis-de-construire")
        waiting = house.voter("paul@example.org")
        waiting.choose("ilot-femmes")
        code, cookies = waiting.code(), waiting.browser.cookies
        as_of(revision, empty_url, house.database)

    with closing(Database(empty_url)) as database:
        schema.upgrade(database)
        assert complaints(database) == []
    with open_house(settings_for(empty_url, tmp_path), clock) as house:
        waiting.house = house
        waiting.change_browser()
        waiting.browser.cookies.update(cookies)
        assert waiting.type_code(code).status_code == 200
        assert sum(house.ballots().values()) == 14
        assert sealing.seal(house.database, new_sealer(), MORNING + 2 * MIXING) is not None
        assert set(codes) < set(sealed(house.database))
        assert complaints(house.database) == []
        assert house.client().get(f"/urne/preuve/{receipt}").status_code == 200
        voter.house = house
        voter.change_browser()
        voter.choose("ilot-femmes")
        assert "déjà" in voter.letter()["Subject"]
