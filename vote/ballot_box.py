"""The ballot box: sealed ballots, their tree, and the signed checkpoints of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from vote import merkle
from vote.envelope import receipt_code
from vote.merkle import ReadTile
from vote.models import Lot, Minute, SealedBallot, SignedCheckpoint, Tile
from vote.notes import Checkpoint, Signer
from vote.rows import AMONG, insert, look

CHUNK = 5000

SEALED_AMONG = select(SealedBallot.ballot_code).where(SealedBallot.ballot_code.in_(AMONG))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ballot lies in the box, and its inclusion proof against the box of `size` ballots in `note`."""

    code: bytes
    commitment: bytes
    position: int
    lot: int
    size: int
    proof: Sequence[bytes]
    note: str


def commitment(salt: bytes, laureate: str) -> bytes:
    """SHA-256 of the 32-byte salt, then the laureate's slug in UTF-8."""
    return sha256(salt + laureate.encode()).digest()


def leaf_hash(ballot_code: bytes, committed: bytes) -> bytes:
    """The leaf's hash; its data is the 10-byte ballot code, then the commitment."""
    return merkle.leaf_hash(ballot_code + committed)


def size(session: Session, contest: str) -> int:
    """How many ballots are sealed."""
    lot = last_lot(session, contest)
    return lot.size if lot else 0


def last_lot(session: Session, contest: str) -> Lot | None:
    return session.scalars(select(Lot).where(Lot.contest == contest).order_by(Lot.number.desc()).limit(1)).first()


def append(session: Session, contest: str, ballots: Iterable[tuple[bytes, str, bytes]], at: datetime) -> int:
    """Seal one lot of ballots (code, laureate, salt), given in the order of their codes. Answers the box's new size.

    In the caller's transaction, which must be the only sealer's; memory is bounded whatever the number of ballots.
    """
    latest = last_lot(session, contest)
    start = latest.size if latest else 0
    position = start

    def leaves() -> Iterator[bytes]:
        nonlocal position
        for rows in _chunks(ballots):
            sealed: list[dict[str, Any]] = [
                {"contest": contest, "position": place, "ballot_code": code, "laureate": laureate, "salt": salt,
                 "commitment": commitment(salt, laureate)}
                for place, (code, laureate, salt) in enumerate(rows, start=position)
            ]  # fmt: skip
            session.execute(insert(session, SealedBallot), sealed)
            position += len(sealed)
            yield from (leaf_hash(row["ballot_code"], row["commitment"]) for row in sealed)

    changed = merkle.append(tiles(session, contest), start, leaves())
    statement = insert(session, Tile)
    statement = statement.on_conflict_do_update(
        index_elements=["contest", "level", "number"], set_={"hashes": statement.excluded.hashes}
    )
    for level, number, hashes in changed:
        session.execute(statement, [{"contest": contest, "level": level, "number": number, "hashes": hashes}])
    session.add(
        Lot(contest=contest, number=latest.number + 1 if latest else 1, start=start, size=position, sealed_at=at)
    )
    session.flush()
    return position


def sign_checkpoint(session: Session, contest: str, signer: Signer, at: datetime) -> SignedCheckpoint:
    """Sign the box as it is, bound to the head of the minutes; the latest one again where nothing has changed."""
    count = size(session, contest)
    head = session.execute(
        select(Minute.number, Minute.hash).where(Minute.contest == contest).order_by(Minute.number.desc()).limit(1)
    ).first()
    extensions = (f"minutes {head.number} {head.hash.hex()}",) if head else ()
    root = merkle.root(tiles(session, contest), count)
    note = signer.sign(Checkpoint(signer.name, count, root, extensions).body())
    latest = last_checkpoint(session, contest)
    if latest is not None and latest.note == note:  # Ed25519 is deterministic: the same text, the same note
        return latest
    number = latest.number + 1 if latest else 1
    signed = SignedCheckpoint(contest=contest, number=number, size=count, note=note, at=at)
    session.add(signed)
    session.flush()
    return signed


def last_checkpoint(session: Session, contest: str) -> SignedCheckpoint | None:
    return session.scalars(
        select(SignedCheckpoint)
        .where(SignedCheckpoint.contest == contest)
        .order_by(SignedCheckpoint.number.desc())
        .limit(1)
    ).first()


def checkpoints(session: Session, contest: str) -> Sequence[SignedCheckpoint]:
    """All of them, oldest first."""
    rows = select(SignedCheckpoint).where(SignedCheckpoint.contest == contest).order_by(SignedCheckpoint.number)
    return session.scalars(rows).all()


def find(session: Session, contest: str, ballot_code: bytes) -> Place | None:
    """The place of a sealed ballot, proved against the latest checkpoint; None if it is not sealed."""
    ballot = session.scalars(
        select(SealedBallot).where(SealedBallot.ballot_code == ballot_code, SealedBallot.contest == contest)
    ).first()
    signed = last_checkpoint(session, contest)
    if ballot is None or signed is None or ballot.position >= signed.size:
        return None
    lot = session.scalar(select(func.min(Lot.number)).where(Lot.contest == contest, Lot.size > ballot.position))
    proof = merkle.inclusion_proof(tiles(session, contest), ballot.position, signed.size)
    return Place(ballot_code, ballot.commitment, ballot.position, lot or 0, signed.size, proof, signed.note)


def sealed_among(session: Session, ballot_codes: Iterable[bytes]) -> set[bytes]:
    """Those of these ballots that are sealed."""
    return {row[0] for row in look(session, SEALED_AMONG, ballot_codes)}


def consistency(session: Session, contest: str, old: int, new: int) -> list[bytes]:
    """The proof that the box of `old` ballots is the beginning of the box of `new`. Raises ValueError."""
    if new > size(session, contest):
        raise ValueError("the box is not that large")
    return merkle.consistency_proof(tiles(session, contest), old, new)


def read(session: Session, contest: str, start: int = 0) -> Iterator[Row[int, bytes, str, bytes, bytes]]:
    """Every sealed ballot from position `start` on: position, code, laureate, salt, commitment; in bounded memory."""
    columns = select(
        SealedBallot.position,
        SealedBallot.ballot_code,
        SealedBallot.laureate,
        SealedBallot.salt,
        SealedBallot.commitment,
    ).where(SealedBallot.contest == contest)
    while True:
        page = columns.where(SealedBallot.position >= start).order_by(SealedBallot.position).limit(CHUNK)
        rows = session.execute(page).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        start = rows[-1].position + 1


def public_lines(session: Session, contest: str, start: int = 0, most: int | None = None) -> Iterator[str]:
    """The public list: a line "position code commitment" for each sealed ballot from `start` on, `most` at most."""
    for row in islice(read(session, contest, start), most):
        yield f"{row.position} {receipt_code(row.ballot_code)} {row.commitment.hex()}\n"


def tiles(session: Session, contest: str) -> ReadTile:
    """Reads the tiles of the tree, each at most once."""
    seen: dict[tuple[int, int], bytes] = {}

    def read_tile(level: int, number: int) -> bytes:
        if (level, number) not in seen:
            where = (Tile.contest == contest, Tile.level == level, Tile.number == number)
            seen[level, number] = session.scalar(select(Tile.hashes).where(*where)) or b""
        return seen[level, number]

    return read_tile


def _chunks(ballots: Iterable[tuple[bytes, str, bytes]]) -> Iterator[list[tuple[bytes, str, bytes]]]:
    chunk: list[tuple[bytes, str, bytes]] = []
    for ballot in ballots:
        chunk.append(ballot)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
