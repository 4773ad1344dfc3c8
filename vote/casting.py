"""The vote: a mailbox is asked to prove itself, then a ballot is cast, once for each person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote import ballot_box, contests, envelope, outbox, poll_book, tally
from vote.db import Database, insert
from vote.errors import AlreadyCounted, Conflict, Expired, Invalid, Refusal
from vote.languages import Sentence
from vote.models import TRIES, VERIFICATION_LASTS, Contest, Delivery, Envelope, LetterKind, State, Verification
from vote.outbox import NewLetter
from vote.tokens import Keys

PURPOSE = "vote"

CHOOSE = Sentence("Choisissez une des structures lauréates : aucune n’est cochée.")
ALREADY = Sentence("Un vote est déjà compté pour cette adresse ; un vote est définitif, il n’y a rien d’autre à faire.")
LATE = Sentence(
    "Ce code ou ce lien n’est plus valable : demandez une nouvelle lettre, elle arrive en quelques instants."
)
EXHAUSTED = Sentence(
    "Cinq codes faux ont été saisis : demandez une nouvelle lettre, ou ouvrez le lien de celle que vous avez reçue."
)


@dataclass(frozen=True, slots=True)
class Booth:
    """Where ballots are cast: one contest on one database. `slot` is this process's share of the running count."""

    database: Database
    keys: Keys
    contest: str
    mixing: timedelta
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a letter. `earlier` is the verification that the same browser already holds, if any."""

    address: str
    voter_key: bytes
    earlier: bytes | None = None
    language: str = "fr"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A ballot to cast. `code` is what was typed; None where a signed link has proved the mailbox."""

    verification_id: bytes
    ballot_code: bytes
    laureate: str | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ballot is counted, durably; `repeated` where it already was."""

    ballot_code: bytes
    repeated: bool = False


def request(booth: Booth, requests: Sequence[Request], at: datetime) -> list[bytes | Refusal]:
    """Give each request a verification and its letter, in one transaction. Answers verification ids, in order.

    The same browser asking again for the same person gets its own verification back, so that letters which cross each
    other hold the same code. Nobody else's verification is read or touched, and nothing here depends on whether the
    person has voted.
    """
    with booth.database.writing() as session:
        contest = session.get_one(Contest, booth.contest)
        if not contest.is_open(at):
            return [not_open(contest, at) for _ in requests]
        held = _held(session, (asked.earlier for asked in requests), at)
        answers: list[bytes | Refusal] = []
        fresh: list[dict[str, object]] = []
        letters: list[NewLetter] = []
        again: list[Verification] = []
        for asked in requests:
            verification = held.get(asked.earlier or b"")
            if verification is not None and verification.voter_key == asked.voter_key:
                subject = verification.id
                again.append(verification)
            else:
                subject = envelope.new_verification_id()
                fresh.append(_new_verification(booth.contest, subject, asked.voter_key, at))
            answers.append(subject)
            letters.append(NewLetter(subject, LetterKind.VOTE, asked.address, asked.language))
        if fresh:
            session.execute(insert(session, Verification), fresh)
        outbox.post(session, letters, at)
        # After their letters: whoever holds both a letter and its verification took them in this order.
        for verification in again:
            verification.delivery = Delivery.WAITING
        return answers


def confirm(booth: Booth, confirmations: Sequence[Confirmation], at: datetime) -> list[Receipt | Refusal]:
    """Cast each ballot whose mailbox is proved, in one transaction. Answers in order; one refusal concerns one voter.

    From the commit on, the poll book is signed, the ballot lies in its envelope and the running count has moved. Who
    confirms the same ballot again gets the same receipt, after the closure too.
    """
    with booth.database.writing() as session:
        contest = contests.shared(session, booth.contest)
        verifications = _locked(session, (confirmation.verification_id for confirmation in confirmations))
        outcomes: dict[int, Receipt | Refusal] = {}
        proven: dict[int, bytes] = {}
        for place, confirmation in enumerate(confirmations):
            verification = verifications.get(confirmation.verification_id)
            refusal = _judge(booth.keys, verification, confirmation, at)
            if refusal is not None or verification is None:
                outcomes[place] = refusal or Expired(LATE)
            else:
                proven[place] = verification.voter_key
        if contest.is_open(at):
            for place in _cast(booth, session, confirmations, proven, at):
                outcomes[place] = Receipt(confirmations[place].ballot_code)
        _find_again(booth, session, confirmations, proven, outcomes)
        for place in proven:
            outcomes.setdefault(
                place, Invalid(CHOOSE, field="laureate") if contest.is_open(at) else not_open(contest, at)
            )
        return [outcomes[place] for place in range(len(confirmations))]


def read_verification(session: Session, contest: str, verification_id: bytes, at: datetime) -> Verification | None:
    """The verification if it can still serve at `at`, else None."""
    verification = session.get(Verification, verification_id)
    if verification is None or verification.contest != contest or verification.expires_at <= at:
        return None
    return verification


def is_cast(session: Session, ballot_code: bytes) -> bool:
    return bool(_cast_among(session, [ballot_code]))


def not_open(contest: Contest, at: datetime) -> Conflict:
    if contest.state(at) is State.BEFORE:
        return Conflict("Le vote n’est pas encore ouvert : il ouvre le {opens_at:instant}.", opens_at=contest.opens_at)
    if contest.closed_at is not None:
        return Conflict(
            "Le vote est clos depuis le {closed_at:instant} : ce bulletin n’a pas été compté.",
            closed_at=contest.closed_at,
        )
    return Conflict(
        "Le vote est clos depuis le {closes_at:last_moment} : ce bulletin n’a pas été compté.",
        closes_at=contest.closes_at,
    )


def _judge(keys: Keys, verification: Verification | None, confirmation: Confirmation, at: datetime) -> Refusal | None:
    """None where the mailbox is proved. A wrong code is counted in the verification's row, which is locked."""
    if verification is None or verification.expires_at <= at:
        return Expired(LATE)
    if confirmation.code is None:
        return None
    if verification.attempts >= TRIES:
        return Expired(EXHAUSTED)
    if keys.proves(PURPOSE, verification.id, confirmation.code):
        return None
    verification.attempts += 1
    left = TRIES - verification.attempts
    if left == 0:
        return Expired(EXHAUSTED)
    tries = (
        Sentence("il vous reste {left:number} essais", left=left) if left > 1 else Sentence("il vous reste un essai")
    )
    return Invalid("Ce code n’est pas celui de la dernière lettre : relisez-le, {tries}.", field="code", tries=tries)


def _cast(
    booth: Booth, session: Session, confirmations: Sequence[Confirmation], proven: dict[int, bytes], at: datetime
) -> list[int]:
    """Sign, fill the envelopes and move the count for every proven voter who had not signed. Returns their places."""
    first: dict[bytes, int] = {}
    for place, voter_key in proven.items():
        if confirmations[place].laureate is not None:
            first.setdefault(voter_key, place)
    signed = poll_book.sign(session, booth.contest, first)
    places = [place for voter_key, place in first.items() if voter_key in signed]
    if not places:
        return []
    envelopes = [
        {
            "ballot_code": confirmations[place].ballot_code,
            "contest": booth.contest,
            "laureate": confirmations[place].laureate,
            "salt": envelope.new_salt(),
            "window_at": _window(at, booth.mixing),
        }
        for place in places
    ]
    session.execute(insert(session, Envelope), envelopes)
    votes = Counter(str(confirmations[place].laureate) for place in places)
    tally.move(session, booth.contest, booth.slot, votes, at)
    return places


def _find_again(
    booth: Booth,
    session: Session,
    confirmations: Sequence[Confirmation],
    proven: dict[int, bytes],
    outcomes: dict[int, Receipt | Refusal],
) -> None:
    """Answer those whose vote was counted before: with their receipt where their browser holds it."""
    left = [place for place in proven if place not in outcomes]
    left += [place for place, outcome in outcomes.items() if isinstance(outcome, Expired)]
    if not left:
        return
    codes = [confirmations[place].ballot_code for place in left]
    found = _cast_among(session, codes)
    signed = poll_book.signed_among(session, booth.contest, [proven[place] for place in left if place in proven])
    for place in left:
        if confirmations[place].ballot_code in found:
            outcomes[place] = Receipt(confirmations[place].ballot_code, repeated=True)
        elif proven.get(place) in signed:
            outcomes[place] = AlreadyCounted(ALREADY)


def _cast_among(session: Session, codes: Sequence[bytes]) -> set[bytes]:
    """Those of these ballots that lie in an envelope or in the box."""
    waiting = set(session.scalars(select(Envelope.ballot_code).where(Envelope.ballot_code.in_(codes))))
    return waiting | ballot_box.sealed_among(session, [code for code in codes if code not in waiting])


def _held(session: Session, ids: Iterable[bytes | None], at: datetime) -> dict[bytes, Verification]:
    """Those of these verifications that can still serve."""
    wanted = {identifier for identifier in ids if identifier}
    if not wanted:
        return {}
    usable = select(Verification).where(
        Verification.id.in_(wanted), Verification.expires_at > at, Verification.attempts < TRIES
    )
    return {verification.id: verification for verification in session.scalars(usable)}


def _locked(session: Session, ids: Iterable[bytes]) -> dict[bytes, Verification]:
    # Locked in one order by every node, so that tries are counted exactly and nobody waits crosswise.
    rows = select(Verification).where(Verification.id.in_(set(ids))).order_by(Verification.id).with_for_update()
    return {verification.id: verification for verification in session.scalars(rows)}


def _new_verification(contest: str, identifier: bytes, voter_key: bytes, at: datetime) -> dict[str, object]:
    return {
        "id": identifier,
        "contest": contest,
        "voter_key": voter_key,
        "expires_at": at + VERIFICATION_LASTS,
        "attempts": 0,
        "delivery": Delivery.WAITING,
    }


def _window(at: datetime, mixing: timedelta) -> datetime:
    seconds = int(mixing.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)
