"""What the voter's browser and mailbox hold: the filled ballot, the code, the link, the receipt."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from vote.tokens import Keys

BALLOT_CODE_BYTES = 10
SALT_BYTES = 32
VERIFICATION_BYTES, MOMENT_BYTES = 16, 6
COUNT_AT = VERIFICATION_BYTES + BALLOT_CODE_BYTES
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [one + other for one in CROCKFORD for other in CROCKFORD]  # what ten bits are written as
LOOKALIKES = str.maketrans("OIL", "011", "- \u00a0\t\u202f")


@dataclass(frozen=True, slots=True)
class FilledBallot:
    """A ballot on its way, held by the voter's own browser. `cast_before` counts the ballots cast from there.

    The choice in the form always wins over the one in here: a cookie shown to somebody proves nothing about the vote.
    """

    verification_id: bytes
    ballot_code: bytes
    laureate: str | None = None
    email: str = ""
    cast_before: int = 0

    def once_cast(self) -> FilledBallot:
        """What stays of it: no choice, no address, and that this browser has cast one ballot more."""
        return FilledBallot(self.verification_id, self.ballot_code, cast_before=self.cast_before + 1)


def new_verification_id(at: datetime) -> bytes:
    """Begins with the millisecond, as UUIDs of version 7 do (RFC 9562, 5.7), so that those of one moment lie together
    in the database: at random places, each would cost a page of its own. Its row tells that moment anyway.
    """
    milliseconds = int(at.timestamp() * 1000).to_bytes(MOMENT_BYTES)
    return milliseconds + secrets.token_bytes(VERIFICATION_BYTES - MOMENT_BYTES)


def new_ballot_code() -> bytes:
    return secrets.token_bytes(BALLOT_CODE_BYTES)


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def seal(keys: Keys, contest: str, ballot: FilledBallot) -> str:
    """The ballot as a cookie's value: signed, bound to the contest.

    Verification, ballot code, votes cast before (a byte: many are as good as more), then laureate and address by lines.
    """
    cast_before = min(ballot.cast_before, 255).to_bytes()
    words = f"{ballot.laureate or ''}\n{ballot.email}".encode()
    return keys.sign_id(f"filled:{contest}", ballot.verification_id + ballot.ballot_code + cast_before + words)


def unseal(keys: Keys, contest: str, cookie: str | None) -> FilledBallot | None:
    """The ballot in a cookie, or None where there is none, it was altered, or it is of another contest."""
    raw = keys.read_id(f"filled:{contest}", cookie) if cookie else None
    if raw is None:
        return None
    laureate, _, email = raw[COUNT_AT + 1 :].decode().partition("\n")
    verification_id, ballot_code = raw[:VERIFICATION_BYTES], raw[VERIFICATION_BYTES:COUNT_AT]
    return FilledBallot(verification_id, ballot_code, laureate or None, email, raw[COUNT_AT])


def link_token(keys: Keys, contest: str, verification_id: bytes) -> str:
    return keys.sign_id(f"confirmation:{contest}", verification_id)


def read_link_token(keys: Keys, contest: str, token: str) -> bytes | None:
    """The verification that a mailed link proves, or None for any other text."""
    return keys.read_id(f"confirmation:{contest}", token)


def receipt_code(ballot_code: bytes) -> str:
    """The ballot code as people read it: 16 Crockford base32 characters in four groups."""
    number = int.from_bytes(ballot_code)
    a, b, c, d, e, f, g, h = [PAIRS[number >> shift & 1023] for shift in range(70, -1, -10)]
    return f"{a}{b}-{c}{d}-{e}{f}-{g}{h}"


def read_receipt_code(typed: str) -> bytes | None:
    """The ballot code that a person typed, in any case, with O, I and L read as digits; None if it cannot be one."""
    text = typed.strip().upper().translate(LOOKALIKES)
    if len(text) != 16 or any(character not in CROCKFORD for character in text):
        return None
    number = 0
    for character in text:
        number = number << 5 | CROCKFORD.index(character)
    return number.to_bytes(BALLOT_CODE_BYTES)
