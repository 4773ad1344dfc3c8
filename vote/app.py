"""The composition root: one ASGI application from settings, clock and edition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from vote import logbook, station
from vote.clock import Clock
from vote.settings import Settings
from vote.web import guards, pages
from vote.web.jury import Gallery
from vote.web.routes import routes


def create_app(settings: Settings, clock: Clock, *, contest: str, work_here: bool = True) -> Starlette:
    """The site for one contest, whose database is upgraded and edition loaded. Raises Misuse, Unavailable.

    `work_here` says whether this process also carries letters and keeps house.
    """
    furnished = station.furnish(settings, clock, slug=contest, work_here=work_here)

    @asynccontextmanager
    async def open_doors(app: Starlette) -> AsyncIterator[None]:
        furnished.requests.open()
        furnished.confirmations.open()
        if furnished.worker is not None:
            furnished.worker.start()
        yield
        await furnished.requests.close()
        await furnished.confirmations.close()
        if furnished.worker is not None:
            await to_thread.run_sync(furnished.worker.stop)
        furnished.database.close()

    app = Starlette(
        routes=routes(),
        lifespan=open_doors,
        middleware=[
            Middleware(logbook.Numbered),
            Middleware(guards.HouseHeaders, secure=settings.secure),
            Middleware(guards.BodyLimit),
        ],
        exception_handlers={HTTPException: pages.refuse_http},
    )
    app.state.station = furnished
    app.state.gallery = Gallery(furnished)
    return app
