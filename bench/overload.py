"""Four times what one web process can serve: `python bench/overload.py [--quick]`, or `make overload`.

What it serves is found with clients who wait for their answers. Then voters come four times as fast, whether or not
others were answered. The table is kept in bench/OVERLOAD.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import ground
import race
from race import Runner
from sqlalchemy import select

from vote import audit, contests, envelope, tally
from vote.db import Database
from vote.envelope import FilledBallot
from vote.models import Envelope
from vote.notes import Signer
from vote.web.crowd import AGAIN_SECONDS

HERE = Path(__file__).parent
PORT, TIMES, FASTEST = 8190, 4, 10_000
IN_TIME = AGAIN_SECONDS  # all that is accepted is answered before the others come again
MEGABYTES = 250
LATE = 0.5


@dataclass(frozen=True)
class Answer:
    status: int
    seconds: float
    again: bool
    receipt: str


@dataclass(frozen=True)
class Flood:
    """What came of a time in which people came at `rate`."""

    rate: float
    answers: dict[int, Answer]
    late: float
    connections: int
    megabytes: float

    def of(self, *statuses: int) -> list[Answer]:
        return [answer for answer in self.answers.values() if answer.status in statuses]


def main() -> None:
    parser = argparse.ArgumentParser(description="Offers four times what one web process can serve.")
    parser.add_argument("--quick", action="store_true", help="ten seconds in all; nothing is written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        served, flood, complaints = play(Path(folder), 2 if quick else 4, 5 if quick else 20)
    text = report(served, flood, complaints, quick=quick)
    print(text)
    if not quick:
        (HERE / "OVERLOAD.md").write_text(text, encoding="utf-8")
    sys.exit(bool(complaints))


def play(folder: Path, warm: int, seconds: int) -> tuple[float, Flood, list[str]]:
    """What it serves, what came of four times as much, and what does not hold."""
    url = f"sqlite:///{folder / 'vote.db'}"
    ballots = ground.prepare(url, verifications=FASTEST * (warm + TIMES * seconds // 2))
    first, others = ballots[: FASTEST * warm], ballots[FASTEST * warm :]
    with race.site(url, PORT, VOTE_SCREENING="off") as site:
        race.warm([site], 3, script=[ground.write(folder / "warm", ground.confirmations(first[:500]))])
        script = ground.write(folder / "closed", ground.confirmations(first[500:]))
        served = race.run([site], 64, warm, script=[script]).rate
        come = others[: int(served * TIMES * seconds)]
        flood = offer(site, ground.write(folder / "open", ground.confirmations(come)), served * TIMES)
        complaints = [*kept(flood, site)]
    return served, flood, [*complaints, *recorded(url, come, flood)]


def offer(site: Runner, script: Path, rate: float) -> Flood:
    """Send all of it at that pace, and watch the memory of the process meanwhile."""
    command = [*race.LOAD, sys.executable, str(HERE / "arrivals.py"), str(script), str(site.port), str(rate)]
    with _watched(site) as seen:
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    answers = {int(number): Answer(*answer) for number, answer in told["answers"].items()}
    return Flood(rate, answers, told["late"], told["opened"], max(seen))


def kept(flood: Flood, site: Runner) -> Iterator[str]:
    """What must hold of the answers themselves."""
    other = Counter(answer.status for answer in flood.answers.values() if answer.status not in {200, 503})
    if other:
        yield f"answers of other kinds: {dict(other)}"
    if any(not answer.again for answer in flood.of(503)):
        yield "somebody was refused without being told when to come back"
    if any(not answer.receipt for answer in flood.of(200)):
        yield "somebody was accepted without a receipt"
    slowest = max((answer.seconds for answer in flood.of(200)), default=0.0)
    if slowest > IN_TIME:
        yield f"the slowest accepted vote was answered after {slowest:.1f} s"
    if flood.late > LATE:
        yield f"the load itself came {flood.late:.1f} s late: this machine is too busy to tell"
    if not flood.of(503):
        yield "nobody was refused: this was not too much"
    if flood.megabytes > MEGABYTES:
        yield f"{flood.megabytes:.0f} MB"
    if not site.megabytes:
        yield "the process is gone"


def recorded(url: str, come: Sequence[FilledBallot], flood: Flood) -> Iterator[str]:
    """What must hold in the database: each receipt is there, who was refused is not, and the audit is green."""
    if missing := len(come) - len(flood.answers):
        yield f"{missing} requests were never answered, not even by a broken connection"
    codes = [envelope.receipt_code(ballot.ballot_code) for ballot in come]
    with closing(Database(url)) as database, database.reading() as session:
        rows = session.execute(select(Envelope.ballot_code, Envelope.laureate))
        cast = {row.ballot_code: row.laureate for row in rows}
        for number, answer in flood.answers.items():
            ballot = come[number]
            if answer.status == 200 and (answer.receipt, cast.get(ballot.ballot_code)) != (
                codes[number],
                ballot.laureate,
            ):
                yield f"receipt {number} is not that of its voter, or its ballot is gone"
            if answer.status == 503 and ballot.ballot_code in cast:
                yield f"voter {number} was told that nothing was recorded"
        balance = tally.balance(session, ground.CONTEST)
        if not balance.balanced or balance.signatures != len(cast):
            yield f"signatures and ballots do not agree: {balance}"
        verifier = Signer(f"127.0.0.1/{ground.CONTEST}", bytes.fromhex(ground.SEAL_KEY)).verifier
        findings = audit.examine_database(session, contests.read(session, ground.CONTEST), verifier, [])
        yield from (f"the audit: {finding.sentence}" for finding in findings if not finding.holds)


def report(served: float, flood: Flood, complaints: Sequence[str], *, quick: bool) -> str:
    accepted, refused, none = flood.of(200), flood.of(503), flood.of(0)
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    rows = [
        ("served, when 64 clients wait for their answers", f"{served:,.0f} votes a second"),
        ("offered", f"{flood.rate:,.0f} a second, {len(flood.answers):,} in all on {flood.connections:,} connections"),
        ("accepted", f"{len(accepted):,}, {len(accepted) * flood.rate / max(len(flood.answers), 1):,.0f} a second"),
        (f"accepted: median, p99, slowest (all within {IN_TIME} s)", _latencies(accepted)),
        ("refused, 503 with `Retry-After`", f"{len(refused):,}"),
        ("refused: median, p99, slowest", _latencies(refused)),
        ("no answer", f"{len(none):,}"),
        (f"most memory of the web process (at most {MEGABYTES} MB)", f"{flood.megabytes:.0f} MB"),
        ("how late the load itself was, at most", f"{1000 * flood.late:.0f} ms"),
    ]
    lines = [
        "# Four times too many",
        "",
        f"`make overload{' QUICK=1' if quick else ''}`, {datetime.now(UTC):%d %B %Y}, on {os.cpu_count()} × "
        f"{model[1] if model else platform.machine()}, Python {platform.python_version()}; load before the end "
        f"{os.getloadavg()[0]:.1f}.",
        "",
        "One web process on SQLite, on a processor of its own; every request is a true confirmation of another voter, "
        "sent at its moment whether or not earlier ones were answered. Times count from that moment.",
        "",
        "| what | how much |",
        "| --- | --- |",
        *(f"| {what} | {much} |" for what, much in rows),
        "",
        "Each receipt shown is in the database with its voter's choice, nobody who was refused is, signatures and "
        "ballots agree, and the audit is green."
        if not complaints
        else "**This does not hold:**",
        "",
        *(f"- {complaint}" for complaint in complaints[:30]),
        f"Complaints: {len(complaints)}.",
        "",
    ]
    return "\n".join(lines)


def _latencies(answers: Sequence[Answer]) -> str:
    if not answers:
        return "–"
    times = sorted(answer.seconds for answer in answers)
    return ", ".join(f"{1000 * times[int(share * (len(times) - 1))]:,.0f} ms" for share in (0.5, 0.99, 1))


@contextmanager
def _watched(site: Runner) -> Iterator[list[float]]:
    """What the process had in memory, every tenth of a second."""
    seen, stop = [site.megabytes], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            seen.append(site.megabytes)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
