"""Plays days on which everything breaks, and writes what was survived: `make faults`; QUICK=1 takes a glance."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from faults import report
from faults.report import Outcome
from faults.rounds import day, in_turn

REPORT = Path(__file__).parent.parent / "FAULTS.md"
KINDS = ("sqlite", "postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=110, help="on each database (%(default)s)")
    parser.add_argument("--seed", type=int, default=2019, help="of the first database (%(default)s)")
    parser.add_argument("--on", choices=KINDS, action="append", help="this database alone")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.name}")
    asked = parser.parse_args()
    outcomes = [_play(kind, asked.seed + place, asked.rounds) for place, kind in enumerate(asked.on or KINDS)]
    text = report.write(outcomes)
    print(f"\n{text}")
    if asked.write:
        REPORT.write_text(text, encoding="utf-8")
    sys.exit(any(outcome.complaints for outcome in outcomes))


def _play(kind: str, seed: int, rounds: int) -> Outcome:
    began = time.monotonic()
    with day(kind, seed) as (played, mishaps):
        for number, mishap in enumerate(in_turn(mishaps, rounds, played.chance), start=1):
            found = played.play(mishap)
            told = "; ".join(sorted(set(found.complaints))) or "all holds"
            print(
                f"{kind} {number}/{rounds}: {mishap.name}, {found.came} came, {found.receipts} receipts: {told}",
                flush=True,
            )
        last = played.end()
        for complaint in last:
            print(f"{kind} at the end: {complaint}", flush=True)
        return Outcome.of(played, last, time.monotonic() - began)


if __name__ == "__main__":
    main()
