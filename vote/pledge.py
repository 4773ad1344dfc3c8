"""The pledge: what a connection to PostgreSQL calls committed is kept, whichever of the servers dies next."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import psycopg
from psycopg.errors import Diagnostic, FeatureNotSupported, ReadOnlySqlTransaction

COMMIT_SECONDS = 10.0
CAUGHT_UP = "SELECT pg_logical_emit_message(true, 'vote', '') WHERE current_setting('transaction_read_only') = 'off'"
# What a server says that follows another: to a write, and to a transaction that asks for leave to write.
DEMOTED = {ReadOnlySqlTransaction.sqlstate, FeatureNotSupported.sqlstate}


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
