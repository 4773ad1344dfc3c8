"""The migrations: brings a database to the schema of this code, or says that it is not there yet."""

from __future__ import annotations

from functools import cache

from sqlalchemy import inspect, text

from vote.db import Database
from vote.errors import Misuse
from vote.settings import ROOT


def upgrade(database: Database, revision: str = "head") -> None:
    """Run what is missing, in one transaction; nodes that upgrade at once take turns. Raises Misuse."""
    # Known to those who upgrade alone: to load it takes a fifth of a start.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    with database.migrating() as connection:
        config = Config(toml_file=ROOT / "pyproject.toml")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as problem:
            raise Misuse("The database was made by a later version: start that one.") from problem


def require_current(database: Database) -> None:
    """Raise Misuse unless the schema is the one of this code."""
    with database.reading() as session:
        upgraded = inspect(session.connection()).has_table("alembic_version")
        found = session.scalars(text("SELECT version_num FROM alembic_version")).all() if upgraded else []
    if found != [head()]:
        raise Misuse("The database does not have the schema of this version: run `vote db upgrade` first.")


@cache
def head() -> str:
    """The last revision: each is in a file that begins with it, and they are numbered in their order."""
    return max(path.name.partition("_")[0] for path in (ROOT / "alembic" / "versions").glob("[0-9]*.py"))
