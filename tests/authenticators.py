"""A software authenticator: keys that answer as the Web Authentication standard says, or as somebody would cheat."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from pages_inspector import Page

from vote.tokens import encode

PRESENT, VERIFIED, HOLDS_A_KEY = 0x01, 0x04, 0x40  # flags (Web Authentication, 6.1)


@dataclass
class Authenticator:
    """One ES256 key, on a device that knows its owner. What it claims can be changed, to see it refused."""

    origin: str = "http://testserver"
    party: str = "testserver"
    verified: bool = True
    uses: int = 0
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    identifier: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def make(self, question: dict[str, Any]) -> str:
        """What `navigator.credentials.create` would answer, attestation `none`."""
        data = (
            self._data(HOLDS_A_KEY) + b"\0" * 16 + len(self.identifier).to_bytes(2) + self.identifier + self._public()
        )
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            {"clientDataJSON": self._client("webauthn.create", question), "attestationObject": attestation}
        )

    def sign(self, question: dict[str, Any]) -> str:
        """What `navigator.credentials.get` would answer."""
        self.uses += 1
        data, client = self._data(), self._client("webauthn.get", question)
        signature = self.key.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _data(self, more: int = 0) -> bytes:
        flags = PRESENT | (VERIFIED if self.verified else 0) | more
        return sha256(self.party.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4)

    def _public(self) -> bytes:
        """The public key in the form of COSE: EC2, ES256, P-256."""
        point = self.key.public_key().public_numbers()
        return cbor.encode({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})

    def _client(self, kind: str, question: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": question["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, parts: dict[str, bytes]) -> str:
        name = encode(self.identifier).decode()
        response = {part: encode(value).decode() for part, value in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def question_on(text: str) -> dict[str, Any]:
    """What the page asks of a key."""
    form = next(form for form in Page(text).all("form") if form.attributes.get("id") == "passkey")
    found: dict[str, Any] = json.loads(form.attributes["data-question"])
    return found
