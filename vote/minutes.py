"""The minutes: every act, chained, so that a line changed or dropped afterwards is seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote.db import take_turn
from vote.models import Act, Minute

LOCK = 0x5052_4F43_4553  # "PROCES": one writer of minutes at a time


def record(
    session: Session,
    contest: str,
    act: Act,
    *,
    who: str,
    why: str,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Minute:
    """Add the next line, in the caller's transaction. `who` is a name fit for the public, never an address."""
    take_turn(session, LOCK)
    latest = session.scalars(
        select(Minute).where(Minute.contest == contest).order_by(Minute.number.desc()).limit(1)
    ).first()
    minute = Minute(
        contest=contest,
        number=latest.number + 1 if latest else 1,
        at=at,
        act=act,
        who=who,
        why=why,
        before=before,
        after=after,
    )
    minute.hash = digest(minute, latest.hash if latest else b"")
    session.add(minute)
    session.flush()
    return minute


def read(session: Session, contest: str) -> Sequence[Minute]:
    """All lines, oldest first."""
    return session.scalars(select(Minute).where(Minute.contest == contest).order_by(Minute.number)).all()


def digest(minute: Minute, previous: bytes) -> bytes:
    """SHA-256 of the previous line's hash, then of this line as JSON with sorted keys and no spaces."""
    return sha256(previous + json.dumps(document(minute), **CANONICAL).encode()).digest()


def document(minute: Minute) -> dict[str, Any]:
    """The line as published, without its hash."""
    return {
        "contest": minute.contest,
        "number": minute.number,
        "at": minute.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "act": str(minute.act),
        "who": minute.who,
        "why": minute.why,
        "before": minute.before,
        "after": minute.after,
    }


def broken_at(lines: Sequence[Minute]) -> int | None:
    """The number of the first line that does not follow from the one before; None if the chain holds."""
    previous = b""
    for expected, minute in enumerate(lines, start=1):
        if minute.number != expected or minute.hash != digest(minute, previous):
            return expected
        previous = minute.hash
    return None


CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
