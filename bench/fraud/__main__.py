"""Runs the simulated contests and writes what came of them: `make fraud`, or `make fraud QUICK=1` for a glance."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path

from fraud import attacks, report
from fraud.contest import Outcome
from fraud.runs import Run, simulate

REPORT = Path(__file__).parent.parent / "FRAUD.md"
FIRST_SEED = 5_000  # the figures were tuned on others
KINDS = ("screened", "open", "pages")


def main() -> None:
    parser = argparse.ArgumentParser(prog="fraud", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small contests, and one through the pages")
    parser.add_argument("--runs", type=int, default=20, help="how many contests with screening (%(default)s)")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.name}")
    asked = parser.parse_args()
    began = time.monotonic()
    runs = _quick(asked.first) if asked.quick else _full(asked.first, asked.runs)
    found: list[tuple[Run, Outcome]] = []
    text = ""
    with multiprocessing.get_context("spawn").Pool(asked.workers) as pool:
        for run, outcome in pool.imap_unordered(simulate, runs):
            found.append((run, outcome))
            print(f"{len(found)} of {len(runs)}: {run.kind}, seed {run.seed}", flush=True)
            text = report.write(*([one for run, one in found if run.kind == kind] for kind in KINDS))
            if asked.write:
                REPORT.write_text(text, encoding="utf-8")
    print(f"\n{text}\n{time.monotonic() - began:.0f} seconds")


def _full(first: int, runs: int) -> Sequence[Run]:
    screened = [Run(first + number, "screened", 10_000) for number in range(runs)]
    unscreened = [Run(first + number, "open", 300) for number in range(-(-runs // 10))]
    return [Run(first, "pages", 1_000, tuple(n for n in attacks.ATTACKS if len(n) == 1)), *unscreened, *screened]


def _quick(first: int) -> Sequence[Run]:
    return [
        Run(first, "screened", 2_000),
        Run(first + 1, "screened", 2_000),
        Run(first, "open", 500),
        Run(first, "pages", 300, ("C", "J", "K")),
    ]


if __name__ == "__main__":
    main()
