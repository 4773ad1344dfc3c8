"""The table of what the tools did and found, each finding judged."""

from __future__ import annotations

import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scan.guesses import Guessed
from scan.targets import Target
from scan.tools import Run
from scan.verdicts import judge


@dataclass
class Outcome:
    """What came of everything. `asked_outside` is what the site was talked into fetching."""

    quick: bool
    level: int
    module_seconds: int
    versions: dict[str, str]
    seconds: float = 0.0
    runs: list[Run] = field(default_factory=list)
    guessed: list[Guessed] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    asked_outside: list[str] = field(default_factory=list)
    voters: int = 0
    receipts: int = 0


def objections(outcome: Outcome) -> list[str]:
    """What must not be: nothing of it is explained away."""
    return [
        *outcome.complaints,
        *(f"the site was talked into fetching {path}" for path in outcome.asked_outside),
        *(f"{one.taken} {one.what} were taken for true" for one in outcome.guessed if one.taken),
        *(
            f"{run.tool} {run.target}, {run.prey}: {cut}"
            for run in outcome.runs
            for cut in run.cut
            if "broke off" in cut
        ),
        *(f"not judged: {name}: {what}" for name, what in _unjudged(outcome.runs)),
    ]


def write(outcome: Outcome) -> str:
    parts = [_introduction(outcome), _wapiti(outcome), _sqlmap(outcome), _guesses(outcome.guessed), _end(outcome)]
    return "\n\n".join(parts) + "\n"


def _introduction(outcome: Outcome) -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    requests = sum(run.requests for run in outcome.runs)
    words = "QUICK=1" if outcome.quick else f"LEVEL={outcome.level} SECONDS={outcome.module_seconds}"
    command = f"make scan {words}"
    machine = f"{os.cpu_count()} × {model[1] if model else platform.machine()}"
    return f"""\
# Scans

Written by `{command}`, {datetime.now(UTC):%d %B %Y}, in {outcome.seconds / 60:.0f} minutes on {machine}:
{versions}; {requests:,} requests.

The site is the real one: web process, worker, mail server, as `vote serve` and `vote worker` start them, on a network
where nobody else is. It is scanned without TLS, one web process on SQLite; and behind the haproxy of
`deploy/haproxy.cfg`, with TLS and forwarded headers, two web processes on PostgreSQL. Honest people vote all the while,
one every few seconds. The attacker comes as a stranger, and with the true cookies of a voter, a juror, an officer, an
officer whose sign-in is an hour old ("stale"), somebody at the staff entrance ("entrant"), and letters of two others.

**Nothing is throttled away.** Screening and throttle are on, with limits of a hundred million in the edition, so that
no scan ever meets a 429; haproxy's limit of requests is raised a thousandfold. The edition asks for two officers, so
that acts are written down and none of them ends the vote. Requests say `Sec-Fetch-Site: same-origin`, since every form
is refused at once to other sites."""


def _wapiti(outcome: Outcome) -> str:
    lines = [
        "## wapiti",
        "",
        "Every module but `htp`, `wapp` and `nikto`, which want databases of products from the network, and `takeover`",
        f"and `log4shell`, which want names in the DNS; {outcome.module_seconds} seconds for each module (who needed",
        "more is named as cut short); from every page of the table of routes, in both languages. It is kept from",
        "signing itself out, and from the jury's stream, which does not end.",
        "",
        "| set-up | comes | requests | cut short | found, and what to think of it |",
        "| --- | --- | --- | --- | --- |",
    ]
    for run in outcome.runs:
        if run.tool == "wapiti":
            cut = ", ".join(run.cut) or "–"
            lines.append(f"| {run.prey} | {run.target} | {run.requests:,} | {cut} | {_found(run)} |")
    seen = {name: judge(name, what, run.prey) for run in outcome.runs for name, what in run.findings}
    lines += ["", *(f"- **{name}**: {verdict or '**not judged**'}" for name, verdict in sorted(seen.items()))]
    return "\n".join(lines)


def _found(run: Run) -> str:
    counted: dict[str, int] = defaultdict(int)
    for name, _ in run.findings:
        counted[name] += 1
    return ", ".join(f"{name} ({count})" for name, count in sorted(counted.items())) or "nothing"


def _sqlmap(outcome: Outcome) -> str:
    lines = [
        "## sqlmap",
        "",
        "All techniques, for the database behind: " + ("level 1, risk 1." if outcome.quick else _levels(outcome.level)),
        "The list is read from the table of routes and the code of its handlers, so that a new form is scanned too.",
        "",
    ]
    table: dict[Target, dict[str, Run]] = defaultdict(dict)
    for run in outcome.runs:
        if isinstance(run.target, Target):
            table[run.target][run.prey] = run
    set_ups = list(dict.fromkeys(name for row in table.values() for name in row))
    lines += [
        f"| address | tried | comes as | {' | '.join(f'requests {name}' for name in set_ups)} | found |",
        f"| --- | --- | --- |{' --- |' * (len(set_ups) + 1)}",
    ]
    for target, row in table.items():
        requests = " | ".join(f"{row[name].requests:,}" if name in row else "–" for name in set_ups)
        found = sorted({said for run in row.values() for said in _said(run)}) or ["nothing"]
        tried = ", ".join(target.tried)
        lines.append(f"| {target.method} `{target.path}` | {tried} | {target.who} | {requests} | {'; '.join(found)} |")
    return "\n".join(lines)


def _levels(level: int) -> str:
    return f"risk 3, level {level}; level {level - 1} in the rooms of staff and behind haproxy."


def _said(run: Run) -> Iterator[str]:
    yield from (f"**{name}** {run.prey}" for name, _ in run.findings)
    yield from (f"{cut.splitlines()[-1][:80]} ({run.prey})" for cut in run.cut)


def _guesses(guessed: Iterable[Guessed]) -> str:
    lines = ["## Random tokens", "", "Half of them drawn, half of them true ones with one letter changed.", ""]
    lines += ["| what | tried | taken for true | seconds |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.what} | {one.tried:,} | {one.taken} | {one.seconds:.0f} |" for one in guessed]
    return "\n".join(lines)


def _end(outcome: Outcome) -> str:
    objected = objections(outcome)
    lines = [
        "## Afterwards",
        "",
        f"{outcome.voters} people came meanwhile, {outcome.receipts} receipts were shown. Each of these is in the\n"
        "database with the choice of its voter and found at `/urne`; there is no ballot beside them but one for each\n"
        "letter that the attacker held; signatures, ballots and counts agree; the audit finds nothing; no process has\n"
        f"logged a fault of its own; the site was talked into fetching {len(outcome.asked_outside) or 'nothing'}."
        if not outcome.complaints
        else "**This does not hold:**",
        "",
        *(f"- {sentence}" for sentence in objected[:50]),
        f"Objections: {len(objected)}.",
    ]
    return "\n".join(lines)


def _unjudged(runs: Iterable[Run]) -> set[tuple[str, str]]:
    found = {(name, what, run.prey) for run in runs for name, what in run.findings}
    return {(name, what[:200]) for name, what, prey in found if judge(name, what, prey) is None}
