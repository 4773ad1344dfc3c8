"""Engines and transactions on SQLite and PostgreSQL, so that the rest never asks which one it is."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, NotSupportedError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from vote.errors import Unavailable
from vote.languages import Sentence

BUSY_SECONDS = 5
# Where SQLite keeps what a statement would take back, and what it sorts.
IN_MEMORY, ON_DISK = "PRAGMA temp_store=MEMORY", "PRAGMA temp_store=FILE"
GONE = (OperationalError, InterfaceError, PoolTimeout)  # what a transaction turns into Unavailable
# What a PostgreSQL server says that follows another: to a write (read_only_sql_transaction), and to a transaction that
# asks for leave to write (feature_not_supported).
DEMOTED = {"25006", "0A000"}
AWAY = Sentence(
    "Le bureau de vote est momentanément indisponible ; rien n’a été enregistré. Réessayez dans quelques secondes."
)
UNSEEN = Sentence(
    "Le bureau de vote est momentanément indisponible ; cette page ne peut pas être affichée. "
    "Réessayez dans quelques secondes."
)
UNSURE = Sentence(
    "Le bureau de vote est momentanément indisponible ; votre demande a pu être enregistrée, ou non. "
    "Refaites-la dans quelques secondes : rien ne compte deux fois, et un vote déjà compté sera retrouvé."
)

log = logging.getLogger(__name__)


class Instant(TypeDecorator[datetime]):
    """An aware instant, in UTC. A naive one is a fault of ours and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Transactions on one database: returning commits, raising rolls back, and a database away is Unavailable."""

    def __init__(self, url: str) -> None:
        # What people typed stays out of the words of a fault. The connection that was used last is taken first: to each
        # other one, SQLite must read again what has changed since.
        limits = {"pool_size": 10, "max_overflow": 40, "pool_timeout": BUSY_SECONDS, "pool_use_lifo": True}
        self.engine = create_engine(url, hide_parameters=True, **limits, **_options(url))
        self.embedded = self.engine.dialect.name == "sqlite"
        if self.embedded:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            # Known to those who use it alone: its driver takes six megabytes.
            from vote import pledge  # noqa: PLC0415

            event.listen(self.engine, "do_connect", pledge.connect)
            event.listen(self.engine, "connect", pledge.catch_up_in_turn(BUSY_SECONDS))
            event.listen(self.engine, "handle_error", _leave_the_demoted)
        self._writer = self.engine.execution_options(writing=True)
        self._brief_writer = self.engine.execution_options(writing=True, brief=True)
        # PostgreSQL would else give each statement a moment of its own, and figures read together would not agree.
        view = {} if self.embedded else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self.engine.execution_options(**view)
        # SQLite lets writers wait by trying now and then, at the mercy of luck: those of one process queue here first.
        self._turn: AbstractContextManager[None] = Turn() if self.embedded else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """The database as it was at one moment; takes no write lock, and nothing of it is kept."""
        with _honest(UNSEEN, writing=False), Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self, *, brief: bool = False) -> Iterator[Session]:
        """One transaction. On SQLite it holds the only write lock from its first statement on.

        A `brief` one never sorts much: what SQLite notes on the way is kept in memory, not in a file.
        """
        writer = self._brief_writer if brief else self._writer
        with self._turn, _honest(), Session(writer, expire_on_commit=False) as session:
            yield session
            session.flush()
            with _honest(UNSURE):
                session.commit()

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One transaction for a change of schema."""
        with self._turn, _honest(), self._writer.connect() as connection:
            transaction = connection.begin()
            yield connection
            with _honest(UNSURE):
                transaction.commit()

    def sweep(self, *tables: str) -> None:
        """Let deleted rows of these tables be gone from the database's files, not only from its answers."""
        with _honest():
            if self.embedded:
                raw = self.engine.raw_connection()
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                raw.close()
                return
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for table in tables:
                    connection.exec_driver_sql(f"VACUUM {table}")

    def rewrite(self) -> None:
        """Write the whole database anew, so that nothing deleted is left in its files. Nobody else works meanwhile."""
        with _honest():
            if self.embedded:
                raw = self.engine.raw_connection()
                raw.cursor().execute(ON_DISK)
                raw.cursor().execute("VACUUM")
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                raw.close()
                return
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM FULL")

    def close(self) -> None:
        self.engine.dispose()


class Turn:
    """A lock for threads, taken in the order of arrival; who has waited too long is told Unavailable."""

    def __init__(self, patience: float = BUSY_SECONDS) -> None:
        self.waiting: deque[threading.Event] = deque()
        self._patience = patience
        self._lock = threading.Lock()
        self._held = False

    def __enter__(self) -> None:
        called = threading.Event()
        with self._lock:
            if not self._held:
                self._held = True
                return
            self.waiting.append(called)
        if not called.wait(self._patience):
            with self._lock:
                if not called.is_set():
                    self.waiting.remove(called)
                    raise Unavailable(AWAY)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self.waiting:
                self.waiting.popleft().set()
            else:
                self._held = False


def take_turn(session: Session, lock: int, *, shared: bool = False) -> None:
    """Wait until `lock` is ours, and keep it to the end of the transaction: served in the order of arrival.

    Shared turns go together, yet none of them passes an exclusive one that already waits; row locks promise no such
    thing. On SQLite the only write lock is every turn.
    """
    if session.get_bind().dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        session.execute(text(f"SELECT {function}(:lock)"), {"lock": lock})


def straight(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Sequence[Any]:
    """What SQLite itself answers: to describe the answer costs SQLAlchemy more than SQLite takes to find it."""
    try:
        found: list[Any] = connection.connection.cursor().execute(statement, values).fetchall()
    except sqlite3.DatabaseError as problem:
        raise DBAPIError.instance(statement, None, problem, sqlite3.Error, hide_parameters=True) from problem
    return found


@contextmanager
def _honest(sentence: Sentence = AWAY, *, writing: bool = True) -> Iterator[None]:
    try:
        yield
    except GONE as problem:
        raise Unavailable(sentence) from problem
    except (InternalError, NotSupportedError) as problem:
        if not writing or _sqlstate(problem.orig) not in DEMOTED:
            raise
        raise Unavailable(sentence) from problem


def _options(url: str) -> dict[str, Any]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    limits = "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"
    # A server that is cut off says nothing: without these, the system would wait for it for a quarter of an hour.
    silence = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10000}
    arguments = {"connect_timeout": 3, "options": f"{limits} -c timezone=UTC", **silence}
    return {"pool_pre_ping": True, "connect_args": arguments}


def _leave_the_demoted(context: ExceptionContext) -> None:
    if _sqlstate(context.original_exception) in DEMOTED:
        log.warning("the database server takes no writes: the next connection looks for one that does")
        context.is_disconnect = True


def _sqlstate(problem: BaseException | None) -> str | None:
    return getattr(problem, "sqlstate", None)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's own transaction control would begin too late and lose updates; ours begins below.
    connection.isolation_level = None
    _write_ahead(connection)
    # The last three: each connection keeps pages of 16 MB at hand, all of them together of 32, and those written go
    # over to the file 16 MB at a time.
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "cache_size=-16000",
        "soft_heap_limit=32000000",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Of two processes that turn a new file to write-ahead at the same moment, one is refused without any wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    straight(connection, IN_MEMORY if options.get("brief") else ON_DISK)
    straight(connection, "BEGIN IMMEDIATE" if options.get("writing") else "BEGIN")
