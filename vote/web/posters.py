"""The posters at the door: every public page as bytes set once, and set anew when it is no longer true."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from vote.station import Spell, Station
from vote.web.guards import Headers, Lines

# Browsers ask each time, and are told that nothing changed; a cache for many may answer for ten seconds by itself.
MAX_AGE = b"public, max-age=0, s-maxage=10"
MOST = 500  # addresses; the site has some fifty
WORTH_PACKING = 500  # bytes
# Who asks for a page that everybody will see.
NOBODY: Scope = {"headers": [(b"host", b"nobody")], "client": None, "method": "GET", "query_string": b""}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One answer: its messages for those behind the door, and `wire`, the same as HTTP/1.1 has it, without its date."""

    start: Message
    body: Message
    wire: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Poster:
    """One public page, and when it is true."""

    spell: Spell
    tag: bytes
    unchanged: Sheet
    plain: Sheet
    packed: Sheet

    def sheet(self, asked: Headers) -> Sheet:
        """What answers these headers."""
        packed = False
        for name, value in asked:
            if name == b"if-none-match":
                if self.tag in value:
                    return self.unchanged
            elif name == b"accept-encoding":
                packed = b"gzip" in value
        return self.packed if packed else self.plain


class Wall:
    """Where this process's posters hang, by address."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.hanging: dict[str, Poster] = {}

    def poster(self, path: str) -> Poster | None:
        """The poster of this address, if one hangs there and is true."""
        found = self.hanging.get(path)
        if found is None or not found.spell.holds(self.station.noticeboard.version, self.station.clock.now()):
            return None
        return found

    def at_once(self, path: str, asked: Headers) -> tuple[bytes, bytes] | None:
        """What answers GET, as HTTP/1.1 has it: status and headers, to which a date may be added, and body. None where
        no true poster hangs."""
        found = self.poster(path)
        return found.sheet(asked).wire if found else None


class Posters:
    """In front of the router: a public page is answered as it hangs; who finds it stale has it set anew.

    A page is set from a request that holds no cookie, no query and no header of anybody, so that nothing personal can
    be on it. `posted` says which addresses are public pages.
    """

    def __init__(self, app: ASGIApp, wall: Wall, posted: Callable[[str], bool]) -> None:
        self._app, self._wall, self._posted = app, wall, posted
        self._in_hand: dict[str, asyncio.Task[Poster | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        poster = self._wall.poster(path)
        if poster is None and (path in self._wall.hanging or self._posted(path)):
            poster = await self._set(scope)
        if poster is None:
            await self._app(scope, receive, send)
            return
        sheet = poster.sheet(scope["headers"])
        await send(sheet.start)
        await send(sheet.body)

    async def _set(self, scope: Scope) -> Poster | None:
        """The page as it is now; those who come meanwhile wait for the same one."""
        path = scope["path"]
        task = self._in_hand.get(path)
        if task is None:
            task = self._in_hand[path] = asyncio.create_task(self._print(scope))
            task.add_done_callback(lambda _: self._in_hand.pop(path, None))
        poster = await asyncio.shield(task)
        if poster is None or len(self._wall.hanging) >= MOST:
            self._wall.hanging.pop(path, None)
        if poster is not None:
            self._wall.hanging[path] = poster
        return poster

    async def _print(self, scope: Scope) -> Poster | None:
        station = self._wall.station
        spell = station.noticeboard.spell(station.clock.now())
        start, body = await answer_of(self._app, {**scope, **NOBODY})
        if start["status"] != 200:
            return None
        return _poster(spell, start["headers"], body)


def _poster(spell: Spell, headers: Headers, body: bytes) -> Poster:
    # Weak (RFC 9110, 8.8.1): the same for the page and for the page packed.
    tag = b'W/"' + sha256(body).hexdigest()[:20].encode() + b'"'
    replaced = {b"cache-control", b"content-length", b"vary", b"set-cookie"}
    kept = [(name, value) for name, value in headers if name not in replaced]
    kept += [(b"cache-control", MAX_AGE), (b"etag", tag), (b"vary", b"Accept-Encoding")]
    packed = gzip.compress(body, mtime=0)
    plain = sheet_of(HTTPStatus.OK, [*kept, _length(body)], body)
    return Poster(
        spell,
        tag,
        sheet_of(HTTPStatus.NOT_MODIFIED, [pair for pair in kept if pair[0] != b"content-type"], b""),
        plain,
        sheet_of(HTTPStatus.OK, [*kept, (b"content-encoding", b"gzip"), _length(packed)], packed)
        if len(body) > WORTH_PACKING
        else plain,
    )


async def answer_of(app: ASGIApp, scope: Scope) -> tuple[Message, bytes]:
    """What an application answers to this scope without a body: the start of the answer, and its body as a whole."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    start, *bodies = told
    return start, b"".join(message.get("body", b"") for message in bodies)


def sheet_of(status: HTTPStatus, headers: Headers, body: bytes) -> Sheet:
    """An answer of these headers, which name the length of the body."""
    return Sheet(
        {"type": "http.response.start", "status": status.value, "headers": headers},
        {"type": "http.response.body", "body": body},
        (STATUS_LINE[status] + Lines(headers).wire, body),
    )


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
