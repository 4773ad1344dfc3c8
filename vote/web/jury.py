"""The jury's room: the running count, live, seen by jurors alone and never without a minute."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vote import audit, ballot_box, contests, press, tally, witnesses
from vote.errors import Unavailable
from vote.languages import LANGUAGES
from vote.station import Station
from vote.tally import Count
from vote.web.pages import STAFF_COOKIE, Visit, who

EVERY_SECONDS = 0.5
MEMBERSHIP_SECONDS = 10.0

log = logging.getLogger(__name__)


def count(visit: Visit) -> Response:
    assert visit.member is not None  # noqa: S101
    station = visit.station
    figures = tally.consult(station.database, station.contest, visit.edition, who=visit.member.name, at=visit.at)
    with station.database.reading() as session:
        inspection = audit.last_inspection(session, station.contest)
        signed = ballot_box.last_checkpoint(session, station.contest)
    return visit.page("jury/count.html", count=figures, inspection=inspection, checkpoint=signed)


def witness(visit: Visit) -> Response:
    """Ask for the checkpoints by mail, or for no more of them."""
    assert visit.member is not None  # noqa: S101
    witnesses.ask(visit.station.database, visit.member.address, visit.form["wanted"] == "oui")
    return visit.lead_to("/jury")


async def stream(visit: Visit) -> Response:
    await run_in_threadpool(_watch, visit)
    cookie = visit.request.cookies.get(visit.cookie_name(STAFF_COOKIE))
    return EventSourceResponse(_events(visit, cookie), headers={"Cache-Control": "no-store"})


def _watch(visit: Visit) -> None:
    assert visit.member is not None  # noqa: S101
    member, station = visit.member, visit.station
    tally.watch(station.database, station.contest, who=member.name, since=member.opened_at, at=visit.at)


async def _events(visit: Visit, cookie: str | None) -> AsyncIterator[ServerSentEvent]:
    """The figures as they change, until the session ends; told to stop, a browser does not come back."""
    station: Station = visit.station
    gallery: Gallery = visit.request.app.state.gallery
    loop = asyncio.get_running_loop()
    checked = loop.time()
    async for figures in gallery.watch(visit.lang):
        if loop.time() - checked > MEMBERSHIP_SECONDS:
            checked = loop.time()
            if await run_in_threadpool(who, station, cookie, station.clock.now()) is None:
                yield ServerSentEvent(event="stop", data="")
                return
        if figures is not None:
            yield ServerSentEvent(event="figures", data=figures)


class Gallery:
    """Where jurors stand and watch: one reader for all of them, one printed event for all; who is slow skips ahead."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._news = asyncio.Condition()
        self._figures: dict[str, str] = {}
        self._version = 0
        self._watchers = 0
        self._reader: asyncio.Task[None] | None = None

    async def watch(self, lang: str) -> AsyncIterator[str | None]:
        """The figures now, then at each change; None now and then when nothing changes."""
        self._watchers += 1
        seen = 0
        if self._reader is None or self._reader.done():
            # What was printed for earlier watchers is old by now.
            seen = self._version
            self._reader = asyncio.create_task(self._read())
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(MEMBERSHIP_SECONDS), self._news:
                        while self._version == seen:
                            await self._news.wait()
                changed, seen = self._version != seen, self._version
                yield self._figures[lang] if changed else None
        finally:
            self._watchers -= 1

    async def _read(self) -> None:
        latest: Count | None = None
        while self._watchers:
            try:
                count = await run_in_threadpool(self._look)
                if latest is None or not count.says_the_same(latest):
                    latest = count
                    async with self._news:
                        self._figures = {
                            lang: press.print_out(lang, "jury/figures.html", count=count) for lang in LANGUAGES
                        }
                        self._version += 1
                        self._news.notify_all()
            except Unavailable:
                pass  # the last figures stand
            except Exception:
                log.exception("the count could not be read")
            await asyncio.sleep(EVERY_SECONDS)

    def _look(self) -> Count:
        station = self._station
        edition = contests.edition_of(station.noticeboard.latest().edition)
        with station.database.reading() as session:
            return tally.count(session, station.contest, edition, station.clock.now())
