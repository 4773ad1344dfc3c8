"""Background work: the post and the housekeeping, inside the web process or beside it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select

from vote import staff
from vote.carriers import Carrier
from vote.clock import Clock
from vote.db import Database
from vote.errors import Unavailable
from vote.letters import Letterhead
from vote.models import OutgoingLetter, Verification
from vote.postman import Postman

ROUND_SECONDS = 60
KEPT_AFTER_EXPIRY = timedelta(hours=1)

log = logging.getLogger(__name__)


class Worker:
    """What must happen without anybody asking. Any number may run at once; no contest opens or closes by it."""

    def __init__(self, database: Database, clock: Clock, head: Letterhead, new_carrier: Callable[[], Carrier]) -> None:
        self._database, self._clock = database, clock
        self.postman = Postman(database, clock, head, new_carrier)
        self._stop = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeper", daemon=True)

    def start(self) -> None:
        self.postman.start()
        self._housekeeper.start()

    def stop(self) -> None:
        self._stop.set()
        self._housekeeper.join()
        self.postman.stop()

    def _keep_house(self) -> None:
        while not self._stop.is_set():
            try:
                tidy(self._database, self._clock)
            except Unavailable:
                log.warning("the housekeeping waits: the database is away")
            self._stop.wait(ROUND_SECONDS)


def tidy(database: Database, clock: Clock) -> None:
    """Forget what has expired: nothing of it can serve any more. Whose letter has yet to leave is no such thing."""
    at = clock.now()
    with database.writing() as session:
        expired = Verification.expires_at < at - KEPT_AFTER_EXPIRY
        session.execute(delete(Verification).where(expired, Verification.id.not_in(select(OutgoingLetter.id))))
        staff.tidy(session, at)
