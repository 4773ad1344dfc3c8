"""What a confirmation that casts nothing says, and the exact moments at which a ballot's life turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from nodes import KEYS, ask, ballot, booth
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select, update

from vote import casting, contests, decisions, proving
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.errors import Refusal
from vote.models import TRIES, VERIFICATION_LASTS, Act, Envelope, Verification
from vote.proving import WrongCode

SECOND = timedelta(seconds=1)
EXHAUSTED = "Five wrong codes were typed: ask for a new e-mail, or open the link in the one you received."
LATE = "This code or link no longer works: ask for a new e-mail, it comes within moments."
END = MORNING + VERIFICATION_LASTS


@pytest.fixture
def here(database: Database) -> Booth:
    return booth(database, CONTEST)


def said(outcome: Receipt | Refusal) -> dict[str, str]:
    assert isinstance(outcome, Refusal)
    assert str(outcome) != outcome.sentence.in_("en")
    return {field: sentence.in_("en").replace("\u00a0", " ") for field, sentence in outcome.errors.items()}


def wrong(verification_id: bytes) -> Confirmation:
    code = KEYS.code(proving.PURPOSE, verification_id)
    return ballot(verification_id, code=f"{(int(code) + 1) % 1_000_000:06d}")


def test_a_wrong_code_says_how_many_tries_are_left_from_one_transaction_to_the_next(here: Booth) -> None:
    (marie,) = ask(here, [b"marie"], MORNING)
    sentences = []
    for _ in range(TRIES + 1):
        (outcome,) = casting.confirm(here, [wrong(marie)], MORNING)
        sentences.append(said(outcome))
        if isinstance(outcome, WrongCode):
            assert outcome.verification.expires_at == END
    left = ["you have 4 tries left", "you have 3 tries left", "you have 2 tries left", "you have one try left"]
    typed = [{"code": f"This code is not the one in the latest e-mail: read it again, {one}."} for one in left]
    assert sentences == [*typed, {"": EXHAUSTED}, {"": EXHAUSTED}]


def test_each_reason_for_casting_nothing_is_said_to_each_in_their_language(here: Booth, database: Database) -> None:
    marie, paul = ask(here, [b"marie", b"paul"], MORNING)

    def says(filled: Confirmation, at: timedelta = timedelta(0)) -> dict[str, str]:
        return said(casting.confirm(here, [filled], MORNING + at)[0])

    def everything_lasts() -> None:
        with database.writing() as session:
            session.execute(update(Verification).values(expires_at=EDITION.closes_at + timedelta(days=9)))

    assert says(ballot(marie, None)) == {"laureate": "Choose one of the laureates: none is ticked."}
    assert says(ballot(marie), VERIFICATION_LASTS) == {"": LATE}
    casting.confirm(here, [ballot(paul)], MORNING)
    already = "A vote is already counted for this address; a vote is final, and there is nothing more to do."
    assert says(ballot(paul)) == {"": already}
    everything_lasts()
    opens = "Voting is not open yet: it opens on Thursday 7 November 2019 at 00:00."
    assert says(ballot(marie), EDITION.opens_at - SECOND - MORNING) == {"": opens}
    ended = "Voting closed on Thursday 21 November 2019 at 23:59: this ballot was not counted."
    assert says(ballot(marie), EDITION.closes_at - MORNING) == {"": ended}
    contests.close(database, CONTEST, who="le bureau", why="Essai", at=MORNING)
    closed = "Voting closed on Monday 18 November 2019 at 10:00: this ballot was not counted."
    assert says(ballot(marie)) == {"": closed}


def test_a_verification_is_read_until_it_ends_and_in_its_own_contest(here: Booth, database: Database) -> None:
    (marie,) = ask(here, [b"marie"], MORNING)
    with database.reading() as session:
        found = proving.read_verification(session, CONTEST, marie, END - timedelta.resolution)
        assert found is not None
        assert found.id == marie
        assert proving.read_verification(session, CONTEST, marie, END) is None
        assert proving.read_verification(session, "elsewhere", marie, MORNING) is None
        assert proving.read_verification(session, CONTEST, b"never asked", MORNING) is None


def test_a_ballot_of_the_last_sixth_of_a_window_lies_in_the_next(here: Booth, database: Database) -> None:
    moments = [timedelta(0), timedelta(minutes=50) - SECOND, timedelta(minutes=50), timedelta(minutes=59, seconds=59)]
    windows = []
    for number, after in enumerate(moments):
        (asked,) = ask(here, [bytes([number])], MORNING + after)
        filled = ballot(asked)
        casting.confirm(here, [filled], MORNING + after)
        with database.reading() as session:
            windows.append(session.scalar(select(Envelope.window_at).where(Envelope.ballot_code == filled.ballot_code)))
    hour = MORNING.astimezone(UTC)
    assert windows == [hour, hour, hour + timedelta(hours=1), hour + timedelta(hours=1)]


def test_a_receipt_is_found_again_with_what_became_of_its_ballot(here: Booth, database: Database) -> None:
    screened = replace(here, screening=True)
    marie, paul = ask(here, [b"marie", b"paul"], MORNING)
    kept, aside = ballot(marie), ballot(paul)
    casting.confirm(here, [kept], MORNING)
    with database.writing() as session:
        session.execute(update(Verification).where(Verification.id == paul).values(domain="yopmail.com"))
    assert casting.confirm(screened, [aside], MORNING) == [Receipt(aside.ballot_code, aside=True)]
    assert casting.confirm(screened, [aside], MORNING) == [Receipt(aside.ballot_code, repeated=True, aside=True)]
    with database.reading() as session:
        assert casting.find_receipt(session, kept.ballot_code) == Receipt(kept.ballot_code)
        assert casting.find_receipt(session, aside.ballot_code) == Receipt(aside.ballot_code, aside=True)
        assert casting.find_receipt(session, b"never cast") is None
        stored = session.get_one(Envelope, aside.ballot_code)
        assert (stored.gap, stored.network, stored.domain is None) == (0, None, False)
        assert session.get_one(Envelope, kept.ballot_code).domain is None
    with database.reading() as session:
        (group,) = decisions.groups(session, CONTEST)
    decisions.decide(database, CONTEST, group.suspicion.id, Act.REJECTION, who="le bureau", why="Essai", at=MORNING)
    assert casting.confirm(screened, [aside], MORNING) == [Receipt(aside.ballot_code, repeated=True, aside=True)]
