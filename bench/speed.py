"""The benchmark: `python bench/speed.py [--quick] [--only GROUP]` races the site against its baselines, prints a table.

The whole table is kept in bench/RESULTS.md, with the machine and the day. Ratios are of medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.request import urlopen

import box
import ground
import race
from race import Heat, Runner
from sqlalchemy import event

from vote import ballot_box, outbox, tally
from vote.db import Database
from vote.envelope import FilledBallot

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import PostgreSQL

HERE = Path(__file__).parent
# A second, and reached by nobody here: so many requests are prepared, and a run that uses up its own is no measure.
FASTEST = 10_000  # votes, and letters asked for
FASTEST_TO_SAY = 32_000  # of what is refused, or read and no more


@dataclass(frozen=True)
class Row:
    figure: str
    reached: str
    bound: str
    holds: bool | None = None


@dataclass
class Bench:
    """What all groups share: a folder, how long to measure, and the table as it grows."""

    folder: Path
    quick: bool
    rows: list[Row] = field(default_factory=list)
    port: int = 8200

    @property
    def repeats(self) -> int:
        return 3 if self.quick else 5

    @property
    def seconds(self) -> int:
        return 1 if self.quick else 3

    def next_port(self) -> int:
        self.port += 1
        return self.port

    def say(self, figure: str, reached: str, bound: str, holds: bool | None = None) -> None:
        self.rows.append(Row(figure, reached, bound, holds))
        print(_line(self.rows[-1]), flush=True)

    def ratio(self, figure: str, ours: float, theirs: float, least: float, unit: str = "/s") -> None:
        reached = f"{ours / theirs:.2f} ({ours:,.0f} against {theirs:,.0f}{unit})"
        self.say(figure, reached, f"≥ {least}", ours / theirs >= least)

    def most(self, figure: str, reached: float, most: float, unit: str) -> None:
        self.say(figure, f"{reached:,.3g} {unit}", f"≤ {most:g} {unit}", reached <= most)

    def sqlite(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}.db"

    def script(self, name: str, sent: Iterator[bytes]) -> Path:
        return ground.write(self.folder / name, sent)


class Lap:
    """Ballots handed out to the runs: each goes into one request of one run."""

    def __init__(self, bench: Bench, ballots: Sequence[FilledBallot]) -> None:
        self._bench, self._ballots, self._place, self._number = bench, ballots, 0, 0

    def script(self, make: Callable[[Sequence[FilledBallot]], Iterator[bytes]], count: int) -> Path:
        some = self._ballots[self._place : self._place + count]
        if len(some) < count:
            raise SystemExit("too few ballots were prepared")
        self._place, self._number = self._place + count, self._number + 1
        return self._bench.script(f"lap-{id(self)}-{self._number}", make(some))


def medians(bench: Bench, *contenders: Callable[[], Heat]) -> list[Heat]:
    """The median of each contender's runs, one after the other in turn."""
    runs: list[list[Heat]] = [[] for _ in contenders]
    for _ in range(bench.repeats):
        for place, contend in enumerate(contenders):
            runs[place].append(contend())
    return [
        Heat(
            statistics.median(heat.rate for heat in heats),
            statistics.median(heat.p99 for heat in heats),
            sum(heat.answers for heat in heats),
            sum(heat.refused for heat in heats),
        )
        for heats in runs
    ]


def pages(bench: Bench) -> None:
    ground.prepare(bench.sqlite("pages"))
    with race.site(bench.sqlite("pages"), bench.next_port()) as site:
        answer = urlopen(f"http://127.0.0.1:{site.port}/")
        page, tag = answer.read(), answer.headers["ETag"]
        (bench.folder / "home").write_bytes(page)
        with race.baseline("bare", bench.next_port(), BODY=str(bench.folder / "home")) as bare:
            full, unchanged, same = medians(
                bench,
                lambda: race.run([site], 64, bench.seconds),
                lambda: race.run([site], 64, bench.seconds, path=f"/ {tag}"),
                lambda: race.run([bare], 64, bench.seconds),
            )
    if full.refused:
        raise SystemExit("the home page was refused")
    bench.ratio(f"home page, {len(page):,} bytes, against (a)", full.rate, same.rate, 0.8)
    bench.ratio("home page, 304, against (a) with 200", unchanged.rate, same.rate, 1.1)


def votes(bench: Bench) -> None:
    """Everything a voter posts, against the same form read and answered without a database."""
    per_run = FASTEST * bench.seconds
    url, slow = bench.sqlite("votes"), bench.sqlite("naive")
    lap = Lap(bench, ground.prepare(url, verifications=per_run * bench.repeats * 2 + 2000))
    often = FASTEST_TO_SAY * bench.seconds
    again = ground.prepare(bench.sqlite("again"), verifications=often // 2 + 2000)
    ground.cast(bench.sqlite("again"), again[0])
    naive_lap = Lap(bench, ground.prepare(slow, verifications=2000 * bench.seconds * bench.repeats * 2 + 1000))
    others = {
        "repeat": bench.script("repeat", ground.repeats(again[0], often)),
        "bad": bench.script("bad", ground.bad_codes(again[1000:])),
    }
    asking = Lap(bench, ground.strangers(per_run * bench.repeats))
    with ExitStack() as stack:
        site = stack.enter_context(race.site(url, bench.next_port()))
        second = stack.enter_context(race.site(bench.sqlite("again"), bench.next_port()))
        form = stack.enter_context(race.baseline("form", bench.next_port()))
        naive = stack.enter_context(race.baseline("naive", bench.next_port(), DATABASE_URL=slow))
        for runner, warm in ((site, lap), (naive, naive_lap)):
            race.warm([runner], 5, script=[warm.script(ground.confirmations, 500)])
        race.warm([second], 5, script=[bench.script("warm", ground.confirmations(again[1:500]))])
        idle = site.megabytes
        for clients in (64, 256):
            _race_of_votes(bench, clients, (site, form, naive), (lap, naive_lap), others["repeat"])
        full = site.megabytes

        def ask() -> Heat:
            ground.cool(bench.sqlite("again"))
            return race.run([second], 64, bench.seconds, script=[asking.script(ground.requests, per_run)])

        ours, read = medians(bench, ask, _sender(bench, form, others["repeat"]))
        _all_served(ours)
        bench.ratio("request for a code, against (b)", ours.rate, read.rate, 0.35)
        for name, figure, least in (
            ("repeat", "the same voter again and again, against (b)", 0.45),
            ("bad", "wrong codes alone, against (b)", 0.45),
        ):
            # The form is read as quickly whatever it says, and more often than there are voters here.
            ours, read = medians(bench, _sender(bench, second, others[name]), _sender(bench, form, others["repeat"]))
            bench.ratio(figure, ours.rate, read.rate, least)
    bench.most("memory of a web process after its first 500 votes", idle, 90, "MB")
    bench.most("memory of a web process at full load", full, 160, "MB")


def _race_of_votes(
    bench: Bench, clients: int, runners: tuple[Runner, Runner, Runner], laps: tuple[Lap, Lap], read_alone: Path
) -> None:
    (site, form, naive), (lap, naive_lap) = runners, laps
    many, few = FASTEST * bench.seconds, 2000 * bench.seconds

    def times() -> tuple[float, ...]:
        return site.loop_seconds, site.cpu_seconds, form.cpu_seconds

    begun = times()
    ours, read, theirs = medians(
        bench,
        lambda: race.run([site], clients, bench.seconds, script=[lap.script(ground.confirmations, many)]),
        lambda: race.run([form], clients, bench.seconds, script=[read_alone]),
        lambda: race.run([naive], clients, bench.seconds, script=[naive_lap.script(ground.confirmations, few)]),
    )
    _all_served(ours)
    answers = ours.answers, ours.answers, read.answers
    loop, whole, plain = (
        (now - then) * 1e6 / number for now, then, number in zip(times(), begun, answers, strict=True)
    )
    bench.ratio(f"vote cast, SQLite, {clients} clients, against (b)", ours.rate, read.rate, 0.45)
    spent = f"{loop:.0f} µs in the loop, {whole - loop:.0f} in the commits; (b) {plain:.0f}"
    bench.say("processor time of such a vote", spent, "told")
    bench.ratio(f"vote cast, SQLite, {clients} clients, against (c)", ours.rate, theirs.rate, 6)
    bench.most(f"p99 of it, against a tenth of (c)'s ({theirs.p99:,.0f} ms)", ours.p99, theirs.p99 / 10, "ms")


def _sender(bench: Bench, runner: Runner, script: Path) -> Callable[[], Heat]:
    return lambda: race.run([runner], 64, bench.seconds, script=[script])


def flushes(bench: Bench) -> None:
    """The same where each flush costs two milliseconds more."""
    shim = bench.folder / "slow_flush.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", shim, HERE / "slow_flush.c", "-ldl"], check=True)
    seconds = max(bench.seconds, 2)
    per_run, few = FASTEST * seconds, 1000 * seconds
    url, slow = bench.sqlite("flushed"), bench.sqlite("naive-flushed")
    lap = Lap(bench, ground.prepare(url, verifications=per_run * bench.repeats + 1000))
    naive_lap = Lap(bench, ground.prepare(slow, verifications=few * bench.repeats + 1000))
    with (
        race.site(url, bench.next_port(), LD_PRELOAD=str(shim)) as site,
        race.baseline("naive", bench.next_port(), DATABASE_URL=slow, LD_PRELOAD=str(shim)) as naive,
    ):
        race.warm([site], 5, script=[lap.script(ground.confirmations, 500)])
        ours, theirs = medians(
            bench,
            lambda: race.run([site], 256, seconds, script=[lap.script(ground.confirmations, per_run)]),
            lambda: race.run([naive], 256, seconds, script=[naive_lap.script(ground.confirmations, few)]),
        )
    _all_served(ours)
    bench.ratio("vote cast, each flush 2 ms dearer, 256 clients, against (c)", ours.rate, theirs.rate, 12)


def servers(bench: Bench) -> None:
    """PostgreSQL with two web processes, and what a second one adds; all of it on all processors."""
    per_run, few = FASTEST * bench.seconds, 1500 * bench.seconds
    with PostgreSQL(fsync=True) as server:
        laps = {}
        for name, count in (("one", per_run), ("two", per_run * 2), ("naive", few * 2)):
            server.create(name)
            laps[name] = Lap(bench, ground.prepare(server.url(name), verifications=count * bench.repeats + 2000))
        with ExitStack() as stack:
            alone = stack.enter_context(race.site(server.url("one"), bench.next_port(), pinned=False))
            pair, slow = [], []
            for _ in range(2):
                pair.append(stack.enter_context(race.site(server.url("two"), bench.next_port(), pinned=False)))
                slow.append(
                    stack.enter_context(
                        race.baseline("naive", bench.next_port(), pinned=False, DATABASE_URL=server.url("naive"))
                    )
                )
            for runners, name in (([alone], "one"), (pair, "two"), (slow, "naive")):
                scripts = [laps[name].script(ground.confirmations, 400) for _ in runners]
                race.warm(runners, 5, script=scripts)
            spent: dict[str, list[float]] = {"one": [], "two": []}

            def contend(runners: list[Runner], name: str, count: int) -> Heat:
                scripts = [laps[name].script(ground.confirmations, count) for _ in runners]
                before = sum(runner.cpu_seconds for runner in runners)
                heat = race.run(runners, 256, bench.seconds, script=scripts)
                if name in spent:
                    spent[name].append((sum(runner.cpu_seconds for runner in runners) - before) / max(heat.answers, 1))
                return heat

            single, double, theirs = medians(
                bench,
                lambda: contend([alone], "one", per_run),
                lambda: contend(pair, "two", per_run),
                lambda: contend(slow, "naive", few),
            )
    _all_served(double)
    bench.ratio("vote cast, PostgreSQL, two web processes, against (c) with two", double.rate, theirs.rate, 10)
    one, two = (1e6 * statistics.median(spent[name]) for name in ("one", "two"))
    bench.say(
        "processor time of a vote, two web processes against one",
        f"{two / one:.2f} ({two:,.0f} against {one:,.0f} µs; {double.rate:,.0f} against {single.rate:,.0f} votes/s)",
        "≤ 1.15",
        two / one <= 1.15,
    )


def millions(bench: Bench) -> None:
    """What may not grow with the number of ballots."""
    many = 100_000 if bench.quick else 10_000_000
    per_run = FASTEST * bench.seconds
    count = per_run * bench.repeats + 1000
    large = Lap(bench, ground.prepare(bench.sqlite("large"), verifications=count, sealed=many))
    empty = Lap(bench, ground.prepare(bench.sqlite("empty"), verifications=count))
    small = bench.sqlite("small")
    ground.prepare(small, sealed=10_000)
    # Before anybody votes: what differs between the two is the number of ballots in the box, and nothing else.
    (at_large, found, _), (at_small, *_) = (_read_counts(url) for url in (bench.sqlite("large"), small))
    with (
        race.site(bench.sqlite("large"), bench.next_port()) as full,
        race.site(bench.sqlite("empty"), bench.next_port()) as fresh,
    ):
        bench.most(f"ready after start, {many:,} votes", full.ready_seconds, 1.5, "s")
        bench.most("memory of a web process, idle", full.megabytes, 90, "MB")
        for runner, lap in ((full, large), (fresh, empty)):
            race.warm([runner], 5, script=[lap.script(ground.confirmations, 500)])
        ours, theirs = medians(
            bench,
            lambda: race.run([full], 64, bench.seconds, script=[large.script(ground.confirmations, per_run)]),
            lambda: race.run([fresh], 64, bench.seconds, script=[empty.script(ground.confirmations, per_run)]),
        )
    bench.ratio(f"vote cast with {many:,} ballots in, against an empty database", ours.rate, theirs.rate, 0.8)
    bench.most(f"running count, turnout and balance at {many:,}, against 10,000", at_large / at_small, 1.5, "times")
    bench.most("the same, time in the database", 1000 * at_large, 1, "ms")
    busy, _, waiting = _read_counts(bench.sqlite("large"))
    bench.say(f"the same with {waiting:,} envelopes that wait for their lot", f"{1000 * busy:.3g} ms", "reported")
    bench.most(f"proof of inclusion in {many:,}", 1000 * found, 5, "ms")


def _read_counts(url: str) -> tuple[float, float, int]:
    """Seconds of the database for the live figures, and of a whole proof, medians; and how many envelopes wait."""
    database = Database(url)
    counts, proofs = [], []
    spent = began = 0.0

    def before(*_: object) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(*_: object) -> None:
        nonlocal spent
        spent += time.perf_counter() - began

    event.listen(database.engine, "before_cursor_execute", before)
    event.listen(database.engine, "after_cursor_execute", after)
    with database.reading() as session:
        size = ballot_box.size(session, ground.CONTEST)
        rows = ballot_box.read(session, ground.CONTEST, size // 2)
        codes = [next(rows).ballot_code for _ in range(100)]
        for _ in range(200):
            spent = 0.0
            tally.count(session, ground.CONTEST, ground.EDITION, ground.NOW)
            balance = tally.glance(session, ground.CONTEST)
            counts.append(spent)
        for code in codes:
            session.expire_all()
            started = time.perf_counter()
            ballot_box.find(session, ground.CONTEST, code)
            proofs.append(time.perf_counter() - started)
    database.close()
    return statistics.median(counts), statistics.median(proofs), balance.ballots - size


def jury(bench: Bench) -> None:
    """Many who watch one process, and what it costs those who vote there."""
    per_run = FASTEST * bench.seconds
    url = bench.sqlite("jury")
    lap = Lap(bench, ground.prepare(url, verifications=per_run * bench.repeats * 3 + 5000))
    for viewers in (1000, 5000):
        with race.site(url, bench.next_port()) as site:
            race.warm([site], 5, script=[lap.script(ground.confirmations, 300)])
            before = site.megabytes
            with _watching(site, viewers, bench) as spans:
                each = 1024 * (site.megabytes - before) / viewers
                # Some votes a second, so that the figures change at each look.
                some = lap.script(ground.confirmations, 400)
                race.run([site], 1, 6 if bench.quick else 12, script=[some], may_end=True)
                found, span = spans()
        if viewers > 1000:
            bench.say(f"jury, {viewers:,} viewers: from the first to the last", f"{span:.0f} ms, {each:.0f} kB", "told")
            return
        if not found:
            raise SystemExit("no update reached all viewers")
        bench.most(f"jury, {viewers:,} viewers: an update, from the first to the last of them", span, 150, "ms")
        bench.most("jury: memory of each viewer", each, 45, "kB")
        with race.site(bench.sqlite("jury"), bench.next_port()) as site:
            race.warm([site], 5, script=[lap.script(ground.confirmations, 300)])
            quiet, watched = [], []
            for _ in range(bench.repeats):
                script = lap.script(ground.confirmations, per_run)
                quiet.append(race.run([site], 64, bench.seconds, script=[script]).rate)
                with _watching(site, viewers, bench):
                    script = lap.script(ground.confirmations, per_run)
                    watched.append(race.run([site], 64, bench.seconds, script=[script]).rate)
        bench.ratio("votes while 1,000 watch", statistics.median(watched), statistics.median(quiet), 0.9)


@contextmanager
def _watching(site: Runner, viewers: int, bench: Bench) -> Iterator[Callable[[], tuple[int, float]]]:
    seconds = 3 if bench.quick else 10
    command = [*race.LOAD, sys.executable, str(HERE / "viewers.py"), str(site.port), str(viewers), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        stdout = process.stdout
        try:
            if stdout.readline() != "ready\n":
                raise SystemExit("the viewers saw nothing")

            def spans() -> tuple[int, float]:
                found, span = stdout.readline().split()
                return int(found), float(span)

            yield spans
        finally:
            process.terminate()


def post(bench: Bench) -> None:
    """One worker, one mail server on this machine."""
    count, rates = 1500 if bench.quick else 5000, []
    for number in range(bench.repeats):
        url = bench.sqlite(f"post-{number}")
        ground.letters(url, ground.prepare(url, verifications=count))
        port = bench.next_port()
        with subprocess.Popen(
            [*race.LOAD, sys.executable, str(HERE / "sink.py"), str(port)], stdout=subprocess.PIPE, text=True
        ) as sink:
            assert sink.stdout is not None
            sink.stdout.readline()
            environ = race.environ(url, 1, SMTP_URL=f"smtp://127.0.0.1:{port}")
            with subprocess.Popen([*race.SERVER, sys.executable, "-m", "vote", "worker"], env=environ) as worker:
                database = Database(url)
                deadline = time.monotonic() + 120
                while _waiting(database) and time.monotonic() < deadline:
                    time.sleep(0.1)
                worker.terminate()
                worker.wait(30)
            sink.terminate()
            letters, seconds = sink.stdout.readline().split()
            database.close()
        if int(letters) != count:
            raise SystemExit(f"{letters} of {count} letters arrived")
        rates.append(count / float(seconds))
    rate = statistics.median(rates)
    bench.say("letters of one worker to a local mail server", f"{rate:,.0f}/s", "≥ 500/s", rate >= 500)


def _waiting(database: Database) -> int:
    with database.reading() as session:
        return outbox.waiting(session)


def sealing(bench: Bench) -> None:
    ballots = 100_000 if bench.quick else 1_000_000
    url = bench.sqlite("box")
    box.apart(box.fill, url, ballots)
    for name, step, most in (("sealing", box.seal, 60), ("auditing", box.check, 40)):
        seconds, megabytes = box.apart(step, url, ballots)
        bench.most(f"{name} {ballots:,} ballots", seconds, most * ballots / 1_000_000, "s")
        bench.most(f"{name}: memory", megabytes, 300, "MB")


GROUPS = {
    "pages": pages,
    "votes": votes,
    "flushes": flushes,
    "servers": servers,
    "jury": jury,
    "post": post,
    "millions": millions,
    "sealing": sealing,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the same table, in under three minutes")
    parser.add_argument("--only", choices=GROUPS, action="append", help="these groups alone; nothing is written")
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), chosen.quick)
        started = time.monotonic()
        print(_line(Row("figure", "reached", "to reach")), flush=True)
        for name in chosen.only or GROUPS:
            try:
                GROUPS[name](bench)
            except SystemExit as problem:
                bench.say(f"{name}: not measured to the end", str(problem).splitlines()[0], "", False)
    if not chosen.only:
        (HERE / "RESULTS.md").write_text(_report(bench, load, time.monotonic() - started), encoding="utf-8")


def _all_served(heat: Heat) -> None:
    if heat.refused:
        raise SystemExit(f"{heat.refused} of {heat.answers} were refused")


def _line(row: Row) -> str:
    sign = {True: "yes", False: "NO", None: ""}[row.holds]
    return f"{row.figure:<72} {row.reached:<44} {row.bound:<14} {sign}"


def _report(bench: Bench, load: float, seconds: float) -> str:
    names = ("uvicorn", "starlette", "sqlalchemy", "uvloop", "httptools", "psycopg")
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    lines = [
        "# What was measured",
        "",
        f"`make bench{' QUICK=1' if bench.quick else ''}`, {datetime.now(UTC):%d %B %Y}, {seconds / 60:.0f} minutes.",
        "",
        f"- Machine: {os.cpu_count()} × {model[1] if model else platform.machine()}, {platform.system()} "
        f"{platform.release()}; load before the start {load:.2f}"
        + (": the machine was not quiet." if load > 0.5 else "."),
        f"- Python {platform.python_version()}, SQLite {_sqlite_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
        + ".",
        f"- Medians of {bench.repeats} interleaved runs of {bench.seconds} s each. The load generator (wrk) has one "
        "processor and the server the other; with PostgreSQL everybody has both.",
        "- (a) a bare ASGI application that answers the same bytes; (b) a Starlette endpoint that reads the same form "
        "and answers a page without a database; (c) the naive version: same tables, a session for each request, a "
        "commit for each vote. All under the same uvicorn, behind a proxy that names each client.",
        "",
        "| figure | reached | to reach | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.figure} | {row.reached} | {row.bound} | {({True: 'yes', False: '**no**', None: ''})[row.holds]} |"
        for row in bench.rows
    ]
    return "\n".join([*lines, ""])


def _sqlite_version() -> str:
    return sqlite3.sqlite_version


if __name__ == "__main__":
    main()
