"""Seals many envelopes and audits them: `python bench/box.py --ballots 1000000 [--database URL]`.

Prints seconds and peak memory of each step, each in a process of its own, as a table.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from vote import audit, ballot_box, contests, editions, schema, sealing
from vote.db import Database
from vote.editions import Edition
from vote.models import Envelope, RunningCount, Signature, Turnout
from vote.notes import Signer
from vote.sealing import Sealer

CHUNK = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ballots", type=int, default=1_000_000)
    parser.add_argument("--database", help="an empty database; default: SQLite in a temporary folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.database or f"sqlite:///{Path(folder) / 'box.db'}"
        apart(fill, url, chosen.ballots)
        print(f"{'step':<28}{'seconds':>10}{'peak MB':>10}")
        for name, step in (("seal", seal), ("audit", check), ("one proof of inclusion", prove)):
            seconds, megabytes = apart(step, url, chosen.ballots)
            print(f"{name + f', {chosen.ballots:,} ballots':<28}{seconds:>10.4f}{megabytes:>10.0f}", flush=True)


def fill(url: str, ballots: int) -> float:
    """A contest with that many signatures and envelopes, all of one window, long ago."""
    database, edition = Database(url), editions.read(editions.SHIPPED)
    schema.upgrade(database)
    contests.load(database, edition, edition.opens_at, "the bench")
    slugs = [laureate.slug for laureate in edition.laureates]
    with database.writing() as session:
        for start in range(0, ballots, CHUNK):
            rows = range(start, min(start + CHUNK, ballots))
            session.execute(
                insert(Signature), [{"contest": edition.contest, "voter_key": secrets.token_bytes(32)} for _ in rows]
            )
            session.execute(
                insert(Envelope),
                [
                    {
                        "ballot_code": secrets.token_bytes(10),
                        "contest": edition.contest,
                        "laureate": slugs[row % len(slugs)],
                        "salt": secrets.token_bytes(32),
                        "window_at": edition.opens_at,
                    }
                    for row in rows
                ],
            )
        for place, slug in enumerate(slugs):
            votes = len(range(place, ballots, len(slugs)))
            session.add(RunningCount(contest=edition.contest, laureate=slug, slot=0, votes=votes))
        session.add(Turnout(contest=edition.contest, hour_at=edition.opens_at, slot=0, votes=ballots))
    return 0.0


def seal(url: str, ballots: int) -> float:
    database, edition = Database(url), editions.read(editions.SHIPPED)
    started = time.perf_counter()
    signed = sealing.seal(database, _sealer(edition), edition.opens_at + timedelta(hours=3))
    seconds = time.perf_counter() - started
    if signed is None or signed.size != ballots:
        raise SystemExit("not everything was sealed")
    return seconds


def check(url: str, _ballots: int) -> float:
    database, edition = Database(url), editions.read(editions.SHIPPED)
    started = time.perf_counter()
    with database.reading() as session:
        contest = contests.read(session, edition.contest)
        findings = audit.examine_database(session, contest, _sealer(edition).signer.verifier)
    seconds = time.perf_counter() - started
    if not all(finding.holds for finding in findings):
        raise SystemExit("the audit found fault with the bench")
    return seconds


def prove(url: str, ballots: int) -> float:
    """The median of 100 proofs, each of another ballot, each read from the database anew."""
    database, edition = Database(url), editions.read(editions.SHIPPED)
    with database.reading() as session:
        codes = [next(iter(ballot_box.read(session, edition.contest, secrets.randbelow(ballots)))) for _ in range(100)]
    times = []
    for row in codes:
        started = time.perf_counter()
        with database.reading() as session:
            if ballot_box.find(session, edition.contest, row.ballot_code) is None:
                raise SystemExit("a sealed ballot was not found")
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def _sealer(edition: Edition) -> Sealer:
    signer = Signer(f"bench/{edition.contest}", b"k" * 32)
    return Sealer(edition.contest, signer, timedelta(hours=1), 10, secrets.token_bytes(16))


def apart(step: Callable[[str, int], float], url: str, ballots: int) -> tuple[float, float]:
    """Seconds that the step measured, and its process's peak memory in megabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step, url, ballots))


def _measured(step: Callable[[str, int], float], url: str, ballots: int) -> tuple[float, float]:
    seconds = step(url, ballots)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
