"""The composition root: one ASGI application from settings, clock and edition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from vote import logbook, station
from vote.clock import Clock
from vote.errors import Unavailable
from vote.mail_hosts import Ask
from vote.settings import Settings
from vote.station import Noticeboard
from vote.web import guards, pages
from vote.web.crowd import Apology
from vote.web.jury import Gallery
from vote.web.posters import Posters, Wall
from vote.web.routes import posted, routes

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
    app = Starlette(
        routes=routes(),
        lifespan=open_doors,
        middleware=[
            Middleware(Posters, wall=wall, posted=posted),
            Middleware(logbook.Numbered),
            Middleware(guards.HouseHeaders, secure=settings.secure),
            Middleware(guards.BodyLimit),
        ],
        exception_handlers={HTTPException: pages.refuse_http},
    )
    app.state.station = furnished
    app.state.wall = wall
    app.state.apology = apology
    app.state.gallery = Gallery(furnished, leaving)
    return app


async def _watch(noticeboard: Noticeboard, apology: Apology, closing: asyncio.Event) -> None:
    """What any node has changed is on the pages of this one within a quarter of a second."""
    while not closing.is_set():
        with suppress(Unavailable):  # the pages stay as they were last known
            await to_thread.run_sync(noticeboard.keep_up)
        await apology.keep_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), LOOKS_EVERY_SECONDS)
