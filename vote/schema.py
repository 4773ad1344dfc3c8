"""The migrations: brings a database to the schema of this code, or says that it is not there yet."""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from vote.db import Database
from vote.errors import Misuse
from vote.settings import ROOT


def upgrade(database: Database, revision: str = "head") -> None:
    """Run what is missing, in one transaction; nodes that upgrade at once take turns. Raises Misuse."""
    with database.migrating() as connection:
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as problem:
            raise Misuse("The database was made by a later version: start that one.") from problem


def require_current(database: Database) -> None:
    """Raise Misuse unless the schema is the one of this code."""
    with database.reading() as session:
        found = MigrationContext.configure(session.connection()).get_current_heads()
    if set(found) != _heads():
        raise Misuse("The database does not have the schema of this version: run `vote db upgrade` first.")


@cache
def _heads() -> set[str]:
    return set(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> Config:
    return Config(toml_file=ROOT / "pyproject.toml")
