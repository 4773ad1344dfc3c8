"""What every request and every answer passes through: the headers of the house, and no form from elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from vote import logbook
from vote.errors import Forbidden
from vote.languages import Sentence

ELSEWHERE = Sentence("Cet envoi vient d’un autre site : ouvrez la page ici même et recommencez.")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

# What the pages use of a browser beyond pages: nothing, but the passkeys of this very site.
POWERS = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read", "display-capture", "encrypted-media",
    "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "magnetometer",
    "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
PASSKEYS = ("publickey-credentials-create", "publickey-credentials-get")

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # The site's name at most, never a path: links in letters hold tokens. Stricter, and browsers would also hide the
    # origin of our own forms, which `require_same_site` needs from those that send no Sec-Fetch-Site.
    "Referrer-Policy": "strict-origin",
    "Permissions-Policy": ", ".join([f"{power}=()" for power in POWERS] + [f"{power}=(self)" for power in PASSKEYS]),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # For browsers that know no frame-ancestors; those that do pass it over.
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}

# The one page that other sites may show in a frame: published figures, and nothing to press.
FRAMABLE = frozenset({"/resultats/carte", "/en/resultats/carte"})
IN_A_FRAME = {
    "Content-Security-Policy": POLICY.replace("frame-ancestors 'none'", "frame-ancestors *"),
    "Cross-Origin-Resource-Policy": "cross-origin",
}

Headers = Sequence[tuple[bytes, bytes]]

log = logging.getLogger(__name__)


class House:
    """Around every request: its number in the log, and the headers of the house on its answer.

    An answer that says nothing about caching is not kept anywhere; a failed one carries its number.
    """

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        headers = {**HEADERS, "Cache-Control": "no-store"}
        if secure:
            headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        framable = headers | IN_A_FRAME
        del framable["X-Frame-Options"]
        self._headers, self._framable = Lines(_raw(headers)), Lines(_raw(framable))
        self._names = {name for name, _ in self._headers.pairs}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = logbook.number()

        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self.dressed(scope, message["status"], message["headers"], number)
            await send(message)

        await self._app(scope, receive, send_dressed)

    def dressed(self, scope: Scope, status: int, headers: Headers, number: str) -> Headers:
        """The headers of an answer with those of the house."""
        own, ours = self._sorted(scope, status, headers, number)
        return [*own, *ours.pairs]

    def head(self, scope: Scope, status: int, headers: Headers, number: str) -> bytes:
        """The line that tells the status, then the same headers, as HTTP/1.1 has them."""
        own, ours = self._sorted(scope, status, headers, number)
        return STATUS_LINE[status] + wire(own) + ours.wire

    def _sorted(self, scope: Scope, status: int, headers: Headers, number: str) -> tuple[Headers, Lines]:
        # The address as the table of routes has it: the real one may hold a token.
        log.debug("%s %s: %d", scope["method"], getattr(scope.get("route"), "path", "no address of ours"), status)
        ours = self._framable if scope["path"] in FRAMABLE else self._headers
        said = {name for name, _ in headers}
        if not said.isdisjoint(self._names):
            ours = Lines([pair for pair in ours.pairs if pair[0] not in said])
        if status == HTTPStatus.TEMPORARY_REDIRECT:
            headers = [*map(_to_ourselves, headers)]
        if status >= 500:
            headers = [*headers, (b"x-request-id", number.encode())]
        return headers, ours


class Lines:
    """Headers, and what they are on the wire."""

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs

    @cached_property
    def wire(self) -> bytes:
        return wire(self.pairs)


def wire(pairs: Headers) -> bytes:
    """Headers as HTTP/1.1 has them. Raises ValueError for one that would be two."""
    found = b"".join([b"%s: %s\r\n" % pair for pair in pairs])
    if found.count(b"\n") != len(pairs):
        raise ValueError("a header with a line's end in it")
    return found


def _to_ourselves(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Starlette leads on from `/urne/` to whichever host the request named: the path alone stays."""
    name, value = header
    return (name, b"/" + value.split(b"/", 3)[-1].lstrip(b"/")) if name == b"location" else header


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def require_same_site(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a form that another site sends in a visitor's name. Raises Forbidden.

    Browsers say where a request comes from (Fetch Metadata, else Origin); what says neither is no browser, and holds
    nobody's cookies.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        if site not in {b"same-origin", b"none"}:
            raise Forbidden(ELSEWHERE)
        return
    origin = headers.get(b"origin")
    # Scheme, "://", and what a browser names as the host too (RFC 6454, 6.2).
    if origin is not None and origin.partition(b"://")[2] != headers.get(b"host"):
        raise Forbidden(ELSEWHERE)
