"""Sealing: the envelopes of a lot are opened together, stripped of every mark of arrival, and put into the box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from vote import audit, ballot_box, poll_book
from vote.db import Database
from vote.models import Contest, Envelope, Lease, SealedBallot, SignedCheckpoint, State
from vote.notes import Signer
from vote.rows import insert

LEASE = "sealer"
LEASE_LASTS = timedelta(minutes=5)
STRAGGLERS = timedelta(minutes=2)  # votes of the last moment may still be on their way to the commit


@dataclass(frozen=True, slots=True)
class Sealer:
    """One process that may seal. `holder` is its random name on the lease; `crowd` is the least number in a lot."""

    contest: str
    signer: Signer
    mixing: timedelta
    crowd: int
    holder: bytes


def seal(database: Database, sealer: Sealer, at: datetime) -> SignedCheckpoint | None:
    """Seal what is ready, and sign a checkpoint if anything changed. None while another node is the sealer.

    One transaction: killed at any point, it leaves the old state or the new one.
    """
    with database.writing() as session:
        if not lease(session, LEASE, sealer.holder, at, LEASE_LASTS):
            return None
        contest = session.get_one(Contest, sealer.contest)
        over = contest.state(at) is not State.BEFORE and at >= contest.ended_at + STRAGGLERS
        inspection = audit.last_inspection(session, sealer.contest)
        # What does not agree must not be sealed over; votes go on meanwhile.
        sound = inspection is None or not inspection.complaints
        sealed = seal_ready(session, sealer, at, everything=over) if sound else 0
        signed = ballot_box.sign_checkpoint(session, sealer.contest, sealer.signer, at) if sound else None
    if sealed:
        database.sweep("envelopes", "poll_book")
    return signed


def seal_ready(session: Session, sealer: Sealer, at: datetime, *, everything: bool) -> int:
    """Seal one lot in the caller's transaction and answer how many ballots it holds; too few wait for company.

    `everything`: the contest is closed, so that nobody will come to make the lot larger.
    """
    if ballot_box.last_checkpoint(session, sealer.contest) is None:
        ballot_box.sign_checkpoint(session, sealer.contest, sealer.signer, at)  # the box is shown to be empty at first
    ready = and_(Envelope.contest == sealer.contest, ~Envelope.aside())
    if not everything:
        ready = and_(ready, Envelope.window_at <= at - sealer.mixing)
    count = session.scalar(select(func.count()).select_from(Envelope).where(ready)) or 0
    if count == 0 or (count < sealer.crowd and not everything):
        return 0
    start = ballot_box.size(session, sealer.contest)
    size = ballot_box.append(session, sealer.contest, _by_code(session, ready), at)
    # Exactly what was sealed, whatever arrived meanwhile.
    sealed = select(SealedBallot.ballot_code).where(
        SealedBallot.contest == sealer.contest, SealedBallot.position >= start
    )
    session.execute(
        delete(Envelope).where(Envelope.ballot_code.in_(sealed)).execution_options(synchronize_session=False)
    )
    poll_book.shuffle(session, sealer.contest)
    return size - start


def lease(session: Session, name: str, holder: bytes, at: datetime, lasts: timedelta) -> bool:
    """Take or renew a lease, and hold its row until the commit: two holders cannot even overlap."""
    statement = insert(session, Lease).values(name=name, holder=holder, until=at + lasts)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "until": at + lasts},
        where=(Lease.holder == holder) | (Lease.until <= at),
    )
    return session.execute(statement.returning(Lease.name)).first() is not None


def keep_others_out(session: Session, at: datetime) -> None:
    """Wait for whoever seals at this moment; nobody else does until the caller's commit. The lease stays as it is."""
    statement = insert(session, Lease).values(name=LEASE, holder=b"", until=at)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"name": LEASE}))


def _by_code(session: Session, ready: ColumnElement[bool]) -> Iterator[tuple[bytes, str, bytes]]:
    """The ready envelopes in the order of their codes, which are random; in bounded memory."""
    # Locked, so that a suspicion which opens now takes an envelope whole, or finds it sealed.
    columns = select(Envelope.ballot_code, Envelope.laureate, Envelope.salt).where(ready).with_for_update()
    after = b""
    while rows := session.execute(
        columns.where(Envelope.ballot_code > after).order_by(Envelope.ballot_code).limit(ballot_box.CHUNK)
    ).all():
        yield from ((row.ballot_code, row.laureate, row.salt) for row in rows)
        after = rows[-1].ballot_code
