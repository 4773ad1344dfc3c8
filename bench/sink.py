"""A mail server that takes everything, keeps nothing and counts: `python bench/sink.py PORT`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time


class Sink(asyncio.Protocol):
    """One SMTP connection (RFC 5321), as short as a load can be."""

    letters = 0
    first = last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer, self._in_letter = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._in_letter else b"\r\n"
            line, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._in_letter:
                self._in_letter = False
                Sink.last = time.monotonic()
                Sink.first = Sink.first or Sink.last
                Sink.letters += 1
                self._transport.write(b"250 taken\r\n")
            elif line[:4].upper() == b"DATA":
                self._in_letter = True
                self._transport.write(b"354 go on\r\n")
            elif line[:4].upper() == b"QUIT":
                self._transport.write(b"221 bye\r\n")
                self._transport.close()
            else:
                self._transport.write(b"250 sink\r\n")


async def main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(Sink, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await stop.wait()
    server.close()
    print(Sink.letters, Sink.last - Sink.first, flush=True)


asyncio.run(main())
