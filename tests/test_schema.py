"""The schema: what the migrations build is what the models say, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from nodes import nodes, upgrade_at_once
from servers import PostgreSQL
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.exc import IntegrityError, OperationalError

from vote import schema
from vote.db import Database
from vote.errors import Misuse
from vote.models import UNORDERED, Table
from vote.settings import ROOT


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = f"bare_{uuid4().hex}"
    server.create(name)
    yield server.url(name)
    server.drop(name)


def anatomy(connection: Connection) -> dict[str, Any]:
    """All that the database itself says of its tables."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in columns],
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": _by_name(inspector.get_foreign_keys(table)),
            "checks": _by_name(inspector.get_check_constraints(table)),
            # In words: the condition of an index is another object each time.
            "indexes": [{name: str(what) for name, what in one.items()} for one in _indexes(inspector, table)],
            "unique": _by_name(inspector.get_unique_constraints(table)),
            "options": inspector.get_table_options(table),
        }
        for (_, table), columns in inspector.get_multi_columns().items()
        if table != "alembic_version"
    }


def _indexes(inspector: Inspector, table: str) -> list[dict[str, Any]]:
    found = [{**one.pop("dialect_options", {}), **one} for one in inspector.get_indexes(table)]
    return _by_name(found)


def _by_name(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda one: str(one["name"]))


def test_alembic_finds_nothing_to_migrate(database: Database) -> None:
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_the_migrations_build_what_the_models_say_to_the_last_constraint(bare_url: str) -> None:
    with closing(Database(bare_url)) as bare:
        schema.upgrade(bare)
        with bare.migrating() as connection:
            migrated = anatomy(connection)
            Table.metadata.drop_all(connection)
            Table.metadata.create_all(connection)
            assert anatomy(connection) == migrated


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_tables_that_must_not_tell_the_order_of_arrival_have_no_rowid(database: Database) -> None:
    wanted = {
        table.name
        for table in Table.metadata.sorted_tables
        if table.dialect_options["sqlite"]["with_rowid"] is UNORDERED["sqlite_with_rowid"]
    }
    assert {"poll_book", "envelopes", "verifications", "outbox", "running_count", "turnout"} <= wanted
    with database.engine.connect() as connection:
        for table in wanted:
            with pytest.raises(OperationalError, match="no such column: rowid"):
                connection.execute(text(f"SELECT rowid FROM {table}"))


def test_upgrading_again_changes_nothing(database: Database) -> None:
    with database.engine.connect() as connection:
        before = anatomy(connection)
    schema.upgrade(database)
    with database.engine.connect() as connection:
        assert anatomy(connection) == before
    schema.require_current(database)


def test_the_last_revision_is_known_by_its_file() -> None:
    scripts = ScriptDirectory.from_config(Config(toml_file=ROOT / "pyproject.toml"))
    assert schema.head() == scripts.get_current_head()


def test_a_database_without_the_schema_is_said_to_need_it(bare_url: str) -> None:
    with closing(Database(bare_url)) as bare:
        with pytest.raises(Misuse, match="vote db upgrade"):
            schema.require_current(bare)
        schema.upgrade(bare)
        schema.require_current(bare)


def test_two_nodes_that_upgrade_at_once_both_succeed(bare_url: str) -> None:
    with nodes(2) as running:
        parts = [running.run(upgrade_at_once, bare_url) for _ in range(2)]
        running.begin()
        for part in parts:
            part.result()
    with closing(Database(bare_url)) as database:
        schema.require_current(database)


RULES = {
    "one person signs once": "INSERT INTO poll_book VALUES (:contest, 'k'), (:contest, 'k')",
    "a signature is for a contest": "INSERT INTO poll_book VALUES ('other', 'k')",
    "a ballot is for one of its laureates": "INSERT INTO envelopes (ballot_code, contest, laureate, salt, window_at) "
    "VALUES ('b', :contest, 'nobody', 's', :at)",
    "a count is for a laureate of its contest": "INSERT INTO running_count VALUES (:contest, 'nobody', 0, 1)",
    "tries end": "INSERT INTO verifications VALUES ('v', :contest, 'k', :at, 6, 'waiting', '', NULL)",
    "a contest opens before it closes": "UPDATE contests SET closes_at = opens_at",
    "a line of the minutes has one number": "INSERT INTO minutes SELECT * FROM minutes",
}


@pytest.mark.parametrize("rule", RULES)
def test_the_database_itself_holds_the_rules_that_must_never_break(database: Database, rule: str) -> None:
    values = {"contest": "coup-de-coeur-2019", "at": "2019-11-18 10:00:00+00"}
    statement = RULES[rule]
    with pytest.raises(IntegrityError), database.writing() as session:
        session.execute(text(statement), {name: value for name, value in values.items() if f":{name}" in statement})
