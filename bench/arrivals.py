"""People who come at a pace of their own, answered or not: `python bench/arrivals.py REQUESTS PORT RATE`.

Each request is sent once, at its moment, on a connection that is free or a new one. Tells, as JSON, what each was
answered, how many seconds after its moment, and its receipt; and how late any of them was sent, at most.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import uvloop

LENGTH, AGAIN = re.compile(rb"\r\ncontent-length: (\d+)"), re.compile(rb"\r\nretry-after: \d")
RECEIPT = re.compile(rb"/urne\?code=([0-9A-Z-]{19})")
PATIENCE = 60.0  # seconds, from the last arrival on


class Crowd:
    """What was answered to whom: status, seconds, whether to come again, receipt; status 0 where nothing was."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.free: list[Knock] = []
        self.answers: dict[int, tuple[int, float, bool, str]] = {}
        self.opened = 0
        self.late = 0.0
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[Any]] = set()

    async def come(self, requests: Iterator[bytes], rate: float) -> None:
        began, number = self._loop.time(), -1
        for number, request in enumerate(requests):
            due = began + number / rate
            wait = due - self._loop.time()
            if wait > 0 or number % 20 == 0:
                await asyncio.sleep(max(wait, 0))
            self.late = max(self.late, self._loop.time() - due)
            if self.free:
                self.free.pop().ask(number, request, due)
            else:
                task = asyncio.create_task(self._knock(number, request, due))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
        until = self._loop.time() + PATIENCE
        while len(self.answers) <= number and self._loop.time() < until:
            await asyncio.sleep(0.05)

    async def _knock(self, number: int, request: bytes, due: float) -> None:
        try:
            _, knock = await self._loop.create_connection(lambda: Knock(self), "127.0.0.1", self.port)
        except OSError:
            self.note(number, due, 0, again=False, receipt="")
            return
        self.opened += 1
        knock.ask(number, request, due)

    def note(self, number: int, due: float, status: int, *, again: bool, receipt: str) -> None:
        self.answers[number] = (status, self._loop.time() - due, again, receipt)


class Knock(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._asked, self._got = crowd, (-1, 0.0), b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def ask(self, number: int, request: bytes, due: float) -> None:
        self._asked, self._got = (number, due), b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or (length is not None and len(body) < int(length[1])):
            return
        receipt = RECEIPT.search(body)
        self._note(
            int(head[9:12]), again=AGAIN.search(head) is not None, receipt=receipt[1].decode() if receipt else ""
        )
        if b"\r\nconnection: close" not in head:
            self._crowd.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._crowd.free:
            self._crowd.free.remove(self)
        self._note(0, again=False, receipt="")

    def _note(self, status: int, *, again: bool, receipt: str) -> None:
        number, due = self._asked
        if number >= 0:
            self._asked = (-1, 0.0)
            self._crowd.note(number, due, status, again=again, receipt=receipt)


def requests(path: Path) -> Iterator[bytes]:
    """As `ground.write` wrote them."""
    with path.open("rb") as file:
        while length := file.read(8):
            yield file.read(int(length))


async def main() -> None:
    crowd = Crowd(int(sys.argv[2]))
    await crowd.come(requests(Path(sys.argv[1])), float(sys.argv[3]))
    print(json.dumps({"late": crowd.late, "opened": crowd.opened, "answers": crowd.answers}))


if __name__ == "__main__":
    uvloop.run(main())
