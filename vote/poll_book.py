"""The poll book: who has voted, as keyed hashes that nobody can read back."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import cache

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from vote.addresses import Address
from vote.models import Signature
from vote.rows import AMONG, dialect, insert_all, insert_in, look

SIGNED_AMONG = select(Signature.voter_key).where(Signature.contest == bindparam("of"), Signature.voter_key.in_(AMONG))


def voter_key(pepper: bytes, contest: str, address: Address) -> bytes:
    """HMAC-SHA256 (RFC 2104) of contest and canonical address under the pepper."""
    return hmac.digest(pepper, f"{contest}\0{address.canonical}".encode(), "sha256")


def sign(session: Session, contest: str, voter_keys: Iterable[bytes]) -> set[bytes]:
    """Sign for each voter, and return those who had not signed before; a race has exactly one winner."""
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    rows = [(contest, key) for key in sorted(set(voter_keys))]
    return {row[0] for row in insert_all(session, _sign(dialect(session)), ("contest", "voter_key"), rows)}


@cache
def _sign(dialect_name: str) -> ReturningInsert[bytes]:
    return insert_in(dialect_name, Signature).on_conflict_do_nothing().returning(Signature.voter_key)


def has_signed(session: Session, contest: str, voter_key: bytes) -> bool:
    return session.get(Signature, (contest, voter_key)) is not None


def signatures(session: Session, contest: str) -> int:
    return session.scalar(select(func.count()).where(Signature.contest == contest)) or 0


def signed_among(session: Session, contest: str, voter_keys: Iterable[bytes]) -> set[bytes]:
    """Those of these voters who have signed."""
    return {row[0] for row in look(session, SIGNED_AMONG, set(voter_keys), of=contest)}


def shuffle(session: Session, contest: str) -> None:
    """Write every line anew, in the order of the keys, so that the database's own marks no longer tell who came when.

    SQLite keeps the table in that order by itself. PostgreSQL keeps rows where they were first put, with the number of
    the transaction that did (`ctid`, `xmin`): after this, all have the same.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    copied = "CREATE TEMPORARY TABLE signed ON COMMIT DROP AS SELECT * FROM poll_book WHERE contest = :contest"
    session.execute(text(copied), {"contest": contest})
    session.execute(
        text("DELETE FROM poll_book b USING signed s WHERE (b.contest, b.voter_key) = (s.contest, s.voter_key)")
    )
    session.execute(text("INSERT INTO poll_book SELECT * FROM signed ORDER BY voter_key"))
