"""The queue before the table: who waits together is served in one commit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from anyio import to_thread

from vote.errors import Unavailable
from vote.languages import Sentence

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")

TOGETHER = 256  # entries, at most, of one transaction

FULL = Sentence(
    "Trop de personnes votent en ce moment même ; rien n’a été enregistré. Réessayez dans quelques secondes."
)
CLOSING = Sentence("Le bureau de vote redémarre ; rien n’a été enregistré. Réessayez dans quelques secondes.")

log = logging.getLogger(__name__)


class Line(Generic[Entry, Outcome]):
    """Entries that arrive while a transaction runs go together into the next one; no timer is needed.

    `serve` gets a sequence of entries and answers one outcome for each, in order, once they are durable. Where it
    raises, the entries are tried again by halves, so that one poisoned entry fails alone.
    """

    def __init__(
        self, serve: Callable[[Sequence[Entry]], Sequence[Outcome]], *, together: int = TOGETHER, waiting: int = 4096
    ) -> None:
        self._serve = serve
        self._together = together
        self._most_waiting = waiting
        self._waiting: deque[tuple[Entry, asyncio.Future[Outcome]]] = deque()
        self._arrival = asyncio.Event()
        self._table: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many wait for the next transaction."""
        return len(self._waiting)

    async def wait(self, entry: Entry) -> Outcome:
        """The outcome of this entry, once durable. Raises Unavailable at once when the line is full or closing."""
        if self._closing:
            raise Unavailable(CLOSING)
        if len(self._waiting) >= self._most_waiting:
            raise Unavailable(FULL, retry_after=5)
        place: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, place))
        self._arrival.set()
        return await place

    def open(self) -> None:
        """Start serving; call from the running loop."""
        self._table = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take nobody more, serve everyone who waits, then return."""
        self._closing = True
        self._arrival.set()
        if self._table is not None:
            await self._table

    async def _work(self) -> None:
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            while self._waiting:
                count = min(self._together, len(self._waiting))
                await self._serve_by_halves([self._waiting.popleft() for _ in range(count)])
            if self._closing:
                return

    async def _serve_by_halves(self, party: Sequence[tuple[Entry, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await to_thread.run_sync(self._serve, [entry for entry, _ in party])
        except Unavailable as problem:
            # Nothing is wrong with any entry: the database is away, and each person is told so.
            for _, place in party:
                _fail(place, problem)
        except Exception as problem:
            if len(party) == 1:
                log.exception("an entry could not be served")
                _fail(party[0][1], problem)
                return
            middle = len(party) // 2
            await self._serve_by_halves(party[:middle])
            await self._serve_by_halves(party[middle:])
        else:
            for (_, place), outcome in zip(party, outcomes, strict=True):
                # A place left by a client who went away: the outcome is durable all the same.
                if not place.done():
                    place.set_result(outcome)


def _fail(place: asyncio.Future[Outcome], problem: Exception) -> None:
    if not place.done():
        place.set_exception(problem)
