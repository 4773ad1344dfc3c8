"""Signed notes and checkpoints: what the box was at a moment, in formats that other people's tools verify.

The formats are C2SP signed-note (https://c2sp.org/signed-note) and tlog-checkpoint (https://c2sp.org/tlog-checkpoint),
with Ed25519 signatures.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
KEY_ID_BYTES = 4
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root hash of a tree, under the name of its log; `extensions` are further lines, none of them empty."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def body(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name that goes with it."""

    name: str
    public: bytes

    @classmethod
    def read(cls, text: str) -> Verifier:
        """A verifier key as `Verifier.text` writes it. Raises ValueError."""
        name, key_id, encoded = text.strip().split("+", 2)
        material = _unbase64(encoded)
        found = cls(_name(name), material[1:])
        if material[:1] != ED25519 or len(found.public) != 32 or found.key_id.hex() != key_id:
            raise ValueError("this is not an Ed25519 verifier key")
        return found

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """name+key id+key, as signed-note writes verifier keys."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def verifies(self, note: str) -> str | None:
        """The signed text of the note, if it bears our good signature; None otherwise."""
        try:
            text, signatures = _open(note)
            signature = signatures[self.name, self.key_id]
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (ValueError, KeyError, InvalidSignature):
            return None
        return text


@dataclass(frozen=True, slots=True)
class Signer:
    """The seal of the polling station: a private key of 32 bytes, and the name it signs under."""

    name: str
    private: bytes = field(repr=False)

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The signed note of this text, which must end with a newline. Raises ValueError where no note can hold it."""
        signature = Ed25519PrivateKey.from_private_bytes(self.private).sign(text.encode())
        blob = base64.b64encode(self.verifier.key_id + signature).decode()
        note = f"{text}\n— {self.name} {blob}\n"
        _open(note)
        return note


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the signed text of a note. Raises ValueError."""
    origin, size, root, *extensions = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or not origin or not (size.isascii() and size.isdigit()) or str(int(size)) != size:
        raise ValueError("this is not a checkpoint")
    digest = _unbase64(root)
    if len(digest) != 32 or "" in extensions:
        raise ValueError("this is not a checkpoint")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def encode_proof(proof: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(step).decode() for step in proof]


def decode_proof(proof: Sequence[str]) -> list[bytes]:
    """Raises ValueError."""
    return [_unbase64(step) for step in proof]


def _open(note: str) -> tuple[str, dict[tuple[str, bytes], bytes]]:
    """The text of a note and its signatures, by key name and key id; of several by one key, the first."""
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or CONTROL.search(note):
        raise ValueError("this is not a signed note")
    signatures: dict[tuple[str, bytes], bytes] = {}
    for line in lines[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        blob = _unbase64(encoded)
        if dash != "—" or len(blob) <= KEY_ID_BYTES:
            raise ValueError("this is not a signature")
        signatures.setdefault((_name(name), blob[:KEY_ID_BYTES]), blob[KEY_ID_BYTES:])
    return f"{text}\n", signatures


def _name(text: str) -> str:
    if not text or "+" in text or any(character.isspace() for character in text):
        raise ValueError("this is not the name of a key")
    return text


def _unbase64(text: str) -> bytes:
    """Only what an encoder writes: where spare bits are free, a changed letter would change nothing."""
    decoded = base64.b64decode(text, validate=True)
    if base64.b64encode(decoded).decode() != text:
        raise ValueError("this is not base64")
    return decoded
