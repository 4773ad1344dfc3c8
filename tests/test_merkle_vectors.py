"""The Merkle tree against the published vectors."""

from __future__ import annotations

from trees import Tiles, grow, reader

from vote.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
)

# The leaves, roots and proofs that Certificate Transparency's implementations are tested with.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SECOND = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
SECOND_PAIR = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
SECOND_HALF = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
SEVENTH = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
THIRD_PAIR = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
LAST_PAIR = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
INCLUSION = {
    (0, 1): (),
    (0, 8): (SECOND, SECOND_PAIR, SECOND_HALF),
    (5, 8): (FIFTH, LAST_PAIR, ROOTS[4]),
    (2, 3): (ROOTS[2],),
    (1, 5): (ROOTS[1], SECOND_PAIR, FIFTH),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): (SECOND, SECOND_PAIR, SECOND_HALF),
    (6, 8): (THIRD_PAIR, LAST_PAIR, ROOTS[4]),
    (2, 5): (SECOND_PAIR, FIFTH),
    (6, 7): (THIRD_PAIR, SEVENTH, ROOTS[4]),
}


def test_the_vectors_of_certificate_transparency() -> None:
    leaves = [leaf_hash(bytes.fromhex(data)) for data in LEAVES]
    roots = [bytes.fromhex(digest) for digest in ROOTS]
    tiles: Tiles = {}
    grow(tiles, 0, leaves)
    read = reader(tiles)
    assert [root(read, size) for size in range(9)] == roots
    assert roots[0] == EMPTY_ROOT
    for (position, size), steps in INCLUSION.items():
        proof = [bytes.fromhex(step) for step in steps]
        assert inclusion_proof(read, position, size) == proof
        assert includes(leaves[position], position, size, proof, roots[size])
    for (old, new), steps in CONSISTENCY.items():
        proof = [bytes.fromhex(step) for step in steps]
        assert consistency_proof(read, old, new) == proof
        assert extends(old, roots[old], new, roots[new], proof)


def test_the_example_of_the_rfc() -> None:
    a, b, c, d, e, f, j = (leaf_hash(b"d%d" % number) for number in range(7))
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, last = node_hash(g, h), node_hash(i, j)
    tiles: Tiles = {}
    grow(tiles, 0, (a, b, c, d, e, f, j))
    read = reader(tiles)
    sizes = {3: node_hash(g, c), 4: k, 6: node_hash(k, i), 7: node_hash(k, last)}
    assert {size: root(read, size) for size in sizes} == sizes
    audits = {0: [b, h, last], 3: [c, g, last], 4: [f, j, k], 6: [i, k]}
    assert {position: inclusion_proof(read, position, 7) for position in audits} == audits
    proofs = {3: [c, d, g, last], 4: [last], 6: [i, j, k]}
    assert {old: consistency_proof(read, old, 7) for old in proofs} == proofs
