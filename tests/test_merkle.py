"""The Merkle tree against its definition, and its proofs against hands that touched them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trees import grow, grown, leaf, reader

from vote.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_HASHES,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    node_hash,
    root,
)

SMALL = 600
BIG = TILE_HASHES**2 - 300


@cache
def mth(low: int, high: int) -> bytes:
    """The definition, word for word."""
    if low == high:
        return sha256(b"").digest()
    if high - low == 1:
        return leaf(low)
    split = 1
    while split * 2 < high - low:
        split *= 2
    return sha256(b"\x01" + mth(low, low + split) + mth(low + split, high)).digest()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from((0, 200, BIG)), st.lists(st.integers(0, 400), max_size=4))
def test_the_tree_is_its_definition_however_it_was_appended(size: int, chunks: list[int]) -> None:
    sizes, before, tiles = [size], grown(size), dict(grown(size))
    for chunk in chunks:
        grow(tiles, size, map(leaf, range(size, size + chunk)))
        size += chunk
        sizes.append(size)
    assert [root(reader(tiles), size) for size in sizes] == [mth(0, size) for size in sizes]
    widths = {level: size >> 8 * level for level in range(3)}
    assert set(tiles) == {(level, n) for level, width in widths.items() for n in range(-(-width // TILE_HASHES))}
    for (level, number), hashes in tiles.items() - before.items():
        held = range(TILE_HASHES * number, min(TILE_HASHES * (number + 1), widths[level]))
        assert hashes == b"".join(mth(index << 8 * level, (index + 1) << 8 * level) for index in held)


@st.composite
def touched(draw: st.DrawFn, values: list[bytes]) -> list[bytes]:
    """The values with one of them changed, shortened, left out, doubled, or in another place."""
    place = draw(st.integers(0, len(values) - 1))
    value = values[place]
    flipped = bytearray(value)
    flipped[draw(st.integers(0, len(value) - 1))] ^= 1 << draw(st.integers(0, 7))
    new = draw(st.sampled_from(([bytes(flipped)], [value[:-1]], [value + b"\0"], [], [value, value])))
    other = [*values[:place], *new, *values[place + 1 :]] if draw(st.booleans()) else draw(st.permutations(values))
    assume(len(other) >= 2 and other != values)
    return other


@settings(deadline=None)
@given(st.data(), st.integers(1, SMALL), st.integers(1, SMALL))
def test_an_inclusion_proof_is_good_for_its_leaf_and_tree_alone(data: st.DataObject, size: int, other: int) -> None:
    read = reader(grown(SMALL))
    position = data.draw(st.integers(0, size - 1))
    elsewhere = data.draw(st.integers(-1, size + 1))
    proof = inclusion_proof(read, position, size)
    assert includes(leaf(position), position, size, proof, mth(0, size))
    assert includes(leaf(position), elsewhere, size, proof, mth(0, size)) == (elsewhere == position)
    assert includes(leaf(position), position, other, proof, mth(0, other)) == (other == size)
    good = [leaf(position), *proof, mth(0, size)]
    first, *steps, last = data.draw(touched(good))
    assert not includes(first, position, size, steps, last)


@settings(deadline=None)
@given(st.data(), st.integers(2, SMALL), st.integers(2, SMALL))
def test_a_consistency_proof_is_good_for_its_two_trees_alone(data: st.DataObject, new: int, other: int) -> None:
    read = reader(grown(SMALL))
    old = data.draw(st.integers(1, new - 1))
    before = data.draw(st.integers(-1, new))
    proof = consistency_proof(read, old, new)
    assert extends(old, mth(0, old), new, mth(0, new), proof)
    assert extends(before, mth(0, old), new, mth(0, new), proof) == (before == old)
    assert extends(before, mth(0, max(before, 0)), new, mth(0, new), proof) == (before == old)
    assert extends(old, mth(0, old), other, mth(0, other), proof) == (other == new)
    good = [mth(0, old), *proof, mth(0, new)]
    first, *steps, last = data.draw(touched(good))
    assert not extends(old, first, new, last, steps)


def test_a_size_is_bound_by_the_root_signed_with_it_not_by_the_proof() -> None:
    """As with every verifier of the RFCs: trees that divide alike on the way to a leaf give it the same proof."""
    proof = inclusion_proof(reader(grown(SMALL)), 0, 5)
    assert [size for size in range(20) if includes(leaf(0), 0, size, proof, mth(0, 5))] == [5, 6, 7, 8]
    assert [size for size in range(20) if includes(leaf(0), 0, size, proof, mth(0, size))] == [5]


def test_a_proof_cannot_climb_above_the_tree_it_claims() -> None:
    read = reader(grown(SMALL))
    assert not includes(leaf(1), 0, 1, inclusion_proof(read, 1, 2), mth(0, 2))
    assert not extends(3, mth(0, 7), 4, mth(0, 8), consistency_proof(read, 7, 8))


def test_the_border_inside_a_node_cannot_be_moved() -> None:
    left, right = leaf(1), leaf(2)
    both = node_hash(left, right)
    assert includes(left, 0, 2, [right], both)
    assert not includes(left[:-1], 0, 2, [left[-1:] + right], both)
    assert not extends(1, left[:-1], 2, both, [left[-1:] + right])


def test_trees_that_are_empty_or_the_same() -> None:
    one = leaf(1)
    assert extends(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert extends(0, EMPTY_ROOT, 1, one, [])
    assert extends(1, one, 1, one, [])
    for old, old_root, new, new_root, proof in (
        (0, one, 0, one, []),
        (0, one, 1, one, []),
        (0, EMPTY_ROOT, 0, EMPTY_ROOT, [one]),
        (0, EMPTY_ROOT, 1, one, [one]),
        (1, one, 1, leaf(2), []),
        (1, one, 1, one, [one]),
        (1, one, 2, one, []),
        (2, one, 1, one, []),
        (-1, one, -1, one, []),
        (3, one, 4, one, []),
    ):
        assert not extends(old, old_root, new, new_root, proof)
    assert not includes(EMPTY_ROOT, 0, 0, [], EMPTY_ROOT)


def test_what_a_tree_does_not_hold_is_not_proved() -> None:
    read = reader(grown(SMALL))
    for position, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_proof(read, position, size)
    for old, new in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="older tree"):
            consistency_proof(read, old, new)


def test_tiles_that_an_unfinished_writer_left_ahead_of_the_tree_are_written_again() -> None:
    tiles = dict(grown(SMALL))
    grow(tiles, 300, map(leaf, range(1300, 2300)))
    afresh = dict(grown(300))
    grow(afresh, 300, map(leaf, range(1300, 2300)))
    assert tiles == afresh


def test_a_tile_shorter_than_the_tree_is_noticed() -> None:
    short = {**grown(SMALL), (0, 2): grown(SMALL)[0, 2][:-HASH_BYTES]}
    with pytest.raises(ValueError, match="tile 0/2 is shorter"):
        root(reader(short), SMALL)
    with pytest.raises(ValueError, match="tile 0/2 is shorter"):
        grow(short, SMALL, [leaf(SMALL)])
