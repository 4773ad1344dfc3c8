"""The way to a vote: somebody asks for a letter, and the owner of an address may say "that was not me"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from vote import contests, envelope, marks, outbox, poll_book, throttle
from vote.casting import Booth, not_open
from vote.db import Database
from vote.errors import Expired, Refusal
from vote.models import (
    TRIES,
    VERIFICATION_LASTS,
    Contest,
    Delivery,
    Disowned,
    LetterKind,
    OutgoingLetter,
    Rule,
    Verification,
)
from vote.outbox import NewLetter
from vote.proofs import Toll
from vote.proving import LATE
from vote.rows import AMONG, Row, insert, insert_all, look
from vote.throttle import Asked

NEW = "id", "contest", "voter_key", "expires_at", "attempts", "delivery", "domain", "doubt"
DISOWNED_AMONG = select(Disowned.voter_key).where(Disowned.contest == bindparam("of"), Disowned.voter_key.in_(AMONG))


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a letter. `earlier` is the verification that the same browser already holds, if any.

    `domain` is the mail domain, `networks` the marks of where it comes from, narrowest first; `proof` a challenge that
    was solved. `doubt` is what gives away a robot, or that no proof of work could be made.
    """

    address: str
    voter_key: bytes
    earlier: bytes | None = None
    language: str = "fr"
    domain: str = ""
    networks: tuple[bytes, ...] = ()
    proof: str | None = None
    doubt: Rule | None = None


def request(booth: Booth, requests: Sequence[Request], at: datetime) -> list[bytes | Refusal | Toll]:
    """Give each request a verification and its letter, in one transaction. Answers verification ids, in order.

    The same browser asking again for the same person gets its own verification back, so that letters which cross each
    other hold the same code. Nobody else's verification is read or touched, and nothing here depends on whether the
    person has voted. Whom the throttle stops gets neither; no letter goes to an address that its owner has disowned.
    """
    with booth.database.writing(brief=True) as session:
        contest = contests.glance(session, booth.contest)
        if not contest.is_open(at):
            return [not_open(contest, at) for _ in requests]
        stopped = _throttled(booth, session, contest, requests, at)
        held = _held(session, (asked.earlier for asked in requests), at)
        quiet = _disowned_among(session, booth.contest, (asked.voter_key for asked in requests))
        answers: list[bytes | Refusal | Toll] = []
        fresh: list[Row] = []
        waits = at + VERIFICATION_LASTS, 0, Delivery.WAITING
        letters: list[NewLetter] = []
        again: list[Verification] = []
        for asked, answer in zip(requests, stopped, strict=True):
            if answer is not None:
                answers.append(answer)
                continue
            verification = held.get(asked.earlier or b"")
            if verification is not None and verification.voter_key == asked.voter_key:
                subject = verification.id
                again.append(verification)
            else:
                subject = envelope.new_verification_id(at)
                fresh.append((subject, booth.contest, asked.voter_key, *waits, asked.domain, asked.doubt))
            answers.append(subject)
            if asked.voter_key not in quiet:
                letters.append(NewLetter(subject, LetterKind.VOTE, asked.address, asked.language))
        insert_all(session, insert(session, Verification), NEW, fresh)
        outbox.post(session, letters, at)
        # After their letters: whoever holds both a letter and its verification took them in this order.
        for verification in again:
            verification.delivery = Delivery.WAITING
        return answers


def disown(database: Database, contest: str, verification_id: bytes, at: datetime) -> bool:
    """The owner of the address says "that was not me": no letter goes there any more, and this one serves no more.

    A vote already cast stands; answers whether there is one.
    """
    with database.writing() as session:
        verification = _own(session, contest, verification_id)
        rows = [{"contest": contest, "voter_key": verification.voter_key}]
        session.execute(insert(session, Disowned).on_conflict_do_nothing(), rows)
        session.execute(delete(OutgoingLetter).where(OutgoingLetter.id == verification_id))
        verification.expires_at = min(verification.expires_at, at)
        return poll_book.has_signed(session, contest, verification.voter_key)


def allow_letters(database: Database, contest: str, verification_id: bytes) -> None:
    """The owner of the address takes "that was not me" back: letters go there again when somebody asks."""
    with database.writing() as session:
        verification = _own(session, contest, verification_id)
        mine = (Disowned.contest == contest, Disowned.voter_key == verification.voter_key)
        session.execute(delete(Disowned).where(*mine))


def _own(session: Session, contest: str, verification_id: bytes) -> Verification:
    verification = session.get(Verification, verification_id, with_for_update=True)
    if verification is None or verification.contest != contest:
        raise Expired(LATE)
    return verification


def _throttled(
    booth: Booth, session: Session, contest: Contest, requests: Sequence[Request], at: datetime
) -> Sequence[Refusal | Toll | None]:
    if not booth.screening:
        return [None] * len(requests)
    keys = booth.keys
    whole = marks.contest(keys, booth.contest)
    asked = [
        Asked(
            address=marks.address(keys, one.voter_key),
            networks=one.networks,
            domain=found.mark if (found := marks.domain(keys, one.domain)).private else None,
            contest=whole,
            proof=marks.once(keys, one.proof) if one.proof else None,
            unproved=one.doubt is Rule.UNPROVED,
        )
        for one in requests
    ]
    return throttle.judge(session, contests.edition_of(contest.edition).figures, asked, at)


def _held(session: Session, ids: Iterable[bytes | None], at: datetime) -> dict[bytes, Verification]:
    """Those of these verifications that can still serve."""
    wanted = {identifier for identifier in ids if identifier}
    if not wanted:
        return {}
    usable = select(Verification).where(
        Verification.id.in_(wanted), Verification.expires_at > at, Verification.attempts < TRIES
    )
    return {verification.id: verification for verification in session.scalars(usable)}


def _disowned_among(session: Session, contest: str, voter_keys: Iterable[bytes]) -> set[bytes]:
    return {row[0] for row in look(session, DISOWNED_AMONG, set(voter_keys), of=contest)}
