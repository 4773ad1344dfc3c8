"""Proving a mailbox: a verification and its code, with five tries to type it; or the signed link, with none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from vote.errors import Expired, Invalid, Refusal
from vote.languages import Sentence
from vote.models import TRIES, Delivery, Rule, Verification
from vote.rows import AMONG, look
from vote.tokens import Keys

PURPOSE = "vote"

TRIED = (
    update(Verification.__table__)  # type: ignore[arg-type]
    .where(Verification.id == bindparam("tried"))
    .values(attempts=bindparam("so_often"))
)
LATE = Sentence(
    "Ce code ou ce lien n’est plus valable : demandez une nouvelle lettre, elle arrive en quelques instants."
)
EXHAUSTED = Sentence(
    "Cinq codes faux ont été saisis : demandez une nouvelle lettre, ou ouvrez le lien de celle que vous avez reçue."
)


@dataclass(slots=True)
class Proving:
    """A verification whose row is locked while ballots are judged; `attempts` goes up with each wrong code, and was
    `before` in the row."""

    id: bytes
    voter_key: bytes
    expires_at: datetime
    attempts: int
    delivery: Delivery
    domain: str
    doubt: Rule | None
    before: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.attempts


LOCKED = (
    select(*(getattr(Verification, one.name) for one in fields(Proving) if one.init))
    .where(Verification.id.in_(AMONG))
    .order_by(Verification.id)
    .with_for_update()
)


class WrongCode(Invalid):
    """Another code may be typed, until the verification expires."""

    def __init__(self, sentence: Sentence, verification: Proving) -> None:
        super().__init__(sentence, field="code")
        self.verification = verification


class Exhausted(Expired):
    """No code may be typed any more; the link of the letter still serves."""

    def __init__(self, verification: Proving) -> None:
        super().__init__(EXHAUSTED)
        self.verification = verification


def read_verification(session: Session, contest: str, verification_id: bytes, at: datetime) -> Verification | None:
    """The verification if it can still serve at `at`, else None."""
    verification = session.get(Verification, verification_id)
    if verification is None or verification.contest != contest or verification.expires_at <= at:
        return None
    return verification


def judge(keys: Keys, verification: Proving | None, code: str | None, at: datetime) -> Refusal | None:
    """None where the mailbox is proved: without a `code`, a signed link has done so. A wrong one is counted."""
    if verification is None or verification.expires_at <= at:
        return Expired(LATE)
    if code is None:
        return None
    if verification.attempts >= TRIES:
        return Exhausted(verification)
    if keys.proves(PURPOSE, verification.id, code):
        return None
    verification.attempts += 1
    left = TRIES - verification.attempts
    return WrongCode(_read_again(left), verification) if left else Exhausted(verification)


def locked(session: Session, ids: Iterable[bytes]) -> dict[bytes, Proving]:
    """These by id, their rows locked in one order by every node: tries are counted exactly, nobody waits crosswise."""
    return {row[0]: Proving(*row) for row in look(session, LOCKED, set(ids))}


def note_tries(session: Session, proving: Iterable[Proving]) -> None:
    """Keep how often each was tried, where a code was wrong."""
    rows = [{"tried": one.id, "so_often": one.attempts} for one in proving if one.attempts != one.before]
    if rows:
        session.connection().execute(TRIED, rows)


@cache
def _read_again(left: int) -> Sentence:
    tries = (
        Sentence("il vous reste {left:number} essais", left=left) if left > 1 else Sentence("il vous reste un essai")
    )
    return Sentence("Ce code n’est pas celui de la dernière lettre : relisez-le, {tries}.", tries=tries)
