"""The table of what the cluster survived."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from faults import checks

from cluster.machines import versions
from cluster.mishaps import MISHAPS
from cluster.rounds import Day, Round
from cluster.site import Sealing

COLUMNS = (
    "what happened", "rounds", "gap, median", "gap, longest", "came", "receipts", "told to come back", "no answer",
    "complaints",
)  # fmt: skip
INTRODUCTION = """\
# The cluster, survived

Written by `make cluster`, which starts the production layout from Debian's packages, by the files in `deploy/`, on one
machine: haproxy, two web nodes, two workers, and three servers with PostgreSQL under Patroni and a member of etcd each.
Every server has a network namespace of its own, so that who is cut off hears nobody, is heard by nobody and is told
nothing. A voter comes four times a second over HTTPS, each from an address of their own, and tries again a second
after an answer that says so. In each round something happens; once votes go on, or after two minutes, everything is
mended, and then

- each receipt ever shown is in the database with the choice of its voter, and those of the round are found at `/urne`;
- nobody was shown two; signatures, ballots and counts agree; the audit, earlier checkpoints in hand, finds nothing;
- who did not get the page they wanted got an honest one: 503, `Retry-After`, and a sentence that says whether what they
  sent may have been recorded. Where it said that nothing was, nothing was. Nobody was left without an answer;
- nobody sealed while another did, and the lease changed hands only when it was over: the database itself notes both;
- a letter went out once for each request, and once more only if its acceptance could not be written down;
- no process has logged a fault of its own.

"Gap" is the longest time between two receipts from the event to the mending, in seconds. "Killed" is SIGKILL. Three
things differ from `deploy/`: the watchdog is played by the run, archived log stays on each server, and haproxy takes
fewer connections."""


@dataclass(frozen=True)
class Outcome:
    day: Day
    sealing: Sealing
    seconds: float
    seed: int
    last: Sequence[str]

    @property
    def complaints(self) -> list[str]:
        return [*(complaint for played in self.day.rounds for complaint in played.complaints), *self.last]


def write(outcome: Outcome) -> str:
    day, sealing, complaints = outcome.day, outcome.sealing, outcome.complaints
    rows = [_row(mishap.name, day.rounds) for mishap in MISHAPS]
    letters = sum(len(some) for some in day.cluster.post.letters.values())
    repeated = checks.repeated(day.voters)
    lost = sum("a receipt that was shown is" in complaint for complaint in complaints)
    double = sum("two receipts" in complaint or "do not agree" in complaint for complaint in complaints)
    voters, receipts = day.voters, len(day.ledger.receipts)
    counted = sum(voter.counted and not voter.receipts for voter in voters)
    lines = [
        INTRODUCTION,
        "",
        f"{len(day.rounds)} rounds in {outcome.seconds / 60:.0f} minutes, seed {outcome.seed}, on {_machine()}.",
        "",
        f"{len(voters):,} people came: {receipts:,} have their receipt, {counted:,} were told that their vote is "
        f"already counted, {len(voters) - receipts - counted:,} did not vote. Acknowledged votes lost: {lost}. "
        f"Double votes: {double}. Lots sealed: {sealing.lots}, by {sealing.most_at_once} at once at most; the lease "
        f"changed hands {sealing.hand_overs} times. Of {letters:,} letters accepted, {repeated[2]} went out twice and "
        f"{sum(count for times, count in repeated.items() if times > 2)} oftener. Complaints: {len(complaints)}.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in rows if row[1] != "0"),
    ]
    if complaints:
        lines += ["", *(f"- {count} × {sentence}" for sentence, count in Counter(complaints).most_common(30))]
    return "\n".join(lines) + "\n"


def _row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    some = [played for played in rounds if played.mishap == name]
    gaps = [played.gap for played in some] or [0.0]
    figures = (
        sum(played.came for played in some),
        sum(played.receipts for played in some),
        sum(count for played in some for what, count in played.seen.items() if what >= "500" and what.isdigit()),
        sum(played.seen["no answer"] for played in some),
        sum(len(played.complaints) for played in some),
    )
    return (name, str(len(some)), f"{median(gaps):.1f}", f"{max(gaps):.1f}", *(f"{figure:,}" for figure in figures))


def _machine() -> str:
    return f"{os.cpu_count()} processors ({', '.join(versions())}), {time.strftime('%-d %B %Y')}"
