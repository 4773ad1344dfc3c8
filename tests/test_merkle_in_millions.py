"""Proofs in trees of millions of leaves read a handful of tiles."""

from __future__ import annotations

import pytest
from trees import reader

from vote.merkle import (
    HASH_BYTES,
    TILE_HASHES,
    ReadTile,
    append,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    root,
)

FULL = TILE_HASHES**3


@pytest.fixture(scope="session")
def rows() -> list[bytes]:
    """One full tile for each level of a tree whose leaves begin again every 256, so that all its tiles are alike."""
    found = [b"".join(number.to_bytes(HASH_BYTES, "big") for number in range(TILE_HASHES))]
    for _ in range(3):
        (tile,) = [tile for tile in append(reader({}), 0, split(found[-1])) if tile[0] == 1]
        found.append(tile[2] * TILE_HASHES)
    return found


def split(hashes: bytes) -> list[bytes]:
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def tree(rows: list[bytes], size: int) -> ReadTile:
    return lambda level, number: rows[level][: max(0, (size >> 8 * level) - TILE_HASHES * number) * HASH_BYTES]


@pytest.mark.parametrize("size", [1_000_000, 2**20 - 1, 2**20, 2**20 + 1, FULL - 1, FULL])
def test_a_proof_reads_at_most_two_tiles_of_each_level(rows: list[bytes], size: int) -> None:
    read = tree(rows, size)
    tiles: set[tuple[int, int]] = set()

    def counting(level: int, number: int) -> bytes:
        tiles.add((level, number))
        return read(level, number)

    whole = root(read, size)
    for position in (0, 1, 255, 256, 65_535, 65_536, size // 3, size // 2, size - 65_537, size - 257, size - 2):
        tiles.clear()
        proof = inclusion_proof(counting, position, size)
        assert len(tiles) <= 6
        assert includes(rows[0][position % 256 * HASH_BYTES :][:HASH_BYTES], position, size, proof, whole)
        tiles.clear()
        steps = consistency_proof(counting, position + 1, size)
        assert len(tiles) <= 6
        assert extends(position + 1, root(read, position + 1), size, whole, steps)


@pytest.mark.parametrize("size", [2**20 - 300, FULL - 300])
def test_a_tree_of_millions_grows_by_its_last_tiles_alone(rows: list[bytes], size: int) -> None:
    reads = []

    def counting(level: int, number: int) -> bytes:
        reads.append((level, number))
        return tree(rows, size)(level, number)

    more = [split(rows[0])[position % TILE_HASHES] for position in range(size, size + 600)]
    changed = {(level, number): hashes for level, number, hashes in append(counting, size, more)}
    assert len(reads) <= 4
    assert len(changed) <= 8
    assert changed == {place: tree(rows, size + 600)(*place) for place in changed}

    def grown(level: int, number: int) -> bytes:
        return changed.get((level, number)) or tree(rows, size)(level, number)

    proof = consistency_proof(grown, size, size + 600)
    assert extends(size, root(tree(rows, size), size), size + 600, root(grown, size + 600), proof)
    assert root(grown, size + 600) == root(tree(rows, size + 600), size + 600)
