"""The posters at the door: every public page as bytes set once, and set anew when it is no longer true."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vote.station import Station

# Browsers ask each time, and are told that nothing changed; a cache for many may answer for ten seconds by itself.
MAX_AGE = b"public, max-age=0, s-maxage=10"
MOST = 500  # addresses; the site has some fifty
WORTH_PACKING = 500  # bytes
MINUTE = timedelta(minutes=1)

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Poster:
    """One public page, true from `since` until `until` as long as nobody changed what the noticeboard shows."""

    version: int
    since: datetime
    until: datetime
    tag: bytes
    unchanged: Message
    plain: tuple[Message, Message]
    packed: tuple[Message, Message]

    def is_true(self, version: int, at: datetime) -> bool:
        return self.version == version and self.since <= at < self.until


class Posters:
    """In front of the router: a public page is answered as it hangs; who finds it stale has it set anew.

    A page is set from a request that holds no cookie, no query and no header of anybody, so that nothing personal can
    be on it. `posted` says which addresses are public pages.
    """

    def __init__(self, app: ASGIApp, station: Station, posted: Callable[[str], bool]) -> None:
        self._app, self._station, self._posted = app, station, posted
        self._hanging: dict[str, Poster] = {}
        self._in_hand: dict[str, asyncio.Task[Poster | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        poster = self._hanging.get(path)
        if poster is None or not poster.is_true(self._station.noticeboard.version, self._station.clock.now()):
            poster = await self._set(scope) if poster or self._posted(path) else None
            if poster is None:
                await self._app(scope, receive, send)
                return
        packed = False
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                if poster.tag in value:
                    await send(poster.unchanged)
                    await send({"type": "http.response.body"})
                    return
            elif name == b"accept-encoding":
                packed = b"gzip" in value
        start, body = poster.packed if packed else poster.plain
        await send(start)
        await send(body)

    async def _set(self, scope: Scope) -> Poster | None:
        """The page as it is now; those who come meanwhile wait for the same one."""
        path = scope["path"]
        task = self._in_hand.get(path)
        if task is None:
            task = self._in_hand[path] = asyncio.create_task(self._print(scope))
            task.add_done_callback(lambda _: self._in_hand.pop(path, None))
        poster = await asyncio.shield(task)
        if poster is None or len(self._hanging) >= MOST:
            self._hanging.pop(path, None)
        if poster is not None:
            self._hanging[path] = poster
        return poster

    async def _print(self, scope: Scope) -> Poster | None:
        version, at = self._station.noticeboard.version, self._station.clock.now()
        contest = self._station.noticeboard.latest()
        sheet: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sheet.append(message)

        nobody = {"headers": [(b"host", b"nobody")], "client": None, "method": "GET", "query_string": b""}
        await self._app({**scope, **nobody}, receive, send)
        start, *bodies = sheet
        if start["status"] != 200:
            return None
        # True for this minute, and never past the moment at which the contest opens or closes by itself.
        minute = at.replace(second=0, microsecond=0)
        ends = [moment for moment in (contest.opens_at, contest.closes_at) if moment > at]
        begins = [moment for moment in (contest.opens_at, contest.closes_at) if moment <= at]
        return _poster(
            version,
            max([minute, *begins]),
            min([minute + MINUTE, *ends]),
            start["headers"],
            b"".join(message.get("body", b"") for message in bodies),
        )


def _poster(version: int, since: datetime, until: datetime, headers: Headers, body: bytes) -> Poster:
    # Weak (RFC 9110, 8.8.1): the same for the page and for the page packed.
    tag = b'W/"' + sha256(body).hexdigest()[:20].encode() + b'"'
    replaced = {b"cache-control", b"content-length", b"vary", b"set-cookie"}
    kept = [(name, value) for name, value in headers if name not in replaced]
    kept += [(b"cache-control", MAX_AGE), (b"etag", tag), (b"vary", b"Accept-Encoding")]
    packed = gzip.compress(body, mtime=0)
    plain = _answer(kept, body)
    return Poster(
        version,
        since,
        until,
        tag,
        {
            "type": "http.response.start",
            "status": 304,
            "headers": [pair for pair in kept if pair[0] != b"content-type"],
        },
        plain,
        _answer([*kept, (b"content-encoding", b"gzip")], packed) if len(body) > WORTH_PACKING else plain,
    )


def _answer(headers: Headers, body: bytes) -> tuple[Message, Message]:
    return (
        {"type": "http.response.start", "status": 200, "headers": [*headers, (b"content-length", b"%d" % len(body))]},
        {"type": "http.response.body", "body": body},
    )
