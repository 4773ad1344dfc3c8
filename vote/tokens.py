"""Signed tokens and mailed codes; the purpose is the salt, so that no token serves another purpose."""

from __future__ import annotations

import hmac
import json
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from itsdangerous import BadSignature, Signer

CODE_DIGITS = 6
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
URL_SAFE = bytes.maketrans(b"+/", b"-_")
WRITER = json.JSONEncoder(separators=(",", ":"))
STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True)
class Keys:
    """Secrets, newest first: the first signs, all verify, so that rotation signs nobody out of a vote."""

    secrets: tuple[str, ...] = field(repr=False)

    def seal(self, purpose: str, content: dict[str, Any]) -> str:
        text = encode(WRITER.encode(content).encode())
        return _signer(self.secrets, purpose).sign(text).decode()

    def unseal(self, purpose: str, token: str) -> dict[str, Any] | None:
        """The sealed content, or None for anything this purpose did not seal."""
        try:
            content = json.loads(decode(_signer(self.secrets, purpose).unsign(token.encode())))
        except (BadSignature, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def sign_id(self, purpose: str, identifier: bytes) -> str:
        """A short token for an identifier, or for any few bytes, fit for an address and a cookie."""
        return _signer(self.secrets, purpose).sign(encode(identifier)).decode()

    def read_id(self, purpose: str, token: str) -> bytes | None:
        """The identifier, or None for anything this purpose did not sign."""
        try:
            return decode(_signer(self.secrets, purpose).unsign(token.encode()))
        except (BadSignature, ValueError):
            return None

    def code(self, purpose: str, identifier: bytes) -> str:
        """The six digits mailed for an identifier."""
        return _code(self.secrets[0], purpose, identifier)

    def proves(self, purpose: str, identifier: bytes, typed: str) -> bool:
        """Whether `typed`, spaces aside, is the code of this identifier under any secret still valid."""
        digits = "".join(typed.split()).encode()
        return any(hmac.compare_digest(_code(secret, purpose, identifier).encode(), digits) for secret in self.secrets)


class _Signer(Signer):
    """HMAC-SHA256 (RFC 2104) in one call, with the key of each secret derived once."""

    def get_signature(self, value: str | bytes) -> bytes:
        return self._signed(value, self.secret_keys[-1])

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        given = sig.encode() if isinstance(sig, str) else sig
        return any(hmac.compare_digest(self._signed(value, secret), given) for secret in reversed(self.secret_keys))

    def _signed(self, value: str | bytes, secret: bytes) -> bytes:
        text = value.encode() if isinstance(value, str) else value
        return encode(hmac.digest(self.derive_key(secret), text, "sha256"))

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        secret = self.secret_keys[-1] if secret_key is None else secret_key
        key = self._derived.get(secret)
        if key is None:
            key = self._derived[secret] = super().derive_key(secret)
        return key

    def __init__(self, secrets: tuple[str, ...], purpose: str) -> None:
        super().__init__(list(reversed(secrets)), salt=purpose, digest_method=sha256)
        self._derived: dict[str | bytes, bytes] = {}


@lru_cache(maxsize=64)
def _signer(secrets: tuple[str, ...], purpose: str) -> Signer:
    return _Signer(secrets, purpose)


def encode(raw: bytes) -> bytes:
    """Unpadded URL-safe base64 (RFC 4648 section 5)."""
    return b2a_base64(raw, newline=False).translate(URL_SAFE).rstrip(b"=")


def decode(text: str | bytes) -> bytes:
    """The bytes of unpadded URL-safe base64 (RFC 4648 section 5). Raises ValueError."""
    raw = text.encode() if isinstance(text, str) else text
    if raw.translate(None, ALPHABET):
        raise ValueError("not URL-safe base64")
    return a2b_base64(raw.translate(STANDARD) + b"=" * (-len(raw) % 4), strict_mode=True)


def _code(secret: str, purpose: str, identifier: bytes) -> str:
    digest = hmac.digest(secret.encode(), b"code\0" + purpose.encode() + b"\0" + identifier, "sha256")
    return f"{int.from_bytes(digest[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
