"""What a receipt code is told: where its ballot is, and never for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from vote import ballot_box
from vote.ballot_box import Place
from vote.models import Envelope


class Whereabouts(StrEnum):
    WAITING = "waiting"
    HELD = "held"
    SEALED = "sealed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`sealed_from` is the earliest sealing of a waiting ballot; `place` is where a sealed one lies, with its proof."""

    whereabouts: Whereabouts
    sealed_from: datetime | None = None
    place: Place | None = None


def ask(session: Session, contest: str, ballot_code: bytes, mixing: timedelta) -> Answer:
    envelope = session.get(Envelope, ballot_code)
    if envelope is not None and envelope.contest == contest:
        if envelope.held:
            return Answer(Whereabouts.HELD)
        return Answer(Whereabouts.WAITING, sealed_from=envelope.window_at + mixing)
    place = ballot_box.find(session, contest, ballot_code)
    return Answer(Whereabouts.SEALED, place=place) if place else Answer(Whereabouts.UNKNOWN)
