"""What a receipt code is told: where its ballot is, and never for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote import ballot_box
from vote.ballot_box import Place
from vote.models import Act, Envelope, Minute, RejectedBallot, Rule, Suspicion


class Whereabouts(StrEnum):
    WAITING = "waiting"
    ASIDE = "aside"
    REJECTED = "rejected"
    SEALED = "sealed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`sealed_from` is the earliest sealing of a waiting ballot; `place` is where a sealed one lies, with its proof;
    `rule` is why one is set aside or was rejected, and `why` the officers' reason for that, from `minute`."""

    whereabouts: Whereabouts
    sealed_from: datetime | None = None
    place: Place | None = None
    rule: Rule | None = None
    why: str = ""
    minute: int = 0


def ask(session: Session, contest: str, ballot_code: bytes, mixing: timedelta) -> Answer:
    envelope = session.get(Envelope, ballot_code)
    if envelope is not None and envelope.contest == contest:
        if envelope.suspicion is not None:
            return Answer(Whereabouts.ASIDE, rule=session.get_one(Suspicion, envelope.suspicion).rule)
        return Answer(Whereabouts.WAITING, sealed_from=envelope.window_at + mixing)
    rejected = session.get(RejectedBallot, ballot_code)
    if rejected is not None and rejected.contest == contest:
        return _rejected(session, contest, rejected)
    place = ballot_box.find(session, contest, ballot_code)
    return Answer(Whereabouts.SEALED, place=place) if place else Answer(Whereabouts.UNKNOWN)


def _rejected(session: Session, contest: str, ballot: RejectedBallot) -> Answer:
    """The reason stands in the minute of the rejection, which names the suspicion."""
    suspicion = session.get_one(Suspicion, ballot.suspicion)
    lines = session.scalars(select(Minute).where(Minute.contest == contest, Minute.act == Act.REJECTION))
    line = next(line for line in lines if line.after and line.after["suspicion"] == suspicion.id.hex())
    return Answer(Whereabouts.REJECTED, rule=suspicion.rule, why=line.why, minute=line.number)
