"""The Merkle tree of RFC 6962 (section 2.1): one hash for the whole box, short proofs for each part of it.

Hashes are kept in tiles of 256, as C2SP tlog-tiles cuts them: tile n of level L holds the hashes of the complete
subtrees of 256**L leaves numbered 256n to 256n + 255. A tile that is not full yet is simply shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_HASHES = 1 << TILE_HEIGHT
EMPTY_ROOT = sha256().digest()

ReadTile = Callable[[int, int], bytes]
"""The hashes of tile (level, number), end to end; empty for a tile that does not exist."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def append(read_tile: ReadTile, size: int, leaves: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """The tiles that change when leaf hashes are appended to a tree of `size`: (level, number, hashes), in any order.

    A tile is yielded once it is full, or when the leaves have ended; memory is bounded by the height of the tree.
    """
    open_tiles: list[bytearray] = []
    numbers: list[int] = []

    def push(level: int, digest: bytes) -> Iterator[tuple[int, int, bytes]]:
        if level == len(open_tiles):
            number, width = divmod(size >> (TILE_HEIGHT * level), TILE_HASHES)
            held = read_tile(level, number)[: width * HASH_BYTES] if width else b""
            if len(held) != width * HASH_BYTES:
                raise ValueError(f"tile {level}/{number} is shorter than the tree")
            numbers.append(number)
            open_tiles.append(bytearray(held))
        tile = open_tiles[level]
        tile += digest
        if len(tile) == TILE_HASHES * HASH_BYTES:
            yield level, numbers[level], bytes(tile)
            yield from push(level + 1, _complete(bytes(tile)))
            tile.clear()
            numbers[level] += 1

    for digest in leaves:
        yield from push(0, digest)
    for level, tile in enumerate(open_tiles):
        if tile:
            yield level, numbers[level], bytes(tile)


def root(read_tile: ReadTile, size: int) -> bytes:
    """The root hash of the first `size` leaves."""
    return _range(read_tile, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read_tile: ReadTile, position: int, size: int) -> list[bytes]:
    """PATH(position, D[size]) of RFC 6962 section 2.1.1, from the leaf up; `position` counts from 0."""
    if not 0 <= position < size:
        raise ValueError("no such leaf in a tree of this size")

    def path(low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _split(high - low)
        if position < middle:
            return [*path(low, middle), _range(read_tile, middle, high)]
        return [*path(middle, high), _range(read_tile, low, middle)]

    return path(0, size)


def consistency_proof(read_tile: ReadTile, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 section 2.1.2; empty where the older tree is empty or the same."""
    if not 0 <= old <= new:
        raise ValueError("the older tree must not be the larger one")

    def proof(low: int, high: int, whole: bool) -> list[bytes]:
        """`whole`: everything from the first leaf on is still in question, so the verifier knows its hash."""
        if old == high:
            return [] if whole else [_range(read_tile, low, high)]
        middle = low + _split(high - low)
        if old <= middle:
            return [*proof(low, middle, whole), _range(read_tile, middle, high)]
        return [*proof(middle, high, False), _range(read_tile, low, middle)]

    return proof(0, new, True) if old else []


def includes(leaf: bytes, position: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf hash to the root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= position < size or not _are_hashes(leaf, *proof):
        return False
    fn, sn, digest = position, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            digest = node_hash(step, digest)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            digest = node_hash(digest, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and digest == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Whether the proof shows that the older tree is the beginning of the newer (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new or not _are_hashes(old_root, *proof) or (old == 0 and old_root != EMPTY_ROOT):
        return False
    if old == new:
        return old_root == new_root and not proof
    if old == 0:
        return not proof
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(step, first), node_hash(step, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == new_root


def _are_hashes(*values: bytes) -> bool:
    """Where lengths are free, the border between the two halves of a node can be moved without changing its hash."""
    return all(len(value) == HASH_BYTES for value in values)


def _range(read_tile: ReadTile, low: int, high: int) -> bytes:
    """MTH of the leaves from `low` up to `high`, a range that the tree's own splits lead to."""
    size = high - low
    if size & (size - 1) == 0:
        return _node(read_tile, size.bit_length() - 1, low // size)
    middle = low + _split(size)
    return node_hash(_range(read_tile, low, middle), _range(read_tile, middle, high))


def _node(read_tile: ReadTile, height: int, index: int) -> bytes:
    """The hash of the complete subtree of 2**height leaves number `index`."""
    level, rest = divmod(height, TILE_HEIGHT)
    number, offset = divmod(index << rest, TILE_HASHES)
    hashes = read_tile(level, number)[offset * HASH_BYTES : (offset + (1 << rest)) * HASH_BYTES]
    if len(hashes) != HASH_BYTES << rest:
        raise ValueError(f"tile {level}/{number} is shorter than the tree")
    return _complete(hashes)


def _complete(hashes: bytes) -> bytes:
    """The root of a complete subtree, from its lowest hashes end to end."""
    row = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
