"""The outbox: letters wait here, and an address stays no longer than its letter."""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate

from sqlalchemy import ColumnElement, Insert, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from vote.addresses import provider
from vote.db import Database
from vote.models import VERIFICATION_LASTS, Delivery, LetterKind, OutgoingLetter, PostCount, Staff, Verification
from vote.rows import dialect, insert, insert_all, insert_in

IN_HAND = timedelta(minutes=5)  # longer than any delivery: past it the postman who had the letter is gone
DELAYS = (15, 60, 300, 600)  # seconds before the next try; the last one repeats: somebody waits for the code
MOST_TRIES = 50  # about eight hours
ON_TIME = timedelta(minutes=1)
POSTED = "id", "kind", "address", "language", "due_at", "tries", "posted_at"
WITHIN = (5, 15, 60, 300, 900, 3600, 28800)  # seconds


@dataclass(frozen=True, slots=True)
class NewLetter:
    """`subject` is the id of the verification or sign-in that the letter is about."""

    subject: bytes
    kind: LetterKind
    address: str
    language: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter in the postman's hand."""

    id: bytes
    kind: LetterKind
    address: str
    language: str
    tries: int
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How letters fare at one provider, "" for the small ones. Half of those accepted took `median` seconds at most."""

    provider: str
    accepted: int
    delayed: int
    refused: int
    median: int | None


def post(session: Session, letters: Sequence[NewLetter], at: datetime) -> None:
    """Put letters in the outbox, in the caller's transaction.

    A letter that still waits for the same subject is not doubled: it goes to the address given last, at once.
    """
    rows = {one.subject: (one.subject, one.kind, one.address, one.language, at, 0, at) for one in letters}
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    insert_all(session, _post(dialect(session)), POSTED, [rows[subject] for subject in sorted(rows)])


def post_to_staff(session: Session, kind: LetterKind, members: Sequence[Staff], at: datetime) -> int:
    """A letter of this kind to each of them, in their language. Answers how many."""
    post(session, [NewLetter(secrets.token_bytes(16), kind, one.address, one.language) for one in members], at)
    return len(members)


@cache
def _post(dialect_name: str) -> Insert:
    statement = insert_in(dialect_name, OutgoingLetter)
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_={name: statement.excluded[name] for name in ("address", "language", "due_at", "posted_at", "tries")},
    )


def take(database: Database, at: datetime, most: int) -> list[Posted]:
    """Take letters that are due, oldest first; no other postman gets them while they are in hand.

    A letter that leaves late, the mail server or the postman having been away, still gives its reader the whole time.
    """
    due = (
        select(OutgoingLetter.id)
        .where(OutgoingLetter.due_at <= at)
        .order_by(OutgoingLetter.due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claim = (
        update(OutgoingLetter)
        .where(OutgoingLetter.id.in_(due))
        .values(due_at=at + IN_HAND, tries=OutgoingLetter.tries + 1)
        .returning(
            OutgoingLetter.id,
            OutgoingLetter.kind,
            OutgoingLetter.address,
            OutgoingLetter.language,
            OutgoingLetter.tries,
            OutgoingLetter.posted_at,
        )
        .execution_options(synchronize_session=False)
    )
    with database.writing() as session:
        bag = [Posted(*row) for row in session.execute(claim)]
        late = select(Verification).where(
            Verification.id.in_([letter.id for letter in bag]),
            Verification.expires_at < at + VERIFICATION_LASTS - ON_TIME,
        )
        for verification in session.scalars(late.order_by(Verification.id).with_for_update()):
            verification.expires_at = at + VERIFICATION_LASTS
        return bag


def anything_due(database: Database, at: datetime) -> bool:
    with database.reading() as session:
        return session.scalar(select(OutgoingLetter.id).where(OutgoingLetter.due_at <= at).limit(1)) is not None


def settle(database: Database, outcomes: Sequence[tuple[Posted, Delivery | None]], at: datetime) -> None:
    """Sent, or refused for good: the address goes, the outcome stays with the verification. Waiting: a later try.
    None, where there was nothing left to say: the address goes."""
    fared: Counter[tuple[str, str, int]] = Counter()
    ended: dict[Delivery | None, list[Posted]] = {}
    with database.writing() as session:
        for letter, outcome in sorted(outcomes, key=lambda settled: settled[0].id):
            if outcome is Delivery.WAITING and letter.tries < MOST_TRIES:
                wait = timedelta(seconds=DELAYS[min(letter.tries, len(DELAYS)) - 1])
                session.execute(update(OutgoingLetter).where(_mine([letter])).values(due_at=at + wait))
                fared[provider(letter.address), "delayed", 0] += letter.tries == 1
            else:
                ended.setdefault(Delivery.REFUSED if outcome is Delivery.WAITING else outcome, []).append(letter)
        for outcome, some in ended.items():
            gone = set(session.scalars(delete(OutgoingLetter).where(_mine(some)).returning(OutgoingLetter.id)))
            if outcome is None:
                continue
            kept = update(Verification).where(Verification.id.in_(gone)).values(delivery=outcome)
            session.execute(kept.execution_options(synchronize_session=False))
            fared.update((provider(one.address), str(outcome), _within(one, at)) for one in some if one.id in gone)
        _count(session, fared)


def put_back(database: Database, letters: Sequence[Posted], at: datetime) -> None:
    """What a postman took and did not try is due again at once, for anybody."""
    if not letters:
        return
    with database.writing() as session:
        session.execute(
            update(OutgoingLetter)
            .where(_mine(letters))
            .values(due_at=at, tries=OutgoingLetter.tries - 1)
            .execution_options(synchronize_session=False)
        )


def _mine(letters: Sequence[Posted]) -> ColumnElement[bool]:
    # The owner may have corrected the address meanwhile: that is another letter, and it stays.
    taken = [(letter.id, letter.address) for letter in letters]
    return tuple_(OutgoingLetter.id, OutgoingLetter.address).in_(taken)


def _within(letter: Posted, at: datetime) -> int:
    """The least of WITHIN that is no shorter than the letter's way."""
    seconds = (at - (letter.posted_at or at)).total_seconds()
    return WITHIN[min(bisect_left(WITHIN, seconds), len(WITHIN) - 1)]


def _count(session: Session, fared: Counter[tuple[str, str, int]]) -> None:
    statement = insert(session, PostCount)
    statement = statement.on_conflict_do_update(
        index_elements=["provider", "outcome", "seconds"],
        set_={"letters": PostCount.letters + statement.excluded.letters},
    )
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    rows = [
        {"provider": name, "outcome": outcome, "seconds": seconds, "letters": letters}
        for (name, outcome, seconds), letters in sorted(fared.items())
        if letters
    ]
    if rows:
        session.execute(statement, rows)


def health(session: Session) -> list[Health]:
    """How letters fared, by provider, the busiest first."""
    counts: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for row in session.scalars(select(PostCount)):
        counts[row.provider][row.outcome, row.seconds] += row.letters
    found = [_health(name, fared) for name, fared in counts.items()]
    return sorted(found, key=lambda one: (-one.accepted - one.refused, one.provider))


def _health(name: str, fared: Counter[tuple[str, int]]) -> Health:
    accepted, delayed, refused = (
        sum(letters for (outcome, _), letters in fared.items() if outcome == wanted)
        for wanted in (Delivery.SENT, "delayed", Delivery.REFUSED)
    )
    so_far = accumulate(fared[Delivery.SENT, bound] for bound in WITHIN)
    median = next((bound for bound, letters in zip(WITHIN, so_far, strict=True) if 2 * letters >= accepted), None)
    return Health(name, accepted, delayed, refused, median if accepted else None)


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(OutgoingLetter)) or 0


def recent(session: Session) -> tuple[int, int]:
    """How many of the verifications still remembered had their letter sent, and refused."""
    rows = select(Verification.delivery, func.count()).group_by(Verification.delivery)
    found = dict(session.execute(rows).all())
    return found.get(Delivery.SENT, 0), found.get(Delivery.REFUSED, 0)
