"""Decisions on ballots set aside: officers admit or reject them by how they arrived, and see no choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from vote import contests, minutes, outbox, signals, tally
from vote.db import Database
from vote.errors import Conflict, Unknown
from vote.languages import Sentence
from vote.models import Act, Contest, Envelope, LetterKind, RejectedBallot, Role, Staff, State, Suspicion
from vote.rows import insert
from vote.signals import BURST

GONE = Sentence("Ces bulletins ne sont plus en attente d’une décision.")
OVER = Sentence("Les résultats sont proclamés : plus rien ne se décide sur les bulletins.")


@dataclass(frozen=True, slots=True)
class Group:
    """The ballots of one suspicion, as officers see them: how many wait for a decision, and when their marks voted."""

    suspicion: Suspicion
    waiting: int
    history: Sequence[tuple[datetime, int]]


def groups(session: Session, contest: str) -> list[Group]:
    """Suspicions with ballots that wait for a decision, the oldest first."""
    counts = select(Envelope.suspicion, func.count()).where(Envelope.contest == contest, Envelope.aside())
    waiting = {row[0]: row[1] for row in session.execute(counts.group_by(Envelope.suspicion))}
    rows = select(Suspicion).where(Suspicion.id.in_(waiting)).order_by(Suspicion.at, Suspicion.id)
    return [
        Group(one, waiting[one.id], signals.history(session, one.network or one.domain or one.host or b"", BURST))
        for one in session.scalars(rows)
    ]


def alert(database: Database, contest: str, at: datetime) -> int:
    """Post a letter to each officer when suspicions have opened since the last one. Answers how many letters."""
    with database.writing() as session:
        new = update(Suspicion).where(Suspicion.contest == contest, Suspicion.told_at.is_(None))
        if not session.execute(new.values(told_at=at).returning(Suspicion.id)).all():
            return 0
        officers = session.scalars(select(Staff).where(Staff.role == Role.OFFICER)).all()
        return outbox.post_to_staff(session, LetterKind.ALERT, officers, at)


def decide(
    database: Database, contest: str, suspicion_id: bytes, verdict: Act, *, who: str, why: str, at: datetime
) -> None:
    """Admit or reject all ballots of a suspicion that wait, blind, with a minute that counts and binds them.

    Admitted ones join the next lot and the running count, and the same marks are suspected no more. Rejected ones are
    destroyed unopened: codes and reason stay. Refused where none waits (any more), and after the publication.
    """
    reason = contests.check_reason(why)
    with database.writing() as session:
        held = contests.alone(session, contest)
        if held.state(at) is State.PUBLISHED:
            raise Conflict(OVER)
        suspicion = session.get(Suspicion, suspicion_id)
        if suspicion is None or suspicion.contest != contest:
            raise Unknown(GONE)
        mine = Envelope.suspicion == suspicion_id
        codes = session.scalars(select(Envelope.ballot_code).where(mine).order_by(Envelope.ballot_code)).all()
        if not codes:
            raise Conflict(GONE)
        (_admit if verdict is Act.ADMISSION else _reject)(session, held, suspicion, codes, at)
        suspicion.decided_at = at
        minutes.record(session, contest, verdict, who=who, why=reason, at=at, after=_bound(suspicion, codes))


def _bound(suspicion: Suspicion, codes: Sequence[bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {"suspicion": suspicion.id.hex(), "rule": str(suspicion.rule)}
    facts |= {"count": len(codes), "codes": tally.digest(codes)}
    return {**facts, "host" if suspicion.host else "domain": suspicion.name} if suspicion.name else facts


def _admit(session: Session, contest: Contest, suspicion: Suspicion, codes: Sequence[bytes], at: datetime) -> None:
    mine = Envelope.suspicion == suspicion.id
    rows = session.execute(select(Envelope.laureate, func.count()).where(mine).group_by(Envelope.laureate)).all()
    tally.count_in(session, contest.slug, 0, dict(rows))
    # Without marks nothing sets them aside a second time.
    session.execute(update(Envelope).where(mine).values(suspicion=None, network=None, domain=None, gap=None))
    suspicion.facts = {**suspicion.facts, "admitted": len(codes)}
    suspicion.verdict = Act.ADMISSION


def _reject(session: Session, contest: Contest, suspicion: Suspicion, codes: Sequence[bytes], at: datetime) -> None:
    rows = [{"ballot_code": code, "contest": contest.slug, "suspicion": suspicion.id} for code in codes]
    session.execute(insert(session, RejectedBallot), rows)
    session.execute(delete(Envelope).where(Envelope.suspicion == suspicion.id))
    suspicion.verdict = Act.REJECTION
