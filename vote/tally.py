"""The counts: the live one for the jury, the recount of the ballots, and whether they agree with the poll book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256

from sqlalchemy import Insert, func, select, union_all
from sqlalchemy.orm import Session

from vote import ballot_box, minutes, poll_book
from vote.db import Database
from vote.editions import Edition, Laureate
from vote.envelope import receipt_code
from vote.languages import Sentence
from vote.models import Act, Envelope, Minute, RejectedBallot, RunningCount, SealedBallot, Turnout
from vote.rows import dialect, insert_all, insert_in
from vote.words import PARIS


@dataclass(frozen=True, slots=True)
class Standing:
    """One laureate's part in a count. `tenths` are tenths of a percent; those of all laureates add up to 1000."""

    laureate: Laureate
    votes: int
    tenths: int
    rank: int

    @property
    def share(self) -> str:
        return f"{self.tenths / 10:.1f}".replace(".", ",")

    @property
    def fraction(self) -> float:
        return self.tenths / 1000

    @property
    def first(self) -> bool:
        return self.rank == 1 and self.votes > 0


@dataclass(frozen=True, slots=True)
class Hour:
    """Signatures in the hour from `at`; `fraction` is their part of the busiest hour's."""

    at: datetime
    votes: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Signatures in the same hour of this day and of the day before, in Paris; `today` is None in what is to come."""

    hour: int
    today: int | None
    yesterday: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Signatures of the poll book, ballots found wherever they are, and votes that count, are set aside or rejected."""

    signatures: int
    ballots: int
    counted: int
    aside: int = 0
    rejected: int = 0

    @property
    def balanced(self) -> bool:
        return self.signatures == self.ballots == self.counted + self.aside + self.rejected


@dataclass(frozen=True, slots=True)
class Count:
    """What the jury sees at one moment. `laureates` keep the order of the ballot, so that rows never jump."""

    laureates: Sequence[Standing]
    signatures: int
    aside: int
    rejected: int
    hours: Sequence[Hour]
    at: datetime

    @property
    def votes(self) -> int:
        return sum(row.votes for row in self.laureates)

    @property
    def balanced(self) -> bool:
        return self.signatures == self.votes + self.aside + self.rejected

    @property
    def pairs(self) -> list[Pair]:
        """The 24 hours of the day of `at`, each beside the same hour of the day before."""
        now = self.at.astimezone(PARIS)
        votes: Counter[tuple[date, int]] = Counter()
        for hour in self.hours:  # where the clocks go back, an hour comes twice
            local = hour.at.astimezone(PARIS)
            votes[local.date(), local.hour] += hour.votes
        eve = now.date() - timedelta(days=1)
        return [
            Pair(hour, votes[now.date(), hour] if hour <= now.hour else None, votes[eve, hour]) for hour in range(24)
        ]

    def says_the_same(self, other: Count) -> bool:
        """Whether a juror would read the same figures, whenever they were read."""
        return replace(self, at=other.at) == other


def consult(database: Database, contest: str, edition: Edition, *, who: str, at: datetime) -> Count:
    """The running count for a juror who opens the page, which is a minute first."""
    with database.writing() as session:
        minutes.record(
            session, contest, Act.CONSULTATION, who=who, why=Sentence("Ouverture de la page du décompte."), at=at
        )
    with database.reading() as session:
        return count(session, contest, edition, at)


def watch(database: Database, contest: str, *, who: str, since: datetime, at: datetime) -> None:
    """A minute for a juror who follows the count live without having opened its page since `since`."""
    with database.writing() as session:
        opened = select(Minute.number).where(
            Minute.contest == contest, Minute.act == Act.CONSULTATION, Minute.who == who, Minute.at >= since
        )
        if session.scalar(opened.limit(1)) is None:
            minutes.record(
                session, contest, Act.CONSULTATION, who=who, why=Sentence("Ouverture du décompte en direct."), at=at
            )


def count(session: Session, contest: str, edition: Edition, at: datetime) -> Count:
    """What there is to see, in the same time whatever the number of ballots: signatures are those of the turnout."""
    rows, by_hour = standings(edition, running_count(session, contest)), hours(session, contest)
    signatures = sum(hour.votes for hour in by_hour)
    return Count(rows, signatures, aside(session, contest), rejected(session, contest), by_hour, at)


def move(session: Session, contest: str, slot: int, votes: Mapping[str, int], signed: int, at: datetime) -> None:
    """In the caller's transaction, add votes by laureate to the running count, and `signed` voters to the turnout."""
    hour_at = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    count_in(session, contest, slot, votes)
    _, turnout = _moves(dialect(session))
    insert_all(session, turnout, ("contest", "hour_at", "slot", "votes"), [(contest, hour_at, slot, signed)])


def count_in(session: Session, contest: str, slot: int, votes: Mapping[str, int]) -> None:
    """Add votes by laureate to the running count alone; those of ballots that are set aside are taken out again."""
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    rows = [(contest, slug, slot, votes[slug]) for slug in sorted(votes)]
    count, _ = _moves(dialect(session))
    insert_all(session, count, ("contest", "laureate", "slot", "votes"), rows)


@cache
def _moves(dialect_name: str) -> tuple[Insert, Insert]:
    count, turnout = insert_in(dialect_name, RunningCount), insert_in(dialect_name, Turnout)
    return (
        count.on_conflict_do_update(
            index_elements=["contest", "laureate", "slot"], set_={"votes": RunningCount.votes + count.excluded.votes}
        ),
        turnout.on_conflict_do_update(
            index_elements=["contest", "hour_at", "slot"], set_={"votes": Turnout.votes + turnout.excluded.votes}
        ),
    )


def running_count(session: Session, contest: str) -> dict[str, int]:
    """Votes by laureate's slug, as of now."""
    votes = func.sum(RunningCount.votes)
    rows = select(RunningCount.laureate, votes).where(RunningCount.contest == contest).group_by(RunningCount.laureate)
    return {slug: int(total) for slug, total in session.execute(rows.having(votes != 0))}


def recount(session: Session, contest: str) -> dict[str, int]:
    """Votes by laureate's slug, counted from the ballots themselves; those set aside do not count."""
    ballots = union_all(
        select(Envelope.laureate).where(Envelope.contest == contest, ~Envelope.aside()),
        select(SealedBallot.laureate).where(SealedBallot.contest == contest),
    ).subquery()
    rows = select(ballots.c.laureate, func.count()).group_by(ballots.c.laureate)
    return dict(session.execute(rows).all())


def hours(session: Session, contest: str) -> list[Hour]:
    """Turnout by the hour, oldest first; hours in which nobody signed are left out."""
    votes = func.sum(Turnout.votes)
    rows = select(Turnout.hour_at, votes).where(Turnout.contest == contest).group_by(Turnout.hour_at)
    found = [(at, int(total)) for at, total in session.execute(rows.order_by(Turnout.hour_at))]
    busiest = max((total for _, total in found), default=1)
    return [Hour(at, total, total / busiest) for at, total in found]


def turnout(session: Session, contest: str) -> int:
    """How many have signed, by the figures that move with each vote."""
    return session.scalar(select(func.sum(Turnout.votes)).where(Turnout.contest == contest)) or 0


def aside(session: Session, contest: str) -> int:
    """How many envelopes are set aside and wait for a decision."""
    rows = select(func.count()).select_from(Envelope).where(Envelope.contest == contest, Envelope.aside())
    return session.scalar(rows) or 0


def rejected(session: Session, contest: str) -> int:
    rows = select(func.count()).select_from(RejectedBallot).where(RejectedBallot.contest == contest)
    return session.scalar(rows) or 0


def rejections(session: Session, contest: str) -> dict[str, list[bytes]]:
    """The codes of rejected ballots, in their order, by suspicion in hexadecimal."""
    rows = select(RejectedBallot.suspicion, RejectedBallot.ballot_code).where(RejectedBallot.contest == contest)
    found: dict[str, list[bytes]] = {}
    for row in session.execute(rows.order_by(RejectedBallot.suspicion, RejectedBallot.ballot_code)):
        found.setdefault(row.suspicion.hex(), []).append(row.ballot_code)
    return found


def digest(codes: Sequence[bytes]) -> str:
    """Hexadecimal SHA-256 of receipt codes, one in a line, in the order of `codes`: binds a decision to its ballots."""
    return sha256("\n".join(map(receipt_code, codes)).encode()).hexdigest()


def glance(session: Session, contest: str) -> Balance:
    """The balance by the figures that move with each vote, in the same time whatever their number.

    Whether they are those of the poll book and of the ballots themselves is what an inspection tells.
    """
    return _balance(session, contest, turnout(session, contest))


def balance(session: Session, contest: str) -> Balance:
    """The balance by the lines of the poll book themselves."""
    return _balance(session, contest, poll_book.signatures(session, contest))


def _balance(session: Session, contest: str, signatures: int) -> Balance:
    waiting = session.scalar(select(func.count()).select_from(Envelope).where(Envelope.contest == contest)) or 0
    out = rejected(session, contest)
    ballots = waiting + ballot_box.size(session, contest) + out
    counted = sum(running_count(session, contest).values())
    return Balance(signatures, ballots, counted, aside(session, contest), out)


def standings(edition: Edition, votes: Mapping[str, int]) -> list[Standing]:
    """Every laureate of the edition, in its order, with votes, share and rank; equal votes have equal rank."""
    numbers = [votes.get(laureate.slug, 0) for laureate in edition.laureates]
    return [
        Standing(laureate, number, tenths, 1 + sum(other > number for other in numbers))
        for laureate, number, tenths in zip(edition.laureates, numbers, tenths_of(numbers), strict=True)
    ]


def tenths_of(votes: Sequence[int]) -> list[int]:
    """Shares in tenths of a percent that add up to exactly 1000, by the largest remainder; all zero without votes."""
    total = sum(votes)
    if total == 0:
        return [0] * len(votes)
    shares = [number * 1000 // total for number in votes]
    by_remainder = sorted(range(len(votes)), key=lambda place: (-(votes[place] * 1000 % total), place))
    for place in by_remainder[: 1000 - sum(shares)]:
        shares[place] += 1
    return shares
