"""Rows: many of them put into a table, or looked up, by one statement in the dialect of the session's database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import Any, TypeVarTuple

from sqlalchemy import BindParameter, Connection, Dialect, Insert, LargeBinary, Select, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeEngine

from vote.db import Instant, straight

Columns = TypeVarTuple("Columns")
Row = tuple[Any, ...]

AMONG: BindParameter[Any] = bindparam("among", expanding=True)  # what `look` looks among
MOST_VALUES = 30_000  # of one statement: SQLite takes 32,766, PostgreSQL 65,535


def insert(session: Session, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT, in the dialect of this session."""
    return insert_in(dialect(session), table)


def dialect(session: Session) -> str:
    """By its name statements are made once and kept: making one costs as much as executing it."""
    return session.get_bind().dialect.name


@cache
def insert_in(dialect_name: str, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect_name == "sqlite" else postgresql.insert(table)


def insert_all(session: Session, statement: Insert, names: tuple[str, ...], rows: Sequence[Row]) -> list[Any]:
    """Insert rows with a value for each of these columns, and answer what the statement returns, as the driver gives
    it. The columns are named in the order of the table.

    Handed to the driver as one long list of values: made by SQLAlchemy a row at a time, it costs more than the commit.
    """
    if not rows:
        return []
    found: list[Any] = []
    connection, start = session.connection(), 0
    ready = _ready(statement, connection.dialect, names)
    while start < len(rows):
        # By powers of two: statements of few sizes are read by the database once, and kept.
        size = 1 << min(len(rows) - start, ready.most).bit_length() - 1
        found += _run(connection, ready.text(size), ready.values(rows[start : start + size]))
        start += size
    return found


def look(
    session: Session, statement: Select[*Columns], among: Iterable[Any], **others: Any
) -> Sequence[tuple[*Columns]]:
    """The rows of a statement for any of these values, bytes or text, of its parameter AMONG; no statement where there
    are none. What the session has yet to flush is not seen.

    Handed to the driver as it is: made by SQLAlchemy each time, a statement costs more than it takes to find the rows.
    """
    wanted = list(among)
    if not wanted:
        return []
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, {AMONG.key: wanted, **others}).all()
    ready = _looked(statement, connection.dialect)
    # Filled up to a power of two, for the reason that `insert_all` has.
    wanted += wanted[-1:] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
    values: list[Any] = []
    for name in ready.names:
        values += wanted if name == AMONG.key else [others[name]]
    return ready.read(_run(connection, ready.text(len(wanted)), tuple(values)))


def _run(connection: Connection, text: str, values: tuple[Any, ...]) -> Sequence[Any]:
    if connection.dialect.name == "sqlite":
        return straight(connection, text, values)
    result = connection.exec_driver_sql(text, values)
    return result.all() if result.returns_rows else []


@dataclass(frozen=True, slots=True)
class _Insertion:
    """An insert of any number of rows of so many columns, cut open where the rows go; `binders` say by their places
    which values become something else on their way to the driver."""

    before: str
    row: str
    after: str
    width: int
    binders: Sequence[tuple[int, Callable[[Any], Any]]]

    @property
    def most(self) -> int:
        return MOST_VALUES // self.width

    def text(self, size: int) -> str:
        return f"{self.before}{', '.join([self.row] * size)}{self.after}"

    def values(self, rows: Sequence[Row]) -> tuple[Any, ...]:
        values = list(chain.from_iterable(rows))
        for first, bind in self.binders:
            values[first :: self.width] = map(bind, values[first :: self.width])
        return tuple(values)


@dataclass(frozen=True, slots=True)
class _Question:
    """A statement cut open where the values go that it looks among; `names` are its parameters, in order."""

    parts: Sequence[str]
    names: Sequence[str]
    readers: Sequence[tuple[int, Callable[[Any], Any]]]

    def text(self, size: int) -> str:
        return ", ".join(["?"] * size).join(self.parts)

    def read(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        if not self.readers:
            return rows
        found = []
        for row in rows:
            values = list(row)
            for place, reader in self.readers:
                values[place] = reader(values[place])
            found.append(tuple(values))
        return found


@lru_cache(maxsize=64)
def _looked(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Question:
    compiled = statement.compile(dialect=dialect)
    kinds = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
    readers = [kind.result_processor(dialect, None) for kind in kinds]
    return _Question(
        str(compiled).split(f"__[POSTCOMPILE_{AMONG.key}]"),
        compiled.positiontup or (),
        [(place, reader) for place, reader in enumerate(readers) if reader is not None],
    )


@lru_cache(maxsize=64)
def _ready(statement: Insert, dialect: Dialect, names: tuple[str, ...]) -> _Insertion:
    columns = [column for column in statement.table.columns if column.name in names]
    if tuple(column.name for column in columns) != names:
        raise ValueError(f"the columns of {statement.table.name} are not in the table's order: {names}")
    text = str(statement.compile(dialect=dialect, column_keys=names))
    # Between the parts: the one row that SQLAlchemy has written, in which psycopg's names become places.
    before, row, after = re.split(r"(?<=VALUES )(\((?:[^()]|\([^)]*\))*\))", text, maxsplit=1)
    return _Insertion(
        before,
        re.sub(r"%\(\w+\)s(::[A-Z ]+)?", "%s", row),
        after,
        len(columns),
        [(place, bind) for place, column in enumerate(columns) if (bind := _binder(column.type, dialect))],
    )


def _binder(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What becomes of a value on its way to the driver; None where it takes the value as it is, as it does bytes."""
    if isinstance(kind, LargeBinary):
        return None
    bind = kind.dialect_impl(dialect).bind_processor(dialect)
    # The rows of one statement have few moments among them.
    return lru_cache(maxsize=64)(bind) if bind and isinstance(kind, Instant) else bind
