"""The table of what was survived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faults import checks
from faults.mishaps import MISHAPS
from faults.rounds import Day, Round

TITLES = {"sqlite": "SQLite, one web process, one worker", "postgresql": "PostgreSQL, two web processes, one worker"}
COLUMNS = ("what broke", "rounds", "came", "receipts", "answers", "told to come back", "no answer", "complaints")


INTRODUCTION = """\
# Faults, survived

Written by `make faults`, which plays days of voting over HTTP on real processes with a real mail server, and breaks
something in each round, at a moment and for a while that the seed chooses. After each round, with everything mended,

- each receipt ever shown is in the database with the choice of its voter, and those of the round are found at `/urne`;
- nobody was shown two; signatures, ballots and counts agree; the audit, earlier checkpoints in hand, finds nothing;
- a letter went out once for each request, and at most once more for each time that its acceptance could not be noted
  down (a death of worker or mail server, a disk or database away, a jump of the clock past the five minutes in hand);
- who got no receipt got an honest page (503, `Retry-After`), or no answer from a process that was down; nobody a 500;
- no process has logged a fault of its own.

At the end everybody who came has voted, and the count is that of their choices. "Answers" are all but those that tell
people to come back; who gets no answer tries again ten times a second. "Killed" is SIGKILL; a full disk lets no file
grow, a broken one fails every write and flush, each for 0.2 to 0.8 seconds. A kill leaves what the system holds of
files: nothing here shows a power cut, which is the business of `synchronous=FULL`, of `fsync` and of the disk."""


@dataclass(frozen=True)
class Outcome:
    """What came of one day. `repeated`: how many letters were accepted twice, three times…"""

    kind: str
    seed: int
    seconds: float
    rounds: Sequence[Round]
    came: int
    receipts: int
    counted: int
    deaths: int
    letters: int
    repeated: Counter[int]
    complaints: Sequence[str]

    @classmethod
    def of(cls, day: Day, last: Sequence[str], seconds: float) -> Outcome:
        return cls(
            day.kind,
            day.seed,
            seconds,
            list(day.rounds),
            len(day.voters),
            len(day.ledger.receipts),
            sum(voter.counted and not voter.receipts for voter in day.voters),
            sum(node.deaths for node in day.site.nodes),
            sum(len(letters) for letters in day.site.post.letters.values()),
            checks.repeated(day.voters),
            [*(complaint for played in day.rounds for complaint in played.complaints), *last],
        )


def write(outcomes: Sequence[Outcome]) -> str:
    parts = [
        INTRODUCTION,
        *(_section(outcome) for outcome in outcomes),
    ]
    return "\n\n".join(parts) + "\n"


def _section(outcome: Outcome) -> str:
    rows = [_row(mishap.name, outcome.rounds) for mishap in MISHAPS]
    rows += [_row("nothing", outcome.rounds)]
    rows = [row for row in rows if row[1] != "0"]
    twice = outcome.repeated[2]
    oftener = sum(count for times, count in outcome.repeated.items() if times > 2)
    lines = [
        f"## {TITLES[outcome.kind]}",
        "",
        f"{len(outcome.rounds)} rounds in {outcome.seconds:.0f} seconds, seed {outcome.seed}. "
        f"{outcome.came:,} people came: {outcome.receipts:,} have their receipt, {outcome.counted:,} were told that "
        f"their vote is already counted, {outcome.came - outcome.receipts - outcome.counted:,} did not vote. "
        f"Processes of the site died {outcome.deaths} times. "
        f"Of {outcome.letters:,} letters accepted, {twice} went out twice and {oftener} oftener. "
        f"Complaints: {len(outcome.complaints)}.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    if outcome.complaints:
        lines += ["", *(f"- {count} × {sentence}" for sentence, count in Counter(outcome.complaints).most_common(30))]
    return "\n".join(lines)


def _row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    some = [played for played in rounds if played.mishap == name]
    seen = sum((played.seen for played in some), Counter[str]())
    answers = sum(count for what, count in seen.items() if what not in {"no answer", "503"})
    figures = (
        len(some),
        sum(played.came for played in some),
        sum(played.receipts for played in some),
        answers,
        seen["503"],
        seen["no answer"],
        sum(len(played.complaints) for played in some),
    )
    return (name, *(f"{figure:,}" for figure in figures))
