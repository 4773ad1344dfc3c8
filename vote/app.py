"""The composition root: one ASGI application from settings, clock and edition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Lifespan

from vote import station
from vote.clock import Clock
from vote.errors import Unavailable
from vote.mail_hosts import Ask
from vote.settings import Settings
from vote.station import Noticeboard
from vote.web import guards, pages
from vote.web.crowd import Apology
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
    furnished = station.furnish(settings, clock, slug=contest, work_here=work_here, ask=ask)

    @asynccontextmanager
    async def open_doors(app: Starlette) -> AsyncIterator[None]:
        closing = asyncio.Event()
        await apology.keep_up()
        watching = asyncio.create_task(_watch(furnished.noticeboard, apology, closing))
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

    wall, apology = Wall(furnished), Apology(furnished, posted)
    app = Site(wall, lifespan=open_doors)
    app.state.apology = apology
    app.state.gallery = Gallery(furnished, leaving)
    return app


class Site(Starlette):
    """Every address of one station; what is asked for often meets few layers on its way."""

    def __init__(self, wall: Wall, lifespan: Lifespan[Site]) -> None:
        super().__init__(routes=routes(), lifespan=lifespan, exception_handlers={HTTPException: pages.refuse_http})
        self.state.station, self.state.wall = wall.station, wall

    def build_middleware_stack(self) -> ASGIApp:
        house = guards.House(
            Directory(super().build_middleware_stack(), self.routes), self.state.station.settings.secure
        )
        return Posters(house, self.state.wall, posted)


async def _watch(noticeboard: Noticeboard, apology: Apology, closing: asyncio.Event) -> None:
    """What any node has changed is on the pages of this one within a quarter of a second."""
    while not closing.is_set():
        with suppress(Unavailable):  # the pages stay as they were last known
            await to_thread.run_sync(noticeboard.keep_up)
        await apology.keep_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), LOOKS_EVERY_SECONDS)
