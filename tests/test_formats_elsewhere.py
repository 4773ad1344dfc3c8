"""Trees, proofs, notes and checkpoints against golang.org/x/mod, which nobody here wrote, in both directions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import Tiles, grow, reader

from vote.merkle import consistency_proof, extends, includes, inclusion_proof, leaf_hash, root
from vote.notes import Checkpoint, Signer, Verifier, decode_proof, encode_proof, read_checkpoint

Ask = Callable[..., dict[str, Any]]

PROGRAM = Path(__file__).parent / "elsewhere" / "main.go"
# Where Debian's golang-golang-x-mod-dev puts it.
GOPATH = Path("/usr/share/gocode")

SIGNER = Signer("prix.example/urne", bytes(range(32)))
VERIFIER = SIGNER.verifier
NOTE = SIGNER.sign(Checkpoint("prix.example/urne", 21, leaf_hash(b"21"), ("procès-verbal 7",)).body())
RECORDS = [b"bulletin %d" % number for number in range(600)]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """A question to the Go program, and its answer."""
    go, package = shutil.which("go"), GOPATH / "src/golang.org/x/mod/sumdb"
    if go is None or not package.is_dir():
        missing = "the Debian packages golang-go and golang-golang-x-mod-dev are not installed"
        if os.getenv("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("elsewhere")
    offline = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(folder / "cache"), "GOENV": "off"}
    subprocess.run(
        [go, "build", "-o", folder / "elsewhere", PROGRAM],
        env={**offline, "CGO_ENABLED": "0", "PATH": os.defpath, "TMPDIR": str(folder)},
        check=True,
        timeout=120,
    )

    def asking(do: str, **question: Any) -> dict[str, Any]:
        asked = json.dumps({"do": do, **question})
        found = subprocess.run(
            [folder / "elsewhere"], input=asked.encode(), capture_output=True, check=True, timeout=30
        )
        answer: dict[str, Any] = json.loads(found.stdout)
        return answer

    return asking


def written(digest: bytes) -> str:
    return b64encode(digest).decode()


@pytest.fixture(scope="session")
def tiles() -> Tiles:
    found: Tiles = {}
    grow(found, 0, map(leaf_hash, RECORDS))
    return found


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_536 + 257])
def test_the_same_leaves_make_the_same_tree_and_tiles_there_and_here(ask: Ask, size: int) -> None:
    records = [b"bulletin %d" % number for number in range(size)]
    position, old = size // 3, size // 2 + 1
    tiles: Tiles = {}
    grow(tiles, 0, map(leaf_hash, records[:old]))
    grow(tiles, old, map(leaf_hash, records[old:]))
    read = reader(tiles)
    there = ask("prove", records=[written(record) for record in records], position=position, old=old)
    assert there["leaf"] == written(leaf_hash(records[position]))
    assert there["root"] == written(root(read, size))
    assert there["old_root"] == written(root(read, old))
    assert there["inclusion"] == encode_proof(inclusion_proof(read, position, size))
    assert there["consistency"] == encode_proof(consistency_proof(read, old, size))
    assert there["tiles"] == {f"{level}/{number}": written(hashes) for (level, number), hashes in tiles.items()}


@settings(deadline=None, max_examples=30)
@given(st.data(), st.integers(1, 600))
def test_proofs_made_here_are_accepted_there(ask: Ask, tiles: Tiles, data: st.DataObject, size: int) -> None:
    read, position, old = reader(tiles), data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = {"size": size, "root": written(root(read, size))}
    leaf = written(leaf_hash(RECORDS[position]))
    proof = encode_proof(inclusion_proof(read, position, size))
    assert ask("includes", **tree, position=position, leaf=leaf, proof=proof) == {}
    proof = encode_proof(consistency_proof(read, old, size))
    assert ask("extends", **tree, old=old, old_root=written(root(read, old)), proof=proof) == {}


@settings(deadline=None, max_examples=30)
@given(st.data(), st.integers(1, 600))
def test_proofs_made_there_are_accepted_here(ask: Ask, data: st.DataObject, size: int) -> None:
    position, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    there = ask("prove", records=[written(record) for record in RECORDS[:size]], position=position, old=old)
    whole, part = b64decode(there["root"]), b64decode(there["old_root"])
    assert includes(leaf_hash(RECORDS[position]), position, size, decode_proof(there["inclusion"]), whole)
    assert extends(old, part, size, whole, decode_proof(there["consistency"]))


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 20), st.integers(0, 20))
def test_any_proof_has_the_same_verdict_there_and_here(
    ask: Ask, tiles: Tiles, data: st.DataObject, size: int, place: int
) -> None:
    """Right and wrong sizes, positions and roots, with a good proof or one shuffled, cut or lengthened."""
    read, claimed = reader(tiles), data.draw(st.just(size) | st.integers(0, 21))
    whole, part = root(read, size), root(read, min(place, size))
    good = [
        inclusion_proof(read, min(place, size - 1), size),
        consistency_proof(read, max(1, min(place, size)), size),
    ]
    proof = data.draw(st.sampled_from(good).flatmap(lambda steps: st.sampled_from([steps, steps[1:], [whole, *steps]])))
    leaf = leaf_hash(RECORDS[min(place, size - 1)])
    asked = {"size": claimed, "root": written(whole), "proof": encode_proof(proof)}
    there = ask("includes", **asked, position=place, leaf=written(leaf))
    assert includes(leaf, place, claimed, proof, whole) == (there == {})
    if place:  # of the empty tree, Go says nothing
        there = ask("extends", **asked, old=place, old_root=written(part))
        assert extends(place, part, claimed, whole, proof) == (there == {})


def test_a_key_made_there_signs_there_and_is_verified_here(ask: Ask) -> None:
    keys = ask("generate", text="prix.example/ailleurs")
    verifier = Verifier.read(keys["verifier"])
    assert (verifier.name, verifier.text()) == ("prix.example/ailleurs", keys["verifier"])
    text = "Une remarque.\n\nEn deux parties.\n"
    assert verifier.verifies(ask("sign", key=keys["signer"], text=text)["note"]) == text


def test_one_key_signs_the_same_note_there_and_here(ask: Ask) -> None:
    material = written(b"\x01" + SIGNER.private)
    text = VERIFIER.verifies(NOTE)
    signer = f"PRIVATE+KEY+{SIGNER.name}+{VERIFIER.key_id.hex()}+{material}"
    assert ask("sign", key=signer, text=text) == {"note": NOTE}
    assert ask("open", key=VERIFIER.text(), text=NOTE) == {"text": text}


@settings(deadline=None, max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), st.integers(0, 2**63 - 1))
def test_a_checkpoint_made_here_is_opened_and_read_there(ask: Ask, extension: str, size: int) -> None:
    checkpoint = Checkpoint("go.sum database tree", size, leaf_hash(extension.encode()), (f"extension {extension}",))
    opened = ask("open", key=VERIFIER.text(), text=SIGNER.sign(checkpoint.body()))
    assert opened == {"text": checkpoint.body()}
    there = ask("tree", **opened)
    assert (there["size"], there["root"]) == (size, written(checkpoint.root))
    assert read_checkpoint(there["text"]) == Checkpoint(checkpoint.origin, size, checkpoint.root)


PIECES = st.sampled_from(
    ("\n", "\n\n", " ", "— ", "+", "=", "A", "\r", "\t", "\x01", "\u2028", "\u00a0", "é", "— x AAAAAAA=\n")
)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_note_has_the_same_verdict_there_and_here(ask: Ask, data: st.DataObject) -> None:
    note = NOTE
    for _ in range(data.draw(st.integers(1, 2))):
        # More often near the signature, where the syntax is.
        low = data.draw(st.integers(0, len(note)) | st.integers(note.rfind("\n\n"), len(note)))
        high = data.draw(st.sampled_from((low, low + 1, len(note))))
        note = note[:low] + data.draw(PIECES | st.just("") | st.just(note[low:high] * 2)) + note[high:]
    there = ask("open", key=VERIFIER.text(), text=note)
    here = VERIFIER.verifies(note)
    if here is not None or not has_spare_bits(note):
        assert here == there.get("text")


def has_spare_bits(note: str) -> bool:
    """Whether a signature is not in the one writing that an encoder gives it: refused here, not there."""
    for line in note.splitlines():
        try:
            blob = line.rpartition(" ")[2]
            if written(b64decode(blob, validate=True)) != blob:
                return True
        except ValueError:
            continue
    return False
