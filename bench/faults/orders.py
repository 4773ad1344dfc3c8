"""What a process is told to suffer: orders in a file that it has mapped, read at each call that they concern."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "mishaps.c"
WRITES, FLUSHES, SENDS = 1, 2, 3
FULL, BROKEN = errno.ENOSPC, errno.EIO
LAYOUT = struct.Struct("=6q")
CLOCK, ERROR, SLOW, VICTIM, LEFT, AFTER = range(0, LAYOUT.size, 8)


def shim(folder: Path) -> Path | None:
    """The library that obeys orders; None where no compiler is at hand."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    made = folder / "mishaps.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, SOURCE, "-ldl"], check=True)
    return made


class Orders:
    """Those of one process and its children. They outlive it: whoever starts it again calls `rescind` first."""

    def __init__(self, library: Path | None, path: Path) -> None:
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self.environ = {"LD_PRELOAD": str(library), "FAULTS_ORDERS": str(path)} if library else {}

    def rescind(self) -> None:
        self._map[:] = bytes(LAYOUT.size)

    def move_clock(self, seconds: float) -> None:
        """Ahead, or back; for good."""
        (ahead,) = struct.unpack_from("=q", self._map, CLOCK)
        self._say(CLOCK, ahead + round(seconds * 1e9))

    def fail(self, error: int) -> None:
        """FULL: no file grows. BROKEN: nothing is written or flushed. 0: the disk is sound again."""
        self._say(ERROR, error)

    def slow(self, seconds: float) -> None:
        """Each flush takes so much longer."""
        self._say(SLOW, round(seconds * 1e6))

    def die_at(self, kind: int, number: int, *, after: bool) -> None:
        """Kill the process at its call of that number and kind from now on: before it has any effect, or after."""
        self._say(AFTER, after)
        self._say(LEFT, number)
        self._say(VICTIM, kind)

    def live(self) -> None:
        self._say(VICTIM, 0)

    def _say(self, place: int, value: int) -> None:
        struct.pack_into("=q", self._map, place, value)
