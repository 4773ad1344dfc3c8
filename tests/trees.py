"""Merkle trees in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from vote.merkle import HASH_BYTES, ReadTile, append

Tiles = dict[tuple[int, int], bytes]


def reader(tiles: Tiles) -> ReadTile:
    return lambda level, number: tiles.get((level, number), b"")


def grow(tiles: Tiles, size: int, leaves: Iterable[bytes]) -> None:
    for level, number, hashes in append(reader(tiles), size, leaves):
        tiles[level, number] = hashes


def leaf(position: int) -> bytes:
    return position.to_bytes(HASH_BYTES, "big")


@cache
def grown(size: int) -> Tiles:
    tiles: Tiles = {}
    grow(tiles, 0, map(leaf, range(size)))
    return tiles
