"""The doorstep: how many may stand on it, how long and with how much, before anybody works for them."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS = 4000  # of one process
LARGEST_HEAD = 32 * 1024  # bytes of address and headers
HEAD_SECONDS = 5.0  # for the head of a request to arrive whole, and for what follows an answer
READING_SECONDS = 60.0  # for somebody who has stopped reading their answer to go on


class Doorstep(HttpToolsProtocol):
    """Uvicorn's connection, which by itself waits for ever, for heads of any size, and for readers who do not read."""

    _head = 0
    _in_head = True
    _hurry: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_a_head()
        if len(self.connections) > MOST_CONNECTIONS:
            self._turn_away(HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._hurry, self._patience):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        if self._hurry is None and (cycle is None or cycle.response_complete):
            self._expect_a_head()
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        # A field without end is kept by the parser until its end: the fields alone would not show it.
        if self._in_head and self._head > LARGEST_HEAD and not self.transport.is_closing():
            self._turn_away(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > LARGEST_HEAD:
            raise OverflowError  # which the parser turns into `send_400_response`
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
        super().on_headers_complete()

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

    def _expect_a_head(self) -> None:
        self._head, self._in_head = 0, True
        self._hurry = self.loop.call_later(HEAD_SECONDS, self._turn_away, HTTPStatus.REQUEST_TIMEOUT)

    def _turn_away(self, status: HTTPStatus) -> None:
        if self.transport.is_closing():
            return
        again = "retry-after: 5\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n{again}\r\n"
        self.transport.write(head.encode())
        self.transport.close()


def options() -> dict[str, Any]:
    """How uvicorn is to be run for this. The process may open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a sandbox may refuse, and has its own limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return {"http": Doorstep, "ws": "none", "backlog": 1024, "timeout_keep_alive": 5}
