"""A receipt code is the ballot code as people read it, and no other text is."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from vote.envelope import BALLOT_CODE_BYTES, CROCKFORD, read_receipt_code, receipt_code

CODES = st.binary(min_size=BALLOT_CODE_BYTES, max_size=BALLOT_CODE_BYTES)
SHAPE = re.compile(rf"[{CROCKFORD}]{{4}}(-[{CROCKFORD}]{{4}}){{3}}")


@settings(deadline=None)
@given(CODES)
def test_every_ballot_code_is_read_back_from_its_receipt(code: bytes) -> None:
    shown = receipt_code(code)
    assert SHAPE.fullmatch(shown)
    assert read_receipt_code(shown) == code


@settings(deadline=None)
@given(CODES, st.data())
def test_case_blanks_and_lookalikes_make_no_difference(code: bytes, data: st.DataObject) -> None:
    alike = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(
        data.draw(st.sampled_from(alike.get(letter, letter + letter.lower())))
        + data.draw(st.sampled_from(["", "", " ", "-", "\t", "\u00a0", "\u202f"]))
        for letter in receipt_code(code).replace("-", "")
    )
    assert read_receipt_code(typed) == code


@settings(deadline=None)
@given(CODES, CODES)
def test_two_ballots_never_share_a_receipt(one: bytes, other: bytes) -> None:
    assert (receipt_code(one) == receipt_code(other)) == (one == other)


@settings(deadline=None)
@given(st.text(max_size=24))
def test_any_text_is_either_a_code_or_nothing(typed: str) -> None:
    code = read_receipt_code(typed)
    assert code is None or read_receipt_code(receipt_code(code)) == code
