"""Signed tokens and mailed codes: each serves one purpose, under one of our secrets."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import MORNING

from vote import envelope
from vote.envelope import FilledBallot
from vote.tokens import Keys, decode, encode

OLD, NEW = "o" * 40, "n" * 40
KEYS = Keys((NEW, OLD))
ID = bytes(range(16))


@given(st.binary(max_size=40))
def test_bytes_survive_their_spelling(raw: bytes) -> None:
    assert decode(encode(raw)) == decode(encode(raw).decode()) == raw
    assert re.fullmatch(rb"[A-Za-z0-9_-]*", encode(raw))


@given(st.binary(min_size=1, max_size=40))
def test_an_identifier_is_read_back_for_its_own_purpose_alone(raw: bytes) -> None:
    token = KEYS.sign_id("vote", raw)
    assert KEYS.read_id("vote", token) == raw
    assert KEYS.read_id("sign-in", token) is None
    assert Keys(("x" * 40,)).read_id("vote", token) is None


@given(st.text(max_size=60))
def test_any_other_text_is_no_token_and_no_code(text: str) -> None:
    assert KEYS.read_id("vote", text) is None
    assert KEYS.unseal("vote", text) is None
    assert KEYS.proves("vote", ID, text) is ("".join(text.split()) == KEYS.code("vote", ID))


@settings(max_examples=200)
@given(st.data())
def test_no_letter_of_a_token_can_be_changed(data: st.DataObject) -> None:
    token = KEYS.sign_id("vote", ID)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + data.draw(st.characters(exclude_characters=token[place])) + token[place + 1 :]
    assert KEYS.read_id("vote", changed) in {None, ID}
    assert KEYS.read_id("vote", token[:place]) is None


@given(st.integers(0, 10**13).map(lambda late: MORNING + timedelta(microseconds=late)), st.integers(2, 10**6))
def test_verifications_lie_in_the_order_of_their_moments_and_no_two_are_alike(at: datetime, later: int) -> None:
    first, again = envelope.new_verification_id(at), envelope.new_verification_id(at)
    assert len(first) == len(again) == envelope.VERIFICATION_BYTES
    assert first != again
    assert max(first, again) < envelope.new_verification_id(at + timedelta(milliseconds=later))


def test_codes_are_six_digits_that_differ_by_person_purpose_and_secret() -> None:
    codes = [KEYS.code("vote", n.to_bytes(16)) for n in range(2000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in codes)
    assert len(set(codes)) > 1980
    assert any(code.startswith("0") for code in codes)
    assert KEYS.code("vote", ID) != KEYS.code("sign-in", ID)
    assert KEYS.code("vote", ID) != Keys((OLD,)).code("vote", ID)


def test_a_code_may_be_typed_with_spaces_and_under_an_older_secret() -> None:
    code = Keys((OLD,)).code("vote", ID)
    for typed in (code, f" {code[:3]} {code[3:]}\t", f"{code[:3]}\u00a0{code[3:]}", "\u202f".join(code)):
        assert KEYS.proves("vote", ID, typed)
    assert not Keys((NEW,)).proves("vote", ID, code)


@pytest.mark.parametrize(
    "ballot",
    [
        FilledBallot(b"v" * 16, b"b" * 10, "ilot-femmes", "élodie@example.org"),
        FilledBallot(b"v" * 16, b"b" * 10),
        FilledBallot(b"\n" * 16, b"\n" * 10, None, "marie@example.org", 10),
        FilledBallot(b"v" * 16, b"b" * 10, "ilot-femmes", cast_before=255),
    ],
)
def test_a_ballot_is_read_back_in_its_own_contest_alone(ballot: FilledBallot) -> None:
    cookie = envelope.seal(KEYS, "one", ballot)
    assert envelope.unseal(KEYS, "one", cookie) == ballot
    assert envelope.unseal(KEYS, "two", cookie) is None
    assert envelope.unseal(KEYS, "one", cookie[1:]) is None
    assert envelope.unseal(KEYS, "one", None) is envelope.unseal(KEYS, "one", "") is None
    assert re.fullmatch(r"[!#-+\--:<-\[\]-~]+", cookie)  # RFC 6265, 4.1.1


def test_a_ballot_without_its_choice_says_nothing_of_it() -> None:
    ballot = FilledBallot(b"v" * 16, b"b" * 10, "ilot-femmes", "marie@example.org").once_cast()
    cookie = envelope.seal(KEYS, "one", ballot)
    assert len(cookie) < len(envelope.seal(KEYS, "one", FilledBallot(b"v" * 16, b"b" * 10, "ilot-femmes")))
    assert (ballot.laureate, ballot.email) == (None, "")


def test_a_browser_that_cast_very_many_ballots_is_still_one_that_did() -> None:
    cookie = envelope.seal(KEYS, "one", FilledBallot(b"v" * 16, b"b" * 10, cast_before=400))
    held = envelope.unseal(KEYS, "one", cookie)
    assert held is not None
    assert held.once_cast().cast_before == 256
    assert envelope.unseal(KEYS, "one", envelope.seal(KEYS, "one", held.once_cast())) == held


def test_a_links_token_proves_one_verification_of_one_contest() -> None:
    token = envelope.link_token(KEYS, "one", ID)
    assert envelope.read_link_token(KEYS, "one", token) == ID
    assert envelope.read_link_token(KEYS, "two", token) is None


def test_keys_keep_their_secrets_to_themselves() -> None:
    assert OLD not in repr(KEYS)
