"""Starts the documented cluster, breaks it as people vote, and writes what it survived: `make cluster`."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.rounds import in_turn
from servers import memory

from cluster import report
from cluster.machines import ALONE, lacking, lay_cables
from cluster.mishaps import MISHAPS, Mishap
from cluster.rounds import Day
from cluster.site import cluster

REPORT = Path(__file__).parent.parent / "CLUSTER.md"
INSIDE = "CLUSTER_ALONE"


def main() -> None:
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--only", action="append", help="kinds whose name has this in it")
    parser.add_argument("--within", type=Path, help="a new folder for everything, which then stays")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.name}")
    asked = parser.parse_args()
    if missing := lacking():
        sys.exit(missing)
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp(ALONE[0], [*ALONE, "init", sys.executable, "-m", "cluster", *sys.argv[1:]])
    lay_cables()
    wanted = [mishap for mishap in MISHAPS if not asked.only or any(word in mishap.name for word in asked.only)]
    with _folder(asked.within) as folder:
        outcome = _play(folder, wanted, asked.rounds * len(wanted), asked.seed)
        text = report.write(outcome)
    print(f"\n{text}")
    if asked.write:
        REPORT.write_text(text, encoding="utf-8")
    sys.exit(bool(outcome.complaints))


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir()
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="vote-cluster-", dir=memory()) as name:
        yield Path(name)


def _play(folder: Path, wanted: list[Mishap], rounds: int, seed: int) -> report.Outcome:
    began, chance = time.monotonic(), random.Random(seed)
    with cluster(folder) as running:
        print(f"up after {time.monotonic() - began:.0f} seconds, in {folder}", flush=True)
        day = Day(running, chance)
        for number, mishap in enumerate(in_turn(wanted, rounds, chance), start=1):
            played = day.play(mishap)
            told = "; ".join(sorted(set(played.complaints))) or "all holds"
            print(
                f"{number}/{rounds}: {mishap.name}, {played.came} came, {played.receipts} receipts, "
                f"a gap of {played.gap:.1f} seconds: {told}",
                flush=True,
            )
        last = day.end()
        for complaint in last:
            print(f"at the end: {complaint}", flush=True)
        return report.Outcome(day, day.sealing(), time.monotonic() - began, seed, last)


if __name__ == "__main__":
    main()
