"""The pledge: what a connection to PostgreSQL calls committed is kept, whichever of the servers dies next."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.errors import Diagnostic
from sqlalchemy import Dialect

COMMIT_SECONDS = 10.0
CAUGHT_UP = "SELECT pg_logical_emit_message(true, 'vote', '') WHERE current_setting('transaction_read_only') = 'off'"


class Pledged(psycopg.Connection[Any]):
    """A commit that is not sure raises OperationalError: it may have been kept, or not.

    With synchronous replication the server waits for a standby after it has committed by itself, for as long as there
    is none, and no limit of its own ends that wait. A cancellation would: the commit is then reported as done, with a
    warning that it may be lost. So nobody here cancels; past `patience` seconds this side hangs up.
    """

    patience = COMMIT_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._warned = False
        self.add_notice_handler(self._hear)

    def commit(self) -> None:
        self._warned = False
        alarm = threading.Timer(self.patience, self._hang_up)
        alarm.daemon = True
        alarm.start()
        try:
            super().commit()
        finally:
            alarm.cancel()
        if self._warned:
            self.close()
            raise psycopg.OperationalError("the commit is on one server alone")

    def catch_up(self) -> None:
        """From here on, what this connection sees is kept. After a crash a primary shows commits that it alone has; to
        commit something of one's own waits until the standby has all that came before."""
        try:
            self.execute(CAUGHT_UP)
            self.commit()
        except psycopg.Error:
            self.close()
            raise

    def _hear(self, notice: Diagnostic) -> None:
        self._warned = self._warned or notice.severity_nonlocalized == "WARNING"

    def _hang_up(self) -> None:
        try:
            with socket.socket(fileno=os.dup(self.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error):
            pass  # it has ended by itself meanwhile


def connect(_dialect: Dialect, _record: Any, arguments: Any, named: dict[str, Any]) -> Pledged:
    """What SQLAlchemy calls for a new connection (`do_connect`)."""
    return Pledged.connect(*arguments, **named)


def catch_up_in_turn(patience: float) -> Callable[[Pledged, Any], None]:
    """One new connection at a time: the server goes on waiting for a standby for each that has hung up."""
    turn = threading.Lock()

    def catch_up(connection: Pledged, _record: Any) -> None:
        if not turn.acquire(timeout=patience):
            connection.close()
            raise psycopg.OperationalError("another connection waits for a standby")
        try:
            connection.catch_up()
        finally:
            turn.release()

    return catch_up
