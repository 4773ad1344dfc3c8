"""Checkpoints and proofs in writing: the published examples, and everything that is nearly one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vote.merkle import leaf_hash
from vote.notes import Checkpoint, Signer, decode_proof, encode_proof, read_checkpoint

# The example of C2SP tlog-checkpoint, and that of golang.org/x/mod/sumdb/tlog.
SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
TREE = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"
ROOT = TREE.split("\n")[2]

LINES = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1)
HASHES = st.binary(min_size=32, max_size=32)


def test_the_published_checkpoints() -> None:
    sofa = read_checkpoint(SOFA)
    assert (sofa.origin, sofa.size, sofa.extensions) == ("example.com/behind-the-sofa", 20_852_163, ())
    assert sofa.body() == SOFA
    tree = Checkpoint("go.sum database tree", 123_456_789_012, leaf_hash(b"hello world"))
    assert tree.body() == TREE
    assert read_checkpoint(TREE) == tree


@settings(deadline=None)
@given(LINES, st.integers(0, 2**63), HASHES, st.lists(LINES, max_size=3), HASHES)
def test_a_checkpoint_reads_as_it_was_written_and_signed(
    origin: str, size: int, root: bytes, extensions: list[str], seed: bytes
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    signer = Signer("prix.example/urne", seed)
    text = signer.verifier.verifies(signer.sign(checkpoint.body()))
    assert text is not None
    assert read_checkpoint(text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"origin\n1\n{ROOT}",
        "origin\n1\n",
        f"\n1\n{ROOT}\n",
        *(
            f"origin\n{size}\n{ROOT}\n"
            for size in ("", "-1", "+1", "01", "00", "1.0", "1 ", "1_0", "٣", "²", "9" * 5_000)
        ),
        *(
            f"origin\n1\n{root}\n"
            for root in ("", ROOT[:-4], ROOT[:-1], f"{ROOT[:-2]}1=", f" {ROOT}", f"{ROOT}=", "AAAA" * 11)
        ),
        f"origin\n1\n{ROOT}\n\n",
        f"origin\n1\n{ROOT}\n\nextension\n",
        f"origin\n1\n{ROOT}\nextension",
    ],
)
def test_what_is_nearly_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_checkpoint(text)


@settings(deadline=None)
@given(st.lists(HASHES))
def test_a_proof_reads_as_it_was_written(proof: list[bytes]) -> None:
    assert decode_proof(encode_proof(proof)) == proof


def test_a_hash_is_written_in_one_way_only() -> None:
    (step,) = encode_proof([bytes(32)])
    for other in (step[:-2] + "B=", f"{step} ", step[:-1], f"{step}\n"):
        with pytest.raises(ValueError):  # noqa: PT011
            decode_proof([other])


@settings(deadline=None)
@given(st.text() | st.text("aA0+/=\n\r\t\0é\ud800") | st.lists(st.sampled_from((*SOFA.split(), ""))).map("\n".join))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert read_checkpoint(text).body() == text
    with suppress(ValueError):
        assert encode_proof(decode_proof([text])) == [text]
