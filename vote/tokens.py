"""Signed tokens and mailed codes; the purpose is the salt, so that no token serves another purpose."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, BadSignature, Signer, URLSafeSerializer

CODE_DIGITS = 6


@dataclass(frozen=True)
class Keys:
    """Secrets, newest first: the first signs, all verify, so that rotation signs nobody out of a vote."""

    secrets: tuple[str, ...] = field(repr=False)

    def seal(self, purpose: str, content: dict[str, Any]) -> str:
        return self._serializer(purpose).dumps(content)

    def unseal(self, purpose: str, token: str) -> dict[str, Any] | None:
        """The sealed content, or None for anything this purpose did not seal."""
        try:
            content = self._serializer(purpose).loads(token)
        except BadData:
            return None
        return content if isinstance(content, dict) else None

    def sign_id(self, purpose: str, identifier: bytes) -> str:
        """A short token for a random identifier, fit for an address."""
        return self._signer(purpose).sign(encode(identifier)).decode()

    def read_id(self, purpose: str, token: str) -> bytes | None:
        """The identifier, or None for anything this purpose did not sign."""
        try:
            return decode(self._signer(purpose).unsign(token.encode()))
        except (BadSignature, ValueError):
            return None

    def code(self, purpose: str, identifier: bytes) -> str:
        """The six digits mailed for an identifier."""
        return _code(self.secrets[0], purpose, identifier)

    def proves(self, purpose: str, identifier: bytes, typed: str) -> bool:
        """Whether `typed`, spaces aside, is the code of this identifier under any secret still valid."""
        digits = "".join(typed.split()).encode()
        return any(hmac.compare_digest(_code(secret, purpose, identifier).encode(), digits) for secret in self.secrets)

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(list(reversed(self.secrets)), salt=purpose, signer_kwargs={"digest_method": sha256})

    def _signer(self, purpose: str) -> Signer:
        return Signer(list(reversed(self.secrets)), salt=purpose, digest_method=sha256)


def encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def decode(text: str | bytes) -> bytes:
    """The bytes of unpadded URL-safe base64 (RFC 4648 section 5). Raises ValueError."""
    raw = text.encode() if isinstance(text, str) else text
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)


def _code(secret: str, purpose: str, identifier: bytes) -> str:
    digest = hmac.digest(secret.encode(), b"code\0" + purpose.encode() + b"\0" + identifier, "sha256")
    return f"{int.from_bytes(digest[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
