"""Witnesses: jurors who ask for it are mailed the checkpoints, so that the box cannot change behind their back."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update

from vote import outbox
from vote.db import Database
from vote.models import Contest, LetterKind, SignedCheckpoint, Staff, State
from vote.sealing import STRAGGLERS, Sealer, lease

EVERY = timedelta(hours=1)


def ask(database: Database, address: str, wanted: bool) -> None:
    """Whether this member is mailed checkpoints from now on."""
    with database.writing() as session:
        session.execute(update(Staff).where(Staff.address == address).values(witness=wanted))


def write_to(database: Database, sealer: Sealer, at: datetime) -> int:
    """Post the latest checkpoint to each witness, once an hour at most and once after the end. Answers how many."""
    with database.writing() as session:
        contest = session.get_one(Contest, sealer.contest)
        latest = session.scalar(
            select(SignedCheckpoint.number)
            .where(SignedCheckpoint.contest == sealer.contest)
            .order_by(SignedCheckpoint.number.desc())
            .limit(1)
        )
        # The end is told once everything is sealed.
        ended = contest.state(at) in {State.CLOSED, State.PUBLISHED}
        over = ended and at >= contest.ended_at + STRAGGLERS
        # A lease that is never renewed early is also what says that an hour has passed, or that the end was told.
        name, lasts = (f"witnesses {contest.state(at)}", timedelta(days=3650)) if over else ("witnesses", EVERY)
        if latest is None or not lease(session, name, secrets.token_bytes(16), at, lasts):
            return 0
        witnesses = session.scalars(select(Staff).where(Staff.witness.is_(True))).all()
        return outbox.post_to_staff(session, LetterKind.CHECKPOINT, witnesses, at)
