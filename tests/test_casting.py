"""Casting: what proves a mailbox, what a confirmation answers, and what it leaves in the database."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from nodes import KEYS, ask, ballot, booth
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from vote import asking, casting, contests, proving, tally
from vote.asking import Request
from vote.casting import Booth, Confirmation, Receipt
from vote.db import Database
from vote.errors import AlreadyCounted, Conflict, Expired, Invalid, Refusal
from vote.models import TRIES, VERIFICATION_LASTS, Envelope, OutgoingLetter, Table, Turnout, Verification
from vote.proofs import Toll
from vote.proving import Exhausted, WrongCode
from vote.tally import Balance

SECOND = timedelta(seconds=1)


@pytest.fixture
def here(database: Database) -> Booth:
    return booth(database, CONTEST)


def ask_again(here: Booth, voter: bytes, earlier: bytes | None, at: datetime) -> bytes | Refusal | Toll:
    return asking.request(here, [Request("marie@example.org", voter, earlier)], at)[0]


def code_of(verification_id: bytes) -> str:
    return KEYS.code(proving.PURPOSE, verification_id)


def wrong(verification_id: bytes) -> str:
    return f"{(int(code_of(verification_id)) + 1) % 1_000_000:06d}"


def confirm(here: Booth, *confirmations: Confirmation, at: datetime = MORNING) -> list[Receipt | Refusal]:
    return casting.confirm(here, confirmations, at)


def cast(here: Booth, voter: bytes, at: datetime = MORNING) -> Confirmation:
    """The ballot with which somebody has just voted."""
    filled = ballot(ask(here, [voter], at)[0])
    assert confirm(here, filled, at=at) == [Receipt(filled.ballot_code)]
    return filled


def balance(here: Booth) -> Balance:
    with here.database.reading() as session:
        return tally.balance(session, CONTEST)


def test_the_same_browser_asking_again_keeps_its_code(here: Booth) -> None:
    first = ask(here, [b"marie"], MORNING)[0]
    assert ask_again(here, b"marie", first, MORNING + VERIFICATION_LASTS - SECOND) == first


def test_two_letters_under_way_are_one_letter(here: Booth, database: Database) -> None:
    first = ask(here, [b"marie"], MORNING)[0]
    ask_again(here, b"marie", first, MORNING)
    with database.reading() as session:
        letters = session.scalars(select(OutgoingLetter)).all()
    assert [(letter.id, letter.address) for letter in letters] == [(first, "marie@example.org")]


def test_an_earlier_verification_serves_neither_another_person_nor_for_longer_nor_after_five_tries(here: Booth) -> None:
    first = ask(here, [b"marie"], MORNING)[0]
    assert ask_again(here, b"paul", first, MORNING) != first
    assert ask_again(here, b"marie", first, MORNING + VERIFICATION_LASTS) != first
    confirm(here, *[ballot(first, code=wrong(first))] * TRIES)
    assert ask_again(here, b"marie", first, MORNING) != first


def test_asking_is_refused_before_the_opening_and_from_the_deadline_on(here: Booth) -> None:
    assert isinstance(ask_again(here, b"marie", None, EDITION.opens_at - SECOND), Conflict)
    assert isinstance(ask_again(here, b"marie", None, EDITION.opens_at), bytes)
    assert isinstance(ask_again(here, b"marie", None, EDITION.closes_at - SECOND), bytes)
    assert isinstance(ask_again(here, b"marie", None, EDITION.closes_at), Conflict)


def test_a_refused_request_leaves_nothing(here: Booth, database: Database) -> None:
    ask_again(here, b"marie", None, EDITION.closes_at)
    with database.reading() as session:
        assert session.scalars(select(Verification)).all() == []
        assert session.scalars(select(OutgoingLetter)).all() == []


def test_the_deadline_itself_is_too_late(here: Booth) -> None:
    in_time, late = ask(here, [b"in time", b"late"], EDITION.closes_at - SECOND)
    assert isinstance(confirm(here, ballot(in_time), at=EDITION.closes_at - timedelta.resolution)[0], Receipt)
    assert isinstance(confirm(here, ballot(late), at=EDITION.closes_at)[0], Conflict)
    assert balance(here) == Balance(1, 1, 1)


def test_a_ballot_under_way_at_the_closure_is_told_so_and_leaves_nothing(here: Booth, database: Database) -> None:
    verification = ask(here, [b"marie"], MORNING)[0]
    contests.close(database, CONTEST, who="le bureau", why="Essai", at=MORNING)
    (outcome,) = confirm(here, ballot(verification, code=code_of(verification)))
    assert isinstance(outcome, Conflict)
    assert "clos" in outcome.sentence
    assert balance(here) == Balance(0, 0, 0)


@pytest.mark.parametrize("form", ["{}", " {} ", "{:.3} {:>3.3}"])
def test_the_code_proves_the_mailbox_spaces_or_not(here: Booth, form: str) -> None:
    verification = ask(here, [b"marie"], MORNING)[0]
    code = code_of(verification)
    typed = form.format(code[:3], code[3:]) if ":" in form else form.format(code)
    assert isinstance(confirm(here, ballot(verification, code=typed))[0], Receipt)


def test_the_code_of_somebody_else_proves_nothing(here: Booth) -> None:
    marie, paul = ask(here, [b"marie", b"paul"], MORNING)
    assert isinstance(confirm(here, ballot(marie, code=code_of(paul)))[0], Invalid)


def test_five_wrong_codes_use_up_the_letter_even_in_one_transaction(here: Booth) -> None:
    first = ask(here, [b"marie"], MORNING)[0]
    outcomes = confirm(here, *[ballot(first, code=wrong(first))] * TRIES, ballot(first, code=code_of(first)))
    assert [type(outcome) for outcome in outcomes] == [WrongCode] * 4 + [Exhausted] * 2
    assert "un essai" in str(outcomes[3])
    assert isinstance(confirm(here, ballot(first, code=code_of(first)))[0], Expired)


def test_after_five_wrong_codes_the_link_still_proves_the_mailbox(here: Booth) -> None:
    first = ask(here, [b"marie"], MORNING)[0]
    confirm(here, *[ballot(first, code=wrong(first))] * TRIES)
    assert isinstance(confirm(here, ballot(first))[0], Receipt)


def test_code_and_link_serve_for_half_an_hour(here: Booth) -> None:
    marie, paul = ask(here, [b"marie", b"paul"], MORNING)
    end = MORNING + VERIFICATION_LASTS
    assert isinstance(confirm(here, ballot(marie), at=end)[0], Expired)
    assert isinstance(confirm(here, ballot(paul, code=code_of(paul)), at=end)[0], Expired)
    assert isinstance(confirm(here, ballot(marie), at=end - SECOND)[0], Receipt)


def test_an_unknown_verification_is_expired(here: Booth) -> None:
    assert isinstance(confirm(here, ballot(b"never asked"))[0], Expired)


def test_a_proved_mailbox_without_a_choice_is_asked_for_one_and_spends_nothing(here: Booth) -> None:
    verification = ask(here, [b"marie"], MORNING)[0]
    (outcome,) = confirm(here, ballot(verification, laureate=None))
    assert isinstance(outcome, Invalid)
    assert list(outcome.errors) == ["laureate"]
    assert isinstance(confirm(here, ballot(verification))[0], Receipt)


def test_the_same_ballot_again_is_the_same_receipt_at_any_time(here: Booth, database: Database) -> None:
    filled = cast(here, b"marie")
    again = [Receipt(filled.ballot_code, repeated=True)]
    assert confirm(here, filled) == again
    contests.close(database, CONTEST, who="le bureau", why="Essai", at=MORNING)
    assert confirm(here, filled) == again
    assert confirm(here, filled, at=MORNING + timedelta(days=1)) == again
    assert balance(here) == Balance(1, 1, 1)


def test_another_choice_after_the_vote_changes_nothing(here: Booth, database: Database) -> None:
    filled = cast(here, b"marie")
    other = Confirmation(filled.verification_id, filled.ballot_code, "permis-de-construire")
    assert confirm(here, other) == [Receipt(filled.ballot_code, repeated=True)]
    with database.reading() as session:
        assert session.get_one(Envelope, filled.ballot_code).laureate == filled.laureate


def test_another_browser_learns_that_the_vote_is_counted_only_with_the_mailbox_proved(here: Booth) -> None:
    cast(here, b"marie")
    verification = ask(here, [b"marie"], MORNING)[0]
    assert isinstance(confirm(here, ballot(verification))[0], AlreadyCounted)
    assert type(confirm(here, ballot(verification, code=wrong(verification)))[0]) is WrongCode


def test_one_refusal_in_a_transaction_concerns_one_voter(here: Booth) -> None:
    marie, paul, zoe = ask(here, [b"marie", b"paul", b"zoe"], MORNING)
    entries = [ballot(b"unknown"), ballot(marie), ballot(paul, code=wrong(paul)), ballot(marie), ballot(zoe, None)]
    outcomes = confirm(here, *entries)
    assert [type(outcome) for outcome in outcomes] == [Expired, Receipt, WrongCode, AlreadyCounted, Invalid]
    assert balance(here) == Balance(1, 1, 1)


def test_a_laureate_that_does_not_exist_cannot_be_voted_for(here: Booth, database: Database) -> None:
    marie, paul = ask(here, [b"marie", b"paul"], MORNING)
    with pytest.raises(IntegrityError):
        confirm(here, ballot(paul), ballot(marie, "nobody"))
    assert balance(here) == Balance(0, 0, 0)
    with database.reading() as session:
        assert session.scalars(select(Turnout)).all() == []


def test_an_envelope_tells_no_more_of_its_arrival_than_its_window(here: Booth, database: Database) -> None:
    for place in range(3):
        cast(here, bytes([place]), MORNING + timedelta(minutes=19, seconds=place, microseconds=7))
    with database.reading() as session:
        envelopes = session.scalars(select(Envelope)).all()
    assert {envelope.window_at for envelope in envelopes} == {MORNING}
    assert len({envelope.salt for envelope in envelopes}) == 3
    assert {len(envelope.salt) for envelope in envelopes} == {32}


def test_no_table_holds_a_ballot_code_or_a_choice_beside_a_person(here: Booth, database: Database) -> None:
    filled = cast(here, b"marie")
    assert filled.laureate is not None
    with database.reading() as session:
        for table in Table.metadata.sorted_tables:
            rows = [list(row) for row in session.execute(select(table))]
            about_a_person = [row for row in rows if b"marie" in row or filled.verification_id in row]
            assert not [row for row in about_a_person if filled.ballot_code in row or filled.laureate in row]
