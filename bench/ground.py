"""The ground of a benchmark: databases with verifications and ballots in them, and the requests of their voters.

Cookies and codes are signed here with the secret that the servers are given, so that each request is a real one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice, repeat
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from sqlalchemy import delete, insert

from vote import ballot_box, casting, contests, editions, envelope, outbox, proving, schema, tally
from vote.casting import Booth, Confirmation
from vote.db import Database
from vote.envelope import MOMENT_BYTES, FilledBallot
from vote.models import (
    VERIFICATION_LASTS,
    Delivery,
    LetterKind,
    Role,
    Signal,
    Signature,
    Staff,
    StaffSession,
    Verification,
)
from vote.notes import Signer
from vote.outbox import NewLetter
from vote.tokens import Keys

EDITION = editions.read(editions.SHIPPED)
CONTEST = EDITION.contest
SLUGS = [laureate.slug for laureate in EDITION.laureates]
CLOCK = "2019-11-18T10:00:00+01:00"
NOW = datetime.fromisoformat(CLOCK)
HOUR = NOW.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
SECRET, PEPPER, SEAL_KEY = "s" * 40, "p" * 40, "6b" * 32
KEYS = Keys((SECRET,))
JUROR = "j" * 43
PROVIDERS = ("gmail.com", "orange.fr", "laposte.net", "outlook.fr")
CHUNK = 10_000
MIXING = timedelta(hours=1)

Item = TypeVar("Item")


def prepare(url: str, *, verifications: int = 0, sealed: int = 0) -> list[FilledBallot]:
    """A database with the edition, a juror who is in, and that many verifications and sealed ballots.

    Answers the ballots that wait for a confirmation.
    """
    database = Database(url)
    schema.upgrade(database)
    contests.load(database, EDITION, NOW, "the bench")
    ballots = [
        FilledBallot(
            # The letter left one to nine minutes ago.
            envelope.new_verification_id(NOW - timedelta(seconds=60 + secrets.randbelow(480))),
            envelope.new_ballot_code(),
            SLUGS[n % len(SLUGS)],
            f"voter.{n}@{PROVIDERS[n % len(PROVIDERS)]}",
        )
        for n in range(verifications)
    ]
    with database.writing() as session:
        session.add(Staff(address="juror@example.org", name="Camille", role=Role.JUROR))
        session.flush()
        session_id, ends_at = sha256(JUROR.encode()).digest(), NOW + timedelta(hours=12)
        session.add(StaffSession(id=session_id, staff="juror@example.org", opened_at=NOW, expires_at=ends_at))
        for some in _chunks(ballots):
            session.execute(insert(Verification), [_verification(ballot) for ballot in some])
    if sealed:
        _seal(database, sealed)
    database.close()
    return ballots


def cast(url: str, ballot: FilledBallot) -> None:
    """What happened before the measure: this voter has voted."""
    database = Database(url)
    booth = Booth(database, KEYS, CONTEST, MIXING)
    casting.confirm(booth, [Confirmation(ballot.verification_id, ballot.ballot_code, ballot.laureate)], NOW)
    database.close()


def confirmations(ballots: Sequence[FilledBallot]) -> Iterator[bytes]:
    """Each voter types the right code, once."""
    for ballot in ballots:
        yield _post("/confirmation", {"code": KEYS.code(proving.PURPOSE, ballot.verification_id)}, ballot)


def repeats(ballot: FilledBallot, count: int) -> Iterator[bytes]:
    """A voter who has voted confirms again and again."""
    request = _post("/confirmation", {"code": KEYS.code(proving.PURPOSE, ballot.verification_id)}, ballot)
    return repeat(request, count)


def bad_codes(ballots: Sequence[FilledBallot]) -> Iterator[bytes]:
    """Each voter types a wrong code."""
    for ballot in ballots:
        code = int(KEYS.code(proving.PURPOSE, ballot.verification_id))
        yield _post("/confirmation", {"code": f"{(code + 1) % 10**6:06}"}, ballot)


def cool(url: str) -> None:
    """What was counted is forgotten: whoever asks after 60,000 others within ten minutes is asked for a proof of work,
    as the rules have it."""
    database = Database(url)
    with database.writing() as session:
        session.execute(delete(Signal))
    database.close()


def letters(url: str, ballots: Sequence[FilledBallot]) -> None:
    """A letter for each of these ballots waits in the outbox."""
    database = Database(url)
    with database.writing() as session:
        for some in _chunks(ballots):
            waiting = [NewLetter(one.verification_id, LetterKind.VOTE, one.email, "fr") for one in some]
            outbox.post(session, waiting, NOW)
    database.close()


def requests(ballots: Sequence[FilledBallot]) -> Iterator[bytes]:
    """Each voter sends the form of the home page."""
    for ballot in ballots:
        yield _post("/bulletin", {"laureate": str(ballot.laureate), "email": ballot.email}, None)


def strangers(count: int) -> list[FilledBallot]:
    """As many people who have not asked for anything yet."""
    return [
        FilledBallot(b"", b"", SLUGS[n % len(SLUGS)], f"stranger.{n}@{PROVIDERS[n % len(PROVIDERS)]}")
        for n in range(count)
    ]


def write(path: Path, sent: Iterable[bytes]) -> Path:
    """The requests in a file, each after its length in eight characters."""
    with path.open("wb") as file:
        for request in sent:
            file.write(b"%8d%s" % (len(request), request))
    return path


def _post(path: str, form: dict[str, str], ballot: FilledBallot | None) -> bytes:
    body = urlencode(form)
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"X-Forwarded-For: {_somewhere()}",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: fr,en;q=0.5",
        "Accept-Encoding: gzip, deflate",
        "Sec-Fetch-Site: same-origin",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    ]
    if ballot is not None:
        head.append(f"Cookie: bulletin={envelope.seal(KEYS, CONTEST, ballot)}")
    return ("\r\n".join(head) + f"\r\n\r\n{body}").encode()


def _somewhere() -> str:
    """An address in a network of its own, as nearly every voter has: at random, as RFC 4193 makes them."""
    return ":".join((f"fd{secrets.token_hex(1)}", *(secrets.token_hex(2) for _ in range(3)), ":1"))


def _verification(ballot: FilledBallot) -> dict[str, object]:
    left_at = datetime.fromtimestamp(int.from_bytes(ballot.verification_id[:MOMENT_BYTES]) / 1000, UTC)
    return {
        "id": ballot.verification_id,
        "contest": CONTEST,
        "voter_key": secrets.token_bytes(32),
        "expires_at": left_at + VERIFICATION_LASTS,
        "domain": ballot.email.partition("@")[2],
        "attempts": 0,
        "delivery": Delivery.SENT,
    }


def _seal(database: Database, count: int) -> None:
    """That many ballots in the box, in one lot, with their signatures and the running count."""
    with database.writing() as session:
        for some in _chunks(_in_order(32, count)):
            session.execute(insert(Signature), [{"contest": CONTEST, "voter_key": key} for key in some])
        ballots = ((code, SLUGS[n % len(SLUGS)], envelope.new_salt()) for n, code in enumerate(_in_order(10, count)))
        ballot_box.append(session, CONTEST, ballots, NOW - MIXING)
        # Ten days of votes, hour by hour: what the turnout has to add up.
        for hour in range(240):
            some_votes = {slug: count // 240 // len(SLUGS) for slug in SLUGS}
            if hour == 239:
                some_votes[SLUGS[0]] += count - 240 * sum(some_votes.values())
            tally.move(session, CONTEST, 0, some_votes, sum(some_votes.values()), NOW - timedelta(hours=hour + 1))
        ballot_box.sign_checkpoint(session, CONTEST, Signer(f"127.0.0.1/{CONTEST}", bytes.fromhex(SEAL_KEY)), NOW)


def _in_order(length: int, count: int) -> Iterator[bytes]:
    """Distinct random keys in ascending order, so that millions go in quickly."""
    for n in range(count):
        yield (n * 2**40 // count).to_bytes(5) + secrets.token_bytes(length - 5)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk
