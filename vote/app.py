"""The composition root: one ASGI application from settings, clock and edition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from vote import station
from vote.clock import Clock
from vote.errors import Unavailable
from vote.mail_hosts import Ask
from vote.settings import Settings
from vote.station import Noticeboard, Station
from vote.web import pages
from vote.web.crowd import Apology
from vote.web.guards import House
from vote.web.hatch import Hatch
from vote.web.jury import Gallery
from vote.web.posters import Posters, Wall
from vote.web.routes import Directory, posted, routes

LOOKS_EVERY_SECONDS = 0.25


def create_app(
    settings: Settings,
    clock: Clock,
    *,
    contest: str,
    work_here: bool = True,
    ask: Ask | None = None,
    leaving: Callable[[], bool] = bool,
) -> Starlette:
    """The site for one contest, whose database is upgraded and edition loaded. Raises Misuse, Unavailable.

    `work_here` says whether this process also carries letters and keeps house, and `ask` whom it then asks for mail
    hosts; `leaving` whether it is about to end.
    """
    return Site(station.furnish(settings, clock, slug=contest, work_here=work_here, ask=ask), leaving)


class Site(Starlette):
    """Every address of one station; what is asked for often meets few layers on its way."""

    def __init__(self, furnished: Station, leaving: Callable[[], bool]) -> None:
        super().__init__(routes=routes(), lifespan=_open_doors, exception_handlers={HTTPException: pages.refuse_http})
        self.state.station = furnished
        self.state.wall = Wall(furnished)
        self.state.apology = Apology(furnished, posted)
        self.state.gallery = Gallery(furnished, leaving)
        directory = Directory(super().build_middleware_stack(), self.routes)
        self._house = House(directory, furnished.settings.secure)
        self.state.hatch = Hatch(self, directory, self._house)

    def build_middleware_stack(self) -> ASGIApp:
        return Posters(self._house, self.state.wall, posted)


@asynccontextmanager
async def _open_doors(site: Starlette) -> AsyncIterator[None]:
    furnished: Station = site.state.station
    closing = asyncio.Event()
    await site.state.apology.keep_up()
    watching = asyncio.create_task(_watch(furnished.noticeboard, site.state.apology, closing))
    furnished.requests.open()
    furnished.confirmations.open()
    if furnished.worker is not None:
        furnished.worker.start()
    yield
    closing.set()
    await watching
    await furnished.requests.close()
    await furnished.confirmations.close()
    if furnished.worker is not None:
        await to_thread.run_sync(furnished.worker.stop)
    furnished.database.close()


async def _watch(noticeboard: Noticeboard, apology: Apology, closing: asyncio.Event) -> None:
    """What any node has changed is on the pages of this one within a quarter of a second."""
    while not closing.is_set():
        with suppress(Unavailable):  # the pages stay as they were last known
            await to_thread.run_sync(noticeboard.keep_up)
        await apology.keep_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), LOOKS_EVERY_SECONDS)
