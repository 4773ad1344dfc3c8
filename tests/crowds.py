"""Voters in number, who cast through the booth itself rather than through pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from people import CONTEST, EDITION, SITE
from sqlalchemy import func, select

from vote import addresses, asking, audit, casting, contests, envelope, poll_book, sealing, station
from vote.asking import Request
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.models import Envelope, SealedBallot
from vote.sealing import Sealer
from vote.tokens import Keys

SLUGS = [laureate.slug for laureate in EDITION.laureates]
MIXING = timedelta(hours=1)


def booth_on(database: Database) -> Booth:
    # All of a crowd arrive at one moment, as no people do: screening has tests of its own.
    return Booth(database, Keys(("s" * 40,)), CONTEST, MIXING, screening=False)


def new_sealer() -> Sealer:
    """Another node's sealer; all have the station's key."""
    return station.sealer_for(SITE, b"k" * 32, CONTEST)


def voter_key(number: int) -> bytes:
    return poll_book.voter_key(b"p" * 40, CONTEST, addresses.parse(f"voter{number}@example.org"))


def laureate_of(number: int) -> str:
    return SLUGS[number % len(SLUGS)]


def cast(database: Database, numbers: Iterable[int], at: datetime) -> list[bytes]:
    """These voters ask for a letter, open its link and press the button, all in one commit. Answers their codes."""
    booth, numbers = booth_on(database), list(numbers)
    asked = asking.request(booth, [Request(f"voter{n}@example.org", voter_key(n)) for n in numbers], at)
    confirmations = [
        Confirmation(verification, envelope.new_ballot_code(), laureate_of(number))
        for number, verification in zip(numbers, asked, strict=True)
        if isinstance(verification, bytes)
    ]
    outcomes = casting.confirm(booth, confirmations, at)
    assert len(outcomes) == len(numbers)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    return [confirmation.ballot_code for confirmation in confirmations]


def lot(database: Database, numbers: Iterable[int], at: datetime) -> datetime:
    """Cast at `at` and seal as soon as the mixing allows. Answers when that was."""
    cast(database, numbers, at)
    sealed_at = at + MIXING
    assert sealing.seal(database, new_sealer(), sealed_at) is not None
    return sealed_at


def complaints(database: Database, kept: Sequence[str] = ()) -> list[str]:
    """What an audit with kept checkpoints finds wrong."""
    with database.reading() as session:
        contest = contests.read(session, CONTEST)
        findings = audit.examine_database(session, contest, new_sealer().signer.verifier, kept)
    return [finding.said("en") for finding in findings if not finding.holds]


def sealed(database: Database) -> list[bytes]:
    """The codes in the box, by position."""
    with database.reading() as session:
        return list(session.scalars(select(SealedBallot.ballot_code).order_by(SealedBallot.position)))


def waiting(database: Database) -> int:
    """How many envelopes wait."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Envelope)) or 0
