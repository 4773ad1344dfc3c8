"""The minutes: every act, chained, so that a line changed or dropped afterwards is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    minute.hash = digest(document(minute), latest.hash if latest else b"")
    session.add(minute)
    session.flush()
    return minute


def read(session: Session, contest: str) -> Sequence[Minute]:
    """All lines, oldest first."""
    return session.scalars(select(Minute).where(Minute.contest == contest).order_by(Minute.number)).all()


def digest(line: Mapping[str, Any], previous: bytes) -> bytes:
    """SHA-256 of the previous line's hash, then of this line but for its own, as JSON with sorted keys, no spaces."""
    content = {key: value for key, value in line.items() if key != "hash"}
    return sha256(previous + json.dumps(content, **CANONICAL).encode()).digest()


def document(minute: Minute) -> dict[str, Any]:
    """The line as published. Its hash is empty as long as it is being written."""
    return {
        "contest": minute.contest,
        "number": minute.number,
        "at": minute.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "act": str(minute.act),
        "who": minute.who,
        "why": minute.why,
        "before": minute.before,
        "after": minute.after,
        "hash": minute.hash.hex() if minute.hash else "",
    }


def broken_at(lines: Sequence[Mapping[str, Any]]) -> int | None:
    """The number of the first line that does not follow from the one before; None if the chain holds."""
    previous = b""
    for expected, line in enumerate(lines, start=1):
        if line["number"] != expected or line["hash"] != digest(line, previous).hex():
            return expected
        previous = bytes.fromhex(line["hash"])
    return None


CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
