"""The jury's room: the running count, live, seen by jurors alone and never without a minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from vote import audit, ballot_box, contests, press, staff, tally, witnesses
from vote.errors import Unavailable
from vote.languages import LANGUAGES
from vote.station import Station
from vote.tally import Count
from vote.web.visits import STAFF_COOKIE, Visit

EVERY_SECONDS = 0.5
EACH_SECONDS = 0.0015  # so much longer for each viewer: what is sent to all takes its time from those who vote
MEMBERSHIP_SECONDS = 10.0
BEAT_SECONDS = 15.0  # proxies take a longer silence for an end

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
    return Stream(visit.request.app.state.gallery, Viewer(visit.cookie(STAFF_COOKIE) or "", visit.lang))


def _watch(visit: Visit) -> None:
    assert visit.member is not None  # noqa: S101
    member, station = visit.member, visit.station
    tally.watch(station.database, station.contest, who=member.name, since=member.opened_at, at=visit.at)


class Stream(Response):
    """Server-sent events (WHATWG HTML, 9.2) for one viewer: the figures as they change, until the session ends."""

    media_type = "text/event-stream"

    def __init__(self, gallery: Gallery, viewer: Viewer) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._gallery, self._viewer = gallery, viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send(END)
            return
        viewer = self._viewer
        departure = asyncio.create_task(_wait_for_departure(viewer, receive))
        seen = self._gallery.enter(viewer)
        try:
            while True:
                await viewer.called.wait()
                viewer.called.clear()
                if viewer.gone:
                    await send(END)
                    return
                if viewer.dismissed:
                    await send(STOP)
                    return
                # However long the last one took to leave, the next one is the latest.
                latest, figures = self._gallery.version, self._gallery.figures
                await send(figures[viewer.lang] if latest != seen else BEAT)
                seen = latest
        finally:
            self._gallery.leave(viewer)
            departure.cancel()


@dataclass(eq=False, slots=True)
class Viewer:
    """Somebody who watches. `called` is set when there is something to see, or `gone` or `dismissed` is true."""

    cookie: str
    lang: str
    called: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    dismissed: bool = False


async def _wait_for_departure(viewer: Viewer, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.gone = True
    viewer.called.set()


def _event(name: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\n{lines}\n".encode()


def _figures(lang: str, count: Count) -> Message:
    text = press.print_out(lang, "jury/figures.html", count=count)
    return {"type": "http.response.body", "body": _event("figures", text), "more_body": True}


BEAT: Message = {"type": "http.response.body", "body": b":\n\n", "more_body": True}
END: Message = {"type": "http.response.body"}
# Told to stop, a browser does not come back.
STOP: Message = {"type": "http.response.body", "body": _event("stop", ""), "more_body": False}


class Gallery:
    """Where jurors stand and watch: one reader for all of them, one printed event for all; who is slow skips ahead.

    `leaving` says whether this process is about to end: then all of them are let go, to come back to another.
    """

    def __init__(self, station: Station, leaving: Callable[[], bool]) -> None:
        self._station, self._leaving = station, leaving
        self._viewers: set[Viewer] = set()
        self._reader: asyncio.Task[None] | None = None
        self.version = 0
        self.figures: dict[str, Message] = {}

    def enter(self, viewer: Viewer) -> int:
        """The version that this viewer need not see: what was printed for earlier ones may be old by now."""
        self._viewers.add(viewer)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
            return self.version
        if self.version:
            viewer.called.set()
        return 0

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    async def _read(self) -> None:
        latest: Count | None = None
        checked = beaten = asyncio.get_running_loop().time()
        while self._viewers and not self._leaving():
            now = asyncio.get_running_loop().time()
            try:
                count = await run_in_threadpool(self._look)
                if latest is None or not count.says_the_same(latest):
                    latest, beaten = count, now
                    self.figures = {lang: _figures(lang, count) for lang in LANGUAGES}
                    self.version += 1
                    self._call(self._viewers)
                elif now - beaten > BEAT_SECONDS:
                    beaten = now
                    self._call(self._viewers)
                if now - checked > MEMBERSHIP_SECONDS:
                    checked = now
                    await self._dismiss_strangers()
            except Unavailable:
                pass  # the last figures stand
            except Exception:
                log.exception("the count could not be read")
            await asyncio.sleep(EVERY_SECONDS + EACH_SECONDS * len(self._viewers))
        for viewer in self._viewers:
            viewer.gone = True
        self._call(self._viewers)

    async def _dismiss_strangers(self) -> None:
        """Whose session has ended sees no more."""
        members = await run_in_threadpool(self._members, {viewer.cookie for viewer in self._viewers})
        strangers = {viewer for viewer in self._viewers if viewer.cookie not in members}
        for viewer in strangers:
            viewer.dismissed = True
        self._call(strangers)

    def _call(self, viewers: set[Viewer]) -> None:
        for viewer in viewers:
            viewer.called.set()

    def _look(self) -> Count:
        station = self._station
        edition = contests.edition_of(station.noticeboard.latest().edition)
        with station.database.reading() as session:
            return tally.count(session, station.contest, edition, station.clock.now())

    def _members(self, cookies: set[str]) -> set[str]:
        station = self._station
        with station.database.reading() as session:
            return {cookie for cookie in cookies if staff.member(session, cookie, station.clock.now())}
