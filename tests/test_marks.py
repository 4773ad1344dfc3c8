"""Marks: networks are called by names that tell nothing, and by other ones the next day."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from people import MORNING

from vote import marks
from vote.marks import MARK_BYTES
from vote.tokens import Keys

KEYS, OTHERS = Keys(("s" * 40,)), Keys(("t" * 40,))

# Addresses as providers give them (RFC 4291, 2.4: global unicast begins with 001).
ours = st.integers(1 << 125, (1 << 126) - 1)


@given(ours, st.integers(0, 124))
def test_two_addresses_share_the_marks_of_the_networks_they_share(number: int, flipped: int) -> None:
    house, street = marks.networks(KEYS, str(IPv6Address(number)), MORNING)
    other_house, other_street = marks.networks(KEYS, str(IPv6Address(number ^ 1 << flipped)), MORNING)
    assert (house == other_house) is (flipped < 64)
    assert (street == other_street) is (flipped < 80)


@given(ours)
def test_a_house_is_called_otherwise_than_its_street_and_both_otherwise_the_next_day(number: int) -> None:
    address = str(IPv6Address(number))
    today, tomorrow, elsewhere = (
        marks.networks(KEYS, address, MORNING),
        marks.networks(KEYS, address, MORNING + timedelta(days=1)),
        marks.networks(OTHERS, address, MORNING),
    )
    assert len({*today, *tomorrow, *elsewhere}) == 6
    assert {len(mark) for mark in today} == {MARK_BYTES}
    assert today[-1] == marks.network(KEYS, address, MORNING)
    # What is counted of both lies side by side.
    assert today[0][: MARK_BYTES // 2] == today[1][: MARK_BYTES // 2]


def test_marks_of_one_value_differ_by_what_it_is() -> None:
    assert len({marks.address(KEYS, b"a"), marks.contest(KEYS, "a"), marks.once(KEYS, "a")}) == 3
