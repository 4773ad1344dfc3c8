"""The signals: how often a mark was seen in a window, in one small table that all nodes share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import delete, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from vote.models import Signal
from vote.rows import Row, dialect, insert_all, insert_in

BURST, SUSTAINED = 10, 1440
"""The spans that are counted: ten minutes and a day, in minutes."""

STEPS = (10, 20, 40, 80, 160, 320, 640)
"""Seconds from a letter's departure to its confirmation; each step doubles the one before it."""

GAPS = tuple(f"gap{number}" for number in range(len(STEPS) + 1))
KEY = ("mark", "span", "window_at")
VOTED = ("private", "domains", *GAPS, "hosted")
KEPT = {BURST: timedelta(days=2), SUSTAINED: timedelta(days=40)}


@dataclass(slots=True)
class Seen:
    """What is, or was, counted of one mark's votes. `gaps` are votes by the step that their confirmation took."""

    private: int = 0
    hosted: int = 0
    domains: int = 0
    gaps: list[int] = field(default_factory=lambda: [0] * len(GAPS))
    votes: int = 0

    def add_vote(self, gap: int, *, private: bool = False, hosted: bool = False, new_domain: bool = False) -> None:
        self.private += private
        self.hosted += hosted
        self.domains += new_domain
        self.gaps[gap] += 1
        self.votes += 1


def step(seconds: float) -> int:
    """The step that a confirmation took: 0 below ten seconds, 7 from 640 on."""
    return bisect_right(STEPS, seconds)


def count(session: Session, more: Mapping[bytes, Seen], at: datetime) -> dict[tuple[bytes, int], Seen]:
    """Add votes to the counts of marks, in both spans, and answer what they have come to; one statement."""
    rows = _rows({mark: (one.private, one.domains, *one.gaps, one.hosted) for mark, one in more.items()}, at)
    found = insert_all(session, _count(dialect(session)), (*KEY, *VOTED), rows)
    return {(mark, span): _seen(numbers) for mark, span, *numbers in found}


def ask(session: Session, more: Mapping[bytes, int], at: datetime) -> dict[tuple[bytes, int], int]:
    """Add letters asked for to the counts of marks, in both spans, and answer what they have come to; one statement."""
    rows = _rows({mark: (number,) for mark, number in more.items()}, at)
    found = insert_all(session, _ask(dialect(session)), (*KEY, "asked"), rows)
    return {(mark, span): asked for mark, span, asked in found}


def _rows(more: Mapping[bytes, tuple[int, ...]], at: datetime) -> list[Row]:
    begun = [(span, window(at, span)) for span in (BURST, SUSTAINED)]
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    return [(mark, span, window_at, *more[mark]) for mark in sorted(more) for span, window_at in begun]


@cache
def _count(dialect_name: str) -> ReturningInsert[Any]:
    statement = insert_in(dialect_name, Signal).values(asked=literal_column("0"))
    return _adding(statement, VOTED).returning(Signal.mark, Signal.span, *_COLUMNS)


@cache
def _ask(dialect_name: str) -> ReturningInsert[bytes, int, int]:
    statement = insert_in(dialect_name, Signal).values(dict.fromkeys(VOTED, literal_column("0")))
    return _adding(statement, ("asked",)).returning(Signal.mark, Signal.span, Signal.asked)


def _adding(statement: sqlite.Insert | postgresql.Insert, names: Iterable[str]) -> sqlite.Insert | postgresql.Insert:
    return statement.on_conflict_do_update(
        index_elements=KEY,
        set_={name: getattr(Signal, name) + statement.excluded[name] for name in names},
    )


def history(session: Session, mark: bytes, span: int) -> list[tuple[datetime, int]]:
    """Votes of a mark by window, oldest first."""
    rows = select(Signal.window_at, *_COLUMNS).where(Signal.mark == mark, Signal.span == span)
    return [(row[0], _seen(row[1:]).votes) for row in session.execute(rows.order_by(Signal.window_at))]


def hosted_before(session: Session, marks: Collection[bytes], at: datetime) -> dict[bytes, int]:
    """How many votes whose mail host was known these marks have in the days before this one; one statement."""
    earlier = (Signal.span == SUSTAINED, Signal.window_at < window(at, SUSTAINED))
    rows = select(Signal.mark, func.sum(Signal.hosted)).where(Signal.mark.in_(marks), *earlier).group_by(Signal.mark)
    return {row[0]: row[1] for row in session.execute(rows)}


def tidy(session: Session, at: datetime) -> None:
    """Forget windows that nothing will be compared with any more."""
    for span, kept in KEPT.items():
        session.execute(delete(Signal).where(Signal.span == span, Signal.window_at < at - kept))


def window(at: datetime, span: int) -> datetime:
    """The start of the window of `span` minutes in which `at` lies."""
    seconds = span * 60
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _seen(numbers: Iterable[int]) -> Seen:
    private, domains, *gaps, hosted = numbers
    return Seen(private, hosted, domains, gaps, sum(gaps))


_COLUMNS = tuple(getattr(Signal, name) for name in VOTED)
