"""Background work: the post, the sealing, the inspections and the housekeeping, inside the web process or beside it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select

from vote import audit, decisions, mail_hosts, sealing, signals, staff, witnesses
from vote.carriers import Carrier
from vote.clock import Clock
from vote.db import Database
from vote.errors import Unavailable
from vote.letters import Letterhead
from vote.mail_hosts import Ask
from vote.models import OutgoingLetter, Verification
from vote.postman import Postman
from vote.resolver import Finder
from vote.sealing import Sealer

ROUND_SECONDS = 10
INSPECTED_EVERY = timedelta(hours=1)
KEPT_AFTER_EXPIRY = timedelta(hours=1)

log = logging.getLogger(__name__)


class Worker:
    """What must happen without anybody asking. Any number may run at once; no contest opens or closes by it.

    Mail hosts are looked up where there is somebody to `ask` the DNS.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        head: Letterhead,
        new_carrier: Callable[[], Carrier],
        sealer: Sealer,
        ask: Ask | None = None,
    ) -> None:
        self._database, self._clock, self._sealer = database, clock, sealer
        self._finder = Finder(database, clock, head.keys, ask) if ask else None
        self.postman = Postman(database, clock, head, new_carrier, note=self._finder.note if self._finder else None)
        self._stop = threading.Event()
        self._rounds = threading.Thread(target=self._make_rounds, name="rounds", daemon=True)

    def start(self) -> None:
        self.postman.start()
        self._rounds.start()
        if self._finder is not None:
            self._finder.start()

    def stop(self) -> None:
        self._stop.set()
        self._rounds.join()
        self.postman.stop()
        if self._finder is not None:
            self._finder.stop()

    def _make_rounds(self) -> None:
        every = timedelta(0)
        while not self._stop.is_set():
            try:
                inspect(self._database, self._clock, self._sealer, every)
                every = INSPECTED_EVERY
                make_round(self._database, self._clock, self._sealer)
            except Unavailable:
                log.warning("the round waits: the database is away")
            except Exception:
                log.exception("a round failed")
            self._stop.wait(ROUND_SECONDS)


def make_round(database: Database, clock: Clock, sealer: Sealer) -> None:
    """Seal what is ready, mail checkpoints to witnesses and alerts to officers, forget what has expired."""
    sealing.seal(database, sealer, clock.now())
    witnesses.write_to(database, sealer, clock.now())
    decisions.alert(database, sealer.contest, clock.now())
    tidy(database, clock)


def inspect(database: Database, clock: Clock, sealer: Sealer, every: timedelta) -> None:
    """Audit the database unless it was done less than `every` ago; what disagrees is kept, shown and logged."""
    at = clock.now()
    with database.reading() as session:
        latest = audit.last_inspection(session, sealer.contest)
    if every and latest is not None and latest.at > at - every:
        return
    if complaints := audit.inspect(database, sealer.contest, sealer.signer.verifier, at):
        # The sentences themselves hold figures, and the log is public.
        log.error("integrity: %d checks of the database disagree, see `vote audit`", len(complaints))


def tidy(database: Database, clock: Clock) -> None:
    """Forget what has expired: nothing of it can serve any more. Whose letter has yet to leave is no such thing."""
    at = clock.now()
    with database.writing() as session:
        expired = Verification.expires_at < at - KEPT_AFTER_EXPIRY
        session.execute(delete(Verification).where(expired, Verification.id.not_in(select(OutgoingLetter.id))))
        staff.tidy(session, at)
        signals.tidy(session, at)
        mail_hosts.tidy(session, at)
