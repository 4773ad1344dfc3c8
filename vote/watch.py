"""What the house tells those who keep it running: whether it can take votes, and how it does; never who leads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vote import audit, ballot_box, outbox, schema, tally
from vote.clock import Clock, RunningClock
from vote.db import Database
from vote.errors import Misuse, Unavailable
from vote.line import Line
from vote.models import Envelope, OutgoingLetter

CLOCKS_APART = 1.0  # seconds: a node further from the database would close the contest at another moment than others

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")
Serve = Callable[[Sequence[Entry]], Sequence[Outcome]]


def hindrances(database: Database) -> list[str]:
    """What keeps this process from taking votes: of "database", "migrations" and "clock". None: it is ready."""
    try:
        schema.require_current(database)
        with database.reading() as session:
            return ["clock"] if abs(clock_ahead(session)) > CLOCKS_APART else []
    except Misuse:
        return ["migrations"]
    except Unavailable:
        return ["database"]


def clock_ahead(session: Session) -> float:
    """By how many seconds at least this machine's clock is ahead of the database's; 0 where they are one clock."""
    if session.get_bind().dialect.name == "sqlite":
        return 0.0
    before = RunningClock().now()
    there: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    after = RunningClock().now()
    return max((before - there).total_seconds(), 0.0) or min((after - there).total_seconds(), 0.0)


class Meters:
    """The figures of one process, and those of the database, which are the same whichever process is asked.

    Each process is asked for its own: nothing is added up here, so that nothing is counted twice.
    """

    def __init__(self, database: Database, contest: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._lines: dict[str, Line[Any, Any]] = {}
        self._seconds = Histogram(
            "vote_commit_seconds", "How long a commit took, by the line it served", ["line"], registry=self.registry
        )
        self._entries = Histogram(
            "vote_commit_entries", "How many people one commit served", ["line"],
            buckets=[4**power for power in range(5)], registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)
        self.registry.register(_Figures(database, contest, clock, self._lines))

    def line(self, name: str, serve: Serve[Entry, Outcome]) -> Line[Entry, Outcome]:
        """A line to a table where every commit is measured."""
        seconds, entries = self._seconds.labels(name), self._entries.labels(name)

        def measured(party: Sequence[Entry]) -> Sequence[Outcome]:
            started = time.perf_counter()
            outcomes = serve(party)
            seconds.observe(time.perf_counter() - started)
            entries.observe(len(party))
            return outcomes

        line = Line(measured)
        self._lines[name] = line
        return line

    def text(self) -> bytes:
        """All of them in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self.registry)


class _Figures(Collector):
    def __init__(self, database: Database, contest: str, clock: Clock, lines: dict[str, Line[Any, Any]]) -> None:
        self._database, self._contest, self._clock, self._lines = database, contest, clock, lines

    def describe(self) -> list[Metric]:
        return []  # else the database would be read at the registration

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("vote_line_waiting", "People who wait for a commit", labels=["line"])
        for name, line in self._lines.items():
            waiting.add_metric([name], line.waiting)
        yield waiting
        found = hindrances(self._database)
        ready = GaugeMetricFamily("vote_ready", "Whether nothing of this kind keeps votes out", labels=["check"])
        for check in ("database", "migrations", "clock"):
            ready.add_metric([check], check not in found)
        yield ready
        try:
            with self._database.reading() as session:
                figures = list(self._of_database(session))
        except Unavailable:
            return
        for name, meaning, value in figures:
            yield GaugeMetricFamily(name, meaning, value=value)

    def _of_database(self, session: Session) -> Iterator[tuple[str, str, float]]:
        contest, now = self._contest, self._clock.now()
        sent, refused = outbox.recent(session)
        due = session.scalar(select(func.min(OutgoingLetter.due_at)))
        yield "vote_signatures", "Signatures in the poll book", tally.turnout(session, contest)
        here = select(func.count(), func.count(Envelope.suspicion), func.count(Envelope.suspicion.distinct()))
        envelopes, held, suspicions = session.execute(here.where(Envelope.contest == contest)).one()
        yield "vote_envelopes", "Ballots that are not sealed", envelopes
        yield "vote_held", "Ballots set aside as suspect", held
        yield "vote_suspicions", "Suspicions that wait for a decision", suspicions
        yield "vote_letters_waiting", "Letters in the outbox", outbox.waiting(session)
        yield "vote_letters_late_seconds", "How long the first letter due has waited", _age(due, now)
        yield "vote_letters_sent", "Recent letters that a provider took", sent
        yield "vote_letters_refused", "Recent letters that a provider refused", refused
        yield "vote_clock_ahead_seconds", "This machine's clock before the database's", clock_ahead(session)
        if (signed := ballot_box.last_checkpoint(session, contest)) is not None:
            yield "vote_seal_age_seconds", "Since the last checkpoint", _age(signed.at, now)
            yield "vote_sealed", "Ballots in the box", signed.size
        if (inspection := audit.last_inspection(session, contest)) is not None:
            yield "vote_inspection_age_seconds", "Since the last inspection", _age(inspection.at, now)
            yield "vote_integrity_complaints", "Checks that disagreed in it", len(inspection.complaints)


def _age(then: datetime | None, now: datetime) -> float:
    return max((now - then).total_seconds(), 0.0) if then is not None else 0.0
