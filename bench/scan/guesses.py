"""Tokens that nobody was given, against all that reads one: right in form, or true but for one letter."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import ground

from vote import contests, envelope, proofs, schema, staff
from vote.db import Database
from vote.envelope import FilledBallot
from vote.tokens import ALPHABET, encode

MILLIONS = 2_000_000
LETTERS = ALPHABET.decode()


@dataclass(frozen=True)
class Guessed:
    what: str
    tried: int
    taken: int
    seconds: float


def guess(folder: Path, count: int = MILLIONS) -> list[Guessed]:
    """So many in all, a twentieth of them where each asks the database."""
    url = f"sqlite:///{folder / 'guesses.db'}"
    with closing(Database(url)) as database:
        schema.upgrade(database)
        contests.load(database, ground.EDITION, ground.NOW, "the bench")
        ballot = FilledBallot(secrets.token_bytes(16), secrets.token_bytes(10), ground.SLUGS[0], "marie@example.org")
        link = envelope.link_token(ground.KEYS, ground.CONTEST, ballot.verification_id)
        sign_in = ground.KEYS.sign_id(staff.PURPOSE, secrets.token_bytes(16))
        cookie = envelope.seal(ground.KEYS, ground.CONTEST, ballot)
        seen = ground.KEYS.seal("shown", {"at": 0})
        with database.reading() as session:
            member = secrets.token_urlsafe(32)
            return [
                _try("links of letters", link, count * 6 // 20, _reads_link),
                _try("links of the staff entrance", sign_in, count * 6 // 20, _reads_sign_in),
                _try("cookies of ballots", cookie, count * 5 // 20, _reads_ballot),
                _try("stamps of pages", seen, count // 20, lambda text: ground.KEYS.unseal("shown", text)),
                _try("proofs of work", "", count // 20, lambda text: proofs.solved(ground.KEYS, text, ground.NOW)),
                _try("cookies of sessions", member, count // 20, lambda text: staff.member(session, text, ground.NOW)),
            ]


def _reads_link(text: str) -> object:
    return envelope.read_link_token(ground.KEYS, ground.CONTEST, text)


def _reads_sign_in(text: str) -> object:
    return ground.KEYS.read_id(staff.PURPOSE, text)


def _reads_ballot(text: str) -> object:
    return envelope.unseal(ground.KEYS, ground.CONTEST, text)


def _try(what: str, true: str, count: int, reads: Callable[[str], object]) -> Guessed:
    began = time.monotonic()
    taken = sum(reads(text) is not None for text in _guesses(true, count))
    return Guessed(what, count, taken, time.monotonic() - began)


def _guesses(true: str, count: int) -> Iterator[str]:
    """Half of them drawn, half of them a true one with another letter somewhere.

    Not in the last place: there base64 of 32 bytes has two bits that say nothing, and the token stays the same.
    """
    for number in range(count):
        if number % 2 or len(true) < 2:
            yield f"{encode(secrets.token_bytes(16)).decode()}.{encode(secrets.token_bytes(32)).decode()}"
            continue
        place = secrets.randbelow(len(true) - 1)
        other = secrets.choice(LETTERS.replace(true[place], ""))
        yield f"{true[:place]}{other}{true[place + 1 :]}"
