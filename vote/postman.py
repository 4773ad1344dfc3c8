"""The postman: takes letters from the outbox and hands them over, as many at a time as there are carriers."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vote import letters, outbox
from vote.carriers import Carrier
from vote.clock import Clock
from vote.db import GONE, Database
from vote.errors import Unavailable
from vote.letters import Letterhead
from vote.models import Delivery
from vote.outbox import Posted

CARRIERS = 8
BAGFUL = 50
MOST_IN_HAND = 1000
BAG_SECONDS = 60  # a letter still in hand after that goes back, well before it falls due again
SETTLED_TOGETHER = 20
SETTLE_SECONDS = 60
STOP_SECONDS = 5
PAUSE = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InHand:
    """A letter as it leaves; `message` is None where there is nothing left to say. `domain` is a voter's."""

    letter: Posted
    message: bytes | None
    taken: float
    domain: str = ""

    @property
    def provider(self) -> str:
        return self.letter.address.rpartition("@")[2].lower()


class Tray:
    """Letters on their way to the carriers. No provider keeps more than `most` carriers: the others serve the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._letters: deque[InHand] = deque()
        self._busy: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, some: Sequence[InHand]) -> None:
        with self._lock:
            self._letters.extend(some)

    def pick(self) -> InHand | None:
        """The oldest letter whose provider may have another carrier."""
        with self._lock:
            for place, found in enumerate(self._letters):
                if self._busy[found.provider] < self._most:
                    del self._letters[place]
                    self._busy[found.provider] += 1
                    return found
            return None

    def done(self, carried: InHand) -> None:
        with self._lock:
            self._busy[carried.provider] -= 1
            if not self._busy[carried.provider]:
                del self._busy[carried.provider]

    def take_out(self, before: float) -> list[Posted]:
        """Those that were taken before that moment and picked by nobody."""
        with self._lock:
            old = [found for found in self._letters if found.taken < before]
            self._letters = deque(found for found in self._letters if found.taken >= before)
        return [found.letter for found in old]


class Postman:
    """Threads that empty the outbox until told to stop. Several postmen may share one outbox.

    `note` is told of the domains for which voters' letters leave, and must not wait for anything.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        head: Letterhead,
        new_carrier: Callable[[], Carrier],
        carriers: int = CARRIERS,
        note: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        self._database, self._clock, self._head, self._new_carrier = database, clock, head, new_carrier
        self._note = note
        self._tray = Tray(max(1, carriers // 2))
        self._at_the_outbox = threading.Lock()
        self._bell = threading.Event()
        self._stop, self._until = threading.Event(), 0.0
        self._threads = [threading.Thread(target=self._walk, name=f"postman-{n}", daemon=True) for n in range(carriers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """A letter was just posted: go now rather than at the next round."""
        self._bell.set()

    def stop(self) -> None:
        """Finish the letters in hand, give back those that would take too long, then stop."""
        self._until = time.monotonic() + STOP_SECONDS
        self._stop.set()
        self._bell.set()
        for thread in self._threads:
            thread.join()
        with suppress(Unavailable):  # they fall due by themselves
            outbox.put_back(self._database, self._tray.take_out(time.monotonic()), self._clock.now())

    def _works(self) -> bool:
        return not self._stop.is_set() or (len(self._tray) > 0 and time.monotonic() < self._until)

    def _walk(self) -> None:
        carrier = self._new_carrier()
        while self._works():
            try:
                walked = self._make_a_walk(carrier)
            except Unavailable:
                walked = False
            except Exception:
                log.exception("a round of letters failed")
                walked = False
            if not walked and not self._stop.is_set():
                self._bell.wait(PAUSE)
                self._bell.clear()
        carrier.close()

    def _make_a_walk(self, carrier: Carrier) -> bool:
        """Carry some letters, one after the other, and settle them together. Whether there was any."""
        outcomes: list[tuple[Posted, Delivery | None]] = []
        try:
            while len(outcomes) < SETTLED_TOGETHER and self._works():
                found = self._tray.pick() or (self._fetch() and self._tray.pick())
                if not found:
                    break
                try:
                    outcomes.append((found.letter, _hand_over(self._head, carrier, found)))
                finally:
                    self._tray.done(found)
        finally:
            _settle(self._database, self._clock, outcomes)
        return bool(outcomes)

    def _fetch(self) -> bool:
        """Fill the tray from the outbox, unless another carrier is at it. Whether anything came."""
        if self._stop.is_set() or not self._at_the_outbox.acquire(blocking=False):
            return False
        try:
            outbox.put_back(self._database, self._tray.take_out(time.monotonic() - BAG_SECONDS), self._clock.now())
            if len(self._tray) >= MOST_IN_HAND:
                return False
            bag, taken = take(self._database, self._clock, self._head)
            self._tray.put(bag)
            if self._note is not None:
                self._note(found.domain for found in bag if found.domain)
            return bool(taken)
        finally:
            self._at_the_outbox.release()


def deliver(database: Database, clock: Clock, head: Letterhead, carrier: Carrier) -> int:
    """Take one bag of due letters and hand each over once. Returns how many were taken."""
    bag, taken = take(database, clock, head)
    outcomes: list[tuple[Posted, Delivery | None]] = []
    try:
        for found in bag:
            outcomes.append((found.letter, _hand_over(head, carrier, found)))
    finally:
        _settle(database, clock, outcomes)
    return taken


def take(database: Database, clock: Clock, head: Letterhead) -> tuple[list[InHand], int]:
    """A bag of due letters, each written at this moment, and how many were due: what cannot be written stays alone."""
    if not outbox.anything_due(database, clock.now()):
        return [], 0
    taken, bag = time.monotonic(), []
    unwritten: list[tuple[Posted, Delivery | None]] = []
    posted = outbox.take(database, clock.now(), BAGFUL)
    try:
        with database.reading() as session:
            asked = letters.asked_among(session, posted)
            for letter in posted:
                try:
                    message = letters.write(session, head, letter, asked, clock.now())
                    domain = asked[letter.id].domain if letter.id in asked else ""
                    bag.append(InHand(letter, message, taken, domain))
                except GONE:
                    raise
                except Exception:
                    log.exception("a letter could not be written")
                    unwritten.append((letter, Delivery.WAITING))
    except Unavailable:
        # No fault of theirs: they are not to be in nobody's hand for minutes.
        unwritten += [(letter, Delivery.WAITING) for letter in posted[len(bag) + len(unwritten) :]]
    _settle(database, clock, unwritten)
    return bag, len(posted)


def _hand_over(head: Letterhead, carrier: Carrier, found: InHand) -> Delivery | None:
    # A letter whose subject is gone has nothing left to say; its address must go all the same.
    return None if found.message is None else carrier.carry(found.message, head.mail_from, found.letter.address)


def _settle(database: Database, clock: Clock, outcomes: Sequence[tuple[Posted, Delivery | None]]) -> None:
    """What was accepted must not leave again: while the database is away, wait for it."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while outcomes:
        try:
            outbox.settle(database, outcomes, clock.now())
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return
