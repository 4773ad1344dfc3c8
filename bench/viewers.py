"""Many jurors who watch: `python bench/viewers.py PORT VIEWERS SECONDS`.

Says for each update the milliseconds from the first viewer it reached to the last.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from ground import JUROR

REQUEST = f"GET /jury/flux HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: salle={JUROR}\r\n\r\n".encode()


class Viewer(asyncio.Protocol):
    """One browser; `reached` holds, for each event by its number, when its end arrived."""

    def __init__(self, reached: dict[bytes, list[float]]) -> None:
        self._reached, self._buffer = reached, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\n\n\r\n" in self._buffer:
            event, _, self._buffer = self._buffer.partition(b"\n\n\r\n")
            if b"event: figures" in event:
                figures = event[event.index(b"<strong>") : event.index(b"</strong>")]
                self._reached.setdefault(figures, []).append(time.perf_counter())


async def main() -> None:
    port, viewers, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    loop, reached = asyncio.get_running_loop(), dict[bytes, list[float]]()
    for _ in range(viewers):
        await loop.create_connection(lambda: Viewer(reached), "127.0.0.1", port)
    while sum(map(len, reached.values())) < viewers:
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    reached.clear()
    await asyncio.sleep(seconds)
    spans = [1000 * (max(times) - min(times)) for times in reached.values() if len(times) == viewers]
    print(len(spans), statistics.median(spans) if spans else -1, flush=True)


asyncio.run(main())
