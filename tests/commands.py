"""Commands of the project as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Command:
    """`vote …`, with only these settings in its environment; what it says is kept."""

    def __init__(self, *words: str, settings: Mapping[str, str], folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}  # noqa: TID251
        environment = {**kept, "PATH": os.defpath, "HOME": str(folder), **settings}
        self.log = folder / f"{words[0]}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vote", *words], env=environment, stdout=log, stderr=log, cwd=ROOT
            )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Stop as a platform does; answers how many seconds it took. It must end well."""
        started = time.monotonic()
        self.process.send_signal(how)
        code = self.process.wait(60)
        assert code == 0, (code, self.said)
        return time.monotonic() - started

    def wait_until_said(self, words: str) -> None:
        self._wait_until(lambda: words in self.said)

    def wait_until_up(self, site: str) -> None:
        self._wait_until(lambda: _answers(f"{site}/sante"))

    def _wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while not holds():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)


@contextmanager
def running(*words: str, settings: Mapping[str, str], folder: Path) -> Iterator[Command]:
    command = Command(*words, settings=settings, folder=folder)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
