"""The postman: takes letters from the outbox and hands them over, as many at a time as there are carriers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from vote import letters, outbox
from vote.carriers import Carrier
from vote.clock import Clock
from vote.db import Database
from vote.errors import Unavailable
from vote.letters import Letterhead
from vote.models import Delivery
from vote.outbox import Posted

CARRIERS = 4
BAGFUL = 10
BAG_SECONDS = 60  # a bag still open after that is left to others, well before its letters fall due again
SETTLE_SECONDS = 60
PAUSE = 1.0

log = logging.getLogger(__name__)


class Postman:
    """Threads that empty the outbox until told to stop. Several postmen may share one outbox."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        head: Letterhead,
        new_carrier: Callable[[], Carrier],
        carriers: int = CARRIERS,
    ) -> None:
        self._database, self._clock, self._head, self._new_carrier = database, clock, head, new_carrier
        self._bell = threading.Event()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._walk, name=f"postman-{n}", daemon=True) for n in range(carriers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """A letter was just posted: go now rather than at the next round."""
        self._bell.set()

    def stop(self) -> None:
        """Finish the letters in hand, then stop."""
        self._stop.set()
        self._bell.set()
        for thread in self._threads:
            thread.join()

    def _walk(self) -> None:
        carrier = self._new_carrier()
        while not self._stop.is_set():
            try:
                delivered = deliver(self._database, self._clock, self._head, carrier)
            except Unavailable:
                delivered = 0
            except Exception:
                log.exception("a round of letters failed")
                delivered = 0
            if not delivered and not self._stop.is_set():
                self._bell.wait(PAUSE)
                self._bell.clear()
        carrier.close()


def deliver(database: Database, clock: Clock, head: Letterhead, carrier: Carrier) -> int:
    """Take one bag of due letters and hand each over once. Returns how many were taken."""
    if not outbox.anything_due(database, clock.now()):
        return 0
    bag = outbox.take(database, clock.now(), BAGFUL)
    started = time.monotonic()
    outcomes = []
    try:
        for letter in bag:
            if time.monotonic() - started > BAG_SECONDS:
                break
            outcomes.append((letter, _hand_over(database, clock, head, carrier, letter)))
    finally:
        _settle(database, clock, outcomes)
    return len(bag)


def _hand_over(database: Database, clock: Clock, head: Letterhead, carrier: Carrier, letter: Posted) -> Delivery | None:
    try:
        with database.reading() as session:
            message = letters.write(session, head, letter, clock.now())
    except Unavailable:
        raise
    except Exception:
        # It alone is held up, not the letters that share its bag.
        log.exception("a letter could not be written")
        return Delivery.WAITING
    # A letter whose subject is gone has nothing left to say; its address must go all the same.
    return None if message is None else carrier.carry(message, letter.address)


def _settle(database: Database, clock: Clock, outcomes: Sequence[tuple[Posted, Delivery | None]]) -> None:
    """What was accepted must not leave again: while the database is away, wait for it."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            outbox.settle(database, outcomes, clock.now())
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return
