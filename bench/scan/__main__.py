"""Sets attackers' tools on the real site, and writes what they found: `make scan`; QUICK=1 takes a minute."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from scan import guesses, house, report, targets, tools
from scan.house import Prey
from scan.report import Outcome
from scan.targets import Target
from scan.tools import Effort, Listener, Run

REPORT = Path(__file__).parents[1] / "SCANS.md"
NEEDED = {"sqlmap": "sqlmap", "haproxy": "haproxy", "ip": "iproute2", "openssl": "openssl", "unshare": "util-linux"}
# On a network of its own, where nobody but this machine is: tools that would call home cannot.
ALONE = ["--net", "sh", "-c", 'ip link set lo up && exec "$@"', "scan"]
GLANCE = Effort(1, 1, 20, 12, "cookieflags,csp,http_headers,crlf,redirect,methods,exec,xss")
PEOPLE = ("stranger", "voter", "juror", "officer")
BEHIND = ("stranger", "officer")  # the proxy: the same site once more
SetUp = Callable[[Path], AbstractContextManager[Prey]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scan", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in a minute, without TLS alone; nothing is written")
    parser.add_argument("--level", type=int, default=3, help="of sqlmap without TLS, up to 5 (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="for each module of wapiti (%(default)s)")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not asked.alone:
        sys.exit(_alone())
    outcome = _scan(Outcome(asked.quick, asked.level, asked.seconds, tools.versions()))
    text = report.write(outcome)
    print(f"\n{text}")
    if not asked.quick:
        REPORT.write_text(text, encoding="utf-8")
    sys.exit(bool(report.objections(outcome)))


def _alone() -> int:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if lacking := sorted(package for program, package in NEEDED.items() if shutil.which(program, path=path) is None):
        print(f"`make scan` needs {', '.join(lacking)}: apt-get install --no-install-recommends {' '.join(lacking)}")
        return 1
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *as_root, *ALONE, sys.executable, "-m", "scan", "--alone", *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode


def _scan(outcome: Outcome) -> Outcome:
    began, quick = time.monotonic(), outcome.quick
    with tempfile.TemporaryDirectory() as name, tools.listening() as listener:
        folder = Path(name)
        outcome.guessed = guesses.guess(folder, guesses.MILLIONS // 20 if quick else guesses.MILLIONS)
        set_ups: list[SetUp] = [house.direct] if quick else [house.direct, house.proxied]
        with ThreadPoolExecutor(len(set_ups)) as hands:
            jobs = [
                hands.submit(_attack, outcome, set_up, folder / str(number), listener)
                for number, set_up in enumerate(set_ups)
            ]
            for job in jobs:
                job.result()
        outcome.asked_outside = list(listener.asked)
    outcome.seconds = time.monotonic() - began
    return outcome


def _attack(outcome: Outcome, set_up: SetUp, folder: Path, listener: Listener) -> None:
    """Both tools at once on one site, as people vote there."""
    with set_up(folder) as prey, ThreadPoolExecutor(2) as hands:
        jobs = [hands.submit(tool, outcome, prey, folder, listener) for tool in (_wapiti, _sqlmap)]
        for job in jobs:
            job.result()
        outcome.complaints += [f"{prey.name}: {complaint}" for complaint in prey.move_out()]
        outcome.voters += len(prey.voters)
        outcome.receipts += len(prey.ledger.receipts)


def _wapiti(outcome: Outcome, prey: Prey, folder: Path, listener: Listener) -> None:
    effort = GLANCE if outcome.quick else Effort(module_seconds=outcome.module_seconds)
    for who in PEOPLE[:1] if outcome.quick else PEOPLE if prey.plain else BEHIND:
        outcome.runs.append(_told(tools.wapiti(prey, who, effort, listener, folder)))


def _sqlmap(outcome: Outcome, prey: Prey, folder: Path, _: Listener) -> None:
    for target in _in_order():
        # In the rooms of staff less: there each try leaves a line in the minutes.
        level = outcome.level if prey.plain and _public(target) else outcome.level - 1
        effort = GLANCE if outcome.quick else Effort(level=level)
        outcome.runs.append(_told(tools.sqlmap(prey, target, effort, folder)))


def _in_order() -> Iterator[Target]:
    """Staff last: an act, like an opening of the jury's page, is a line in the minutes for the bureau to show."""
    yield from sorted(
        targets.every(), key=lambda target: (not _public(target), target.method == "POST", target.who == "juror")
    )


def _public(target: Target) -> bool:
    return targets.visitor(target.path) not in dict(targets.STAFF)


def _told(run: Run) -> Run:
    found = "; ".join(f"{name}: {what[:120]}" for name, what in run.findings[:5]) or "nothing"
    cut = f" (cut short: {', '.join(run.cut)})" if run.cut else ""
    print(
        f"{run.tool}, {run.prey}, {run.target}: {run.requests} requests, {run.seconds:.0f} s: {found}{cut}", flush=True
    )
    return run


if __name__ == "__main__":
    main()
