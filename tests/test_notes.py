"""Signed notes and keys: the published example, and everything that is nearly one."""

from __future__ import annotations

import base64
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vote.notes import Signer, Verifier

# The example of golang.org/x/mod/sumdb/note, where the format comes from.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
NOTE = f"{TEXT}\n{BY_PETER}"

LINES = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1)
NAMES = LINES.filter(lambda name: "+" not in name and not any(letter.isspace() for letter in name))
TEXTS = st.lists(st.text(st.characters(codec="utf-8", min_codepoint=32)), min_size=1).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
SEEDS = st.binary(min_size=32, max_size=32)
ANYTHING = (
    st.text()
    | st.text("aA0+/= —\n\r\t\0é\u2028\ud800")
    | st.lists(st.sampled_from(NOTE.split()), max_size=9).map(" ".join)
)


def test_the_published_key_reads_and_writes() -> None:
    peter = Verifier.read(PETER)
    assert (peter.name, peter.key_id.hex(), peter.text()) == ("PeterNeumann", "c74f20a3", PETER)
    assert Verifier.read(f"{PETER}\n") == peter == Signer("PeterNeumann", PETERS_SEED).verifier


def test_the_published_note_is_signed_alike_and_verified() -> None:
    assert Signer("PeterNeumann", PETERS_SEED).sign(TEXT) == NOTE
    assert Verifier.read(PETER).verifies(NOTE) == TEXT


def test_each_of_several_signatures_counts_for_its_own_key() -> None:
    peter, enoch = Verifier.read(PETER), Verifier.read(ENOCH)
    for note in (f"{NOTE}{BY_ENOCH}", f"{TEXT}\n{BY_ENOCH}{BY_PETER}"):
        assert peter.verifies(note) == enoch.verifies(note) == TEXT
    assert enoch.verifies(NOTE) is None
    assert Verifier("PeterNeumann", enoch.public).verifies(NOTE) is None
    assert Verifier("EnochRoot", peter.public).verifies(NOTE) is None


def test_a_key_with_two_signatures_stands_by_the_first() -> None:
    peter = Verifier.read(PETER)
    bad = BY_PETER.replace("x08go/Z", "x08go/Y")
    assert peter.verifies(f"{TEXT}\n{BY_PETER}{bad}") == TEXT
    assert peter.verifies(f"{TEXT}\n{bad}{BY_PETER}") is None


def test_no_bit_of_a_note_can_change() -> None:
    peter = Verifier.read(PETER)
    for place in range(len(NOTE.encode())):
        for bit in range(8):
            altered = bytearray(NOTE.encode())
            altered[place] ^= 1 << bit
            assert peter.verifies(altered.decode(errors="replace")) is None


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        NOTE[:-1],
        f"{NOTE}\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n\n", "\n\n\n"),
        NOTE.replace("\n", "\r\n"),
        f"\x01{NOTE}",
        f"{NOTE}Unexpected line.\n",
        f"{TEXT}\nUnexpected line.\n{BY_PETER}",
        f"{TEXT}\nUnexpected line.\u2028{BY_PETER}",
        f"{TEXT}\n\u2028{BY_PETER}",
        f"{NOTE}{BY_ENOCH}".replace("=\n", "=\u2028", 1),
        NOTE.replace("— PeterNeumann", "- PeterNeumann"),
        NOTE.replace("— PeterNeumann", "—PeterNeumann"),
        NOTE.replace("— PeterNeumann", "—\u00a0PeterNeumann"),
        NOTE.replace("PeterNeumann", "Peter Neumann"),
        NOTE.replace("PeterNeumann ", "PeterNeumann  "),
        NOTE.replace("nAM=\n", "nAM= \n"),
        NOTE.replace("nAM=\n", "nAM\n"),
        NOTE.replace("nAM=\n", "nAN=\n"),
        NOTE.replace("nAM=\n", "nAMA\n"),
        f"{NOTE}— Enoch+Root AAAAAAA=\n",
        f"{NOTE}— EnochRoot \n",
        f"{NOTE}— EnochRoot AAAAAA==\n",
        f"{NOTE}— EnochRoot %%%%%%%=\n",
    ],
)
def test_what_is_nearly_a_signed_note_is_none(note: str) -> None:
    assert Verifier.read(PETER).verifies(note) is None


def test_a_signature_that_verifies_another_text_is_refused() -> None:
    other = Signer("PeterNeumann", PETERS_SEED).sign("Another text.\n")
    signature = other.partition("\n\n")[2]
    assert Verifier.read(PETER).verifies(other) == "Another text.\n"
    assert Verifier.read(PETER).verifies(f"{TEXT}\n{signature}") is None


def test_no_part_and_no_alteration_of_a_key_is_a_key() -> None:
    parts = [PETER[low:high] for low in range(len(PETER)) for high in range(low + 1, len(PETER) + 1)]
    parts.remove(PETER)
    altered = [
        PETER[:at] + chr(ord(PETER[at]) ^ 1 << bit) + PETER[at + 1 :] for at in range(len(PETER)) for bit in range(8)
    ]
    for key in [*parts, *altered]:
        with pytest.raises(ValueError):  # noqa: PT011 - which of its parts is wrong does not matter
            Verifier.read(key)


@pytest.mark.parametrize(
    ("name", "material"),
    [
        ("PeterNeumann", b"\x01" + bytes(31)),
        ("PeterNeumann", b"\x01" + bytes(33)),
        ("PeterNeumann", b"\x02" + bytes(32)),
        ("PeterNeumann", b""),
        ("", b"\x01" + bytes(32)),
        ("Peter Neumann", b"\x01" + bytes(32)),
        ("Peter\u2009Neumann", b"\x01" + bytes(32)),
    ],
)
def test_a_key_with_its_right_id_must_still_be_a_key_of_ours(name: str, material: bytes) -> None:
    key_id = sha256(name.encode() + b"\n" + material).hexdigest()[:8]
    with pytest.raises(ValueError, match="key"):
        Verifier.read(f"{name}+{key_id}+{base64.b64encode(material).decode()}")


@settings(deadline=None)
@given(NAMES, SEEDS, TEXTS, TEXTS)
def test_what_a_signer_signs_its_verifier_alone_verifies(name: str, seed: bytes, text: str, other: str) -> None:
    signer = Signer(name, seed)
    note = signer.sign(text)
    assert Verifier.read(signer.verifier.text()) == signer.verifier
    assert signer.verifier.verifies(note) == text
    assert Verifier.read(PETER).verifies(note) is None
    assume(other != text)
    assert signer.verifier.verifies(other + note.removeprefix(text)) is None


@pytest.mark.parametrize("text", ["", "no end of line", "a\n\nb", "a tab\t\n", "a\r\n", "\x00\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Signer("PeterNeumann", PETERS_SEED).sign(text)


@pytest.mark.parametrize("name", ["", "Peter Neumann", "Peter+Neumann", "Peter\nNeumann", "Peter\u2028Neumann"])
def test_nobody_signs_under_a_name_that_no_note_can_hold(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Signer(name, PETERS_SEED).sign(TEXT)


def test_a_signer_does_not_show_its_private_key() -> None:
    assert repr(PETERS_SEED) not in repr(Signer("PeterNeumann", PETERS_SEED))


@settings(deadline=None)
@given(ANYTHING)
def test_any_text_is_a_key_or_a_value_error_and_a_note_or_nothing(text: str) -> None:
    assert Verifier.read(PETER).verifies(text) is None
    assert Verifier.read(PETER).verifies(f"{text}\n\n{BY_PETER}") is None
    with suppress(ValueError):
        Verifier.read(text)
