"""The poll book: who has voted, as keyed hashes that nobody can read back."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vote.addresses import Address
from vote.db import insert
from vote.models import Signature


def voter_key(pepper: bytes, contest: str, address: Address) -> bytes:
    """HMAC-SHA256 (RFC 2104) of contest and canonical address under the pepper."""
    return hmac.digest(pepper, f"{contest}\0{address.canonical}".encode(), "sha256")


def sign(session: Session, contest: str, voter_keys: Iterable[bytes]) -> set[bytes]:
    """Sign for each voter, and return those who had not signed before; a race has exactly one winner."""
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    rows = [{"contest": contest, "voter_key": key} for key in sorted(set(voter_keys))]
    if not rows:
        return set()
    statement = insert(session, Signature).on_conflict_do_nothing().returning(Signature.voter_key)
    return set(session.execute(statement, rows).scalars())


def has_signed(session: Session, contest: str, voter_key: bytes) -> bool:
    return session.get(Signature, (contest, voter_key)) is not None


def signatures(session: Session, contest: str) -> int:
    return session.scalar(select(func.count()).where(Signature.contest == contest)) or 0


def signed_among(session: Session, contest: str, voter_keys: Iterable[bytes]) -> set[bytes]:
    """Those of these voters who have signed."""
    wanted = set(voter_keys)
    if not wanted:
        return set()
    rows = select(Signature.voter_key).where(Signature.contest == contest, Signature.voter_key.in_(wanted))
    return set(session.scalars(rows))
