"""The doorstep: how many may stand on it, how long and with how much, before anybody works for them."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import chain
from socket import socket
from typing import Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from vote.line import TOGETHER
from vote.proxies import Proxies

MOST_CONNECTIONS = 6000  # of one process
# Requests of one process that have come as a whole and are not answered. The few are what one commit takes: with room
# for less, refusing the others would slow the pace, and the slower pace leave less room still.
MOST_INSIDE, FEW_INSIDE = 512, TOGETHER
SOON_SECONDS, LOOK_SECONDS = 2.0, 0.5  # what waits must be answered so soon, at the pace of the last moment
OUTSIDE = 4096  # connections that nobody has taken yet
LARGEST_HEAD = 32 * 1024  # bytes of address and headers
HEAD_SECONDS = 5.0  # for the head of a request to arrive whole, and for what follows an answer
READING_SECONDS = 60.0  # for somebody who has stopped reading their answer to go on
WHOLE = "vote.whole"  # among the extensions of a scope (ASGI 3.0): the body of a request that is there as a whole
CLOSING = b"connection: close\r\n"
BODILY = {b"content-length", b"transfer-encoding", b"expect"}

AtOnce = Callable[[str, Sequence[tuple[bytes, bytes]]], tuple[bytes, bytes] | None]
Crowded = Callable[[str], tuple[bytes, bytes] | None]


class Hatch(Protocol):
    """See `vote.web.hatch`."""

    def takes(self, scope: Any) -> bool: ...

    def hand_in(self, scope: Any) -> Awaitable[tuple[bytes, bytes]]: ...


class Inside:
    """Whose request has come as a whole and is not answered: at most as many as are answered soon at the pace of now.

    A pace is known only while there is always somebody to be answered; until then there is room for the most.
    """

    def __init__(self) -> None:
        self._here: set[object] = set()
        self._room, self._answered, self._least, self._since = MOST_INSIDE, 0, 0, 0.0

    def enter(self, who: object) -> None:
        self._here.add(who)

    def leave(self, who: object) -> None:
        if who in self._here:
            self._here.remove(who)
            self._answered += 1
            self._least = min(self._least, len(self._here))

    def is_full(self, now: float) -> bool:
        passed = now - self._since
        if passed >= LOOK_SECONDS:
            soon = int(self._answered / passed * SOON_SECONDS)
            self._room = min(MOST_INSIDE, max(FEW_INSIDE, soon)) if self._least >= FEW_INSIDE // 2 else MOST_INSIDE
            self._answered, self._least, self._since = 0, len(self._here), now
        return len(self._here) >= self._room


@dataclass(frozen=True, slots=True)
class Door:
    """What every connection knows of the house. `socket` listens and does not block.

    `at_once` answers a path and the headers that came with it, or None: see `vote.web.posters.Wall`. `crowded` answers
    a path when too many are inside, or None for who is let in all the same: see `vote.web.crowd`. `hatch` is where
    forms are handed in; `proxies` may speak for others.
    """

    socket: socket
    at_once: AtOnce
    crowded: Crowded
    hatch: Hatch
    proxies: Proxies
    inside: Inside = field(default_factory=Inside)


class Doorstep(HttpToolsProtocol):
    """Uvicorn's connection, which by itself waits for ever, for heads of any size, and for readers who do not read.

    What hangs at the door is answered there, without a task or a message: no application is faster. So is whoever comes
    when too many are inside: at any load, those who are let in are answered soon, and to refuse costs next to nothing.
    """

    _head = 0
    _in_head = True
    _answered = False
    _in_hand: RequestResponseCycle | None = None
    _hurry: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, door: Door, **named: Any) -> None:
        super().__init__(*given, **named)
        self._door, self._inside = door, door.inside
        self._another = partial(Doorstep, *given, door=door, **named)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._beckon()
        self._hurry = self.loop.call_later(HEAD_SECONDS, self._turn_away, HTTPStatus.REQUEST_TIMEOUT)
        if len(self.connections) > MOST_CONNECTIONS:
            self._turn_away(HTTPStatus.SERVICE_UNAVAILABLE)

    def _beckon(self) -> None:
        """Take all who wait outside, where nobody tells them anything: libuv takes one connection a turn."""
        with suppress(OSError):  # there is nobody more, or the house closes
            while True:
                taken, _ = self._door.socket.accept()
                self._start(self._open(taken))

    async def _open(self, taken: socket) -> None:
        with suppress(OSError):  # who has gone again
            await self.loop.connect_accepted_socket(self._another, taken)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._hurry, self._patience):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        # Of requests sent ahead, uvicorn tells the last one only; the one being answered must not write any more.
        if self._in_hand is not None:
            self._in_hand.disconnected = True
            self._in_hand.message_event.set()
        for cycle, _ in self.pipeline:
            self._inside.leave(cycle)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._in_head and self._idle:
            self._head, self._in_head = 0, True
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        # A field without end is kept by the parser until its end: the fields alone would not show it.
        if self._head > LARGEST_HEAD:
            self._turn_away(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._hurry is None:
            self._hurry = self.loop.call_later(HEAD_SECONDS, self._turn_away, HTTPStatus.REQUEST_TIMEOUT)

    def on_message_begin(self) -> None:
        self._answered = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        # What came with the head was counted too: only then are the fields counted by themselves.
        if self._head > LARGEST_HEAD and sum(map(len, chain((self.url,), *self.headers))) > LARGEST_HEAD:
            raise OverflowError  # which the parser turns into `send_400_response`
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
        answer = self._door.at_once(self.url.decode("latin-1"), self.headers) if self._plainly_asked() else None
        if answer is None and self._free and self._inside.is_full(self.loop.time()):
            answer = self._door.crowded(self.url.decode("latin-1"))
        if answer is None:
            super().on_headers_complete()
        else:
            self._answer(*answer)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_hand = cycle
        self._door.proxies.introduce(cast(dict[str, Any], cycle.scope))
        if not self._door.hatch.takes(cycle.scope):
            super()._start_asgi_task(cycle, partial(self._attend, app, cycle))
            return
        self._start(self._hand_in(cycle, app))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _attend(self, app: Any, cycle: RequestResponseCycle, scope: Any, receive: Any, send: Any) -> None:
        """Inside until the answer begins: whoever watches the count from then on is in nobody's way."""

        async def answer(message: Any) -> None:
            self._inside.leave(cycle)
            await send(message)

        try:
            await app(scope, receive, answer)
        finally:
            self._inside.leave(cycle)

    async def _hand_in(self, cycle: RequestResponseCycle, app: Any) -> None:
        """What has come as a whole goes through the hatch; what comes in parts is waited for as everywhere."""
        if cycle.more_body or cycle.disconnected:
            await cycle.run_asgi(partial(self._attend, app, cycle))
            return
        try:
            head, body = await self._door.hatch.hand_in(cycle.scope)
            if cycle.flow.write_paused and not cycle.disconnected:
                await cycle.flow.drain()
        except BaseException:
            self.transport.close()
            raise
        finally:
            self._inside.leave(cycle)
        if cycle.disconnected:
            return
        if not cycle.keep_alive and CLOSING not in head:
            head += CLOSING
        self.transport.write(self._dated(head, body))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if CLOSING in head:
            self.transport.close()
        cycle.on_response()

    def on_body(self, body: bytes) -> None:
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._answered:
            super().on_message_complete()
            self.scope["extensions"] = {WHOLE: self.cycle.body}  # type: ignore[dict-item]
            if not self.cycle.response_started:
                self._inside.enter(self.cycle)

    @property
    def _idle(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        return cycle is None or cycle.response_complete

    @property
    def _free(self) -> bool:
        """Nothing before it waits, somebody reads."""
        return self._idle and not self.flow.write_paused

    def _plainly_asked(self) -> bool:
        """Whether this is a GET like any: nothing before it waits, nothing comes with it, somebody reads."""
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self._free
            and not any(name in BODILY for name, _ in self.headers)
        )

    def _answer(self, head: bytes, body: bytes) -> None:
        self._answered = True
        self.server_state.total_requests += 1
        self.transport.write(self._dated(head, b"" if self.parser.get_method() == b"HEAD" else body))
        if not self.parser.should_keep_alive():
            self.transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _dated(self, head: bytes, body: bytes) -> bytes:
        date = b"".join([b"%s: %s\r\n" % pair for pair in self.server_state.default_headers])
        return b"".join((head, date, b"\r\n", body))

    def send_400_response(self, msg: str) -> None:
        large = self._head > LARGEST_HEAD
        self._turn_away(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if large else HTTPStatus.BAD_REQUEST)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._patience is not None:
            self._patience.cancel()

    def _turn_away(self, status: HTTPStatus) -> None:
        if self.transport.is_closing():
            return
        again = "retry-after: 5\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n{again}\r\n"
        self.transport.write(head.encode())
        self.transport.close()


def options(door: Door) -> dict[str, Any]:
    """How uvicorn is to be run for this. The process may open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a sandbox may refuse, and has its own limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return {"http": partial(Doorstep, door=door), "ws": "none", "backlog": OUTSIDE, "timeout_keep_alive": 5}
