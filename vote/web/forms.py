"""Forms as browsers send them, within limits: read whole before anything is done about them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from vote.doorstep import WHOLE
from vote.errors import Invalid
from vote.languages import Sentence

LARGEST_BODY = 64 * 1024
BODY_SECONDS = 10.0  # for a body to arrive whole
MOST_FIELDS = 40
LONGEST_FIELD = 16 * 1024
FORM_KIND = b"application/x-www-form-urlencoded"
CLOSE = {"Connection": "close"}

# NUL, which a database refuses to hold, and what no page can show (HTML, 13.2.3.5): controls, half a surrogate pair.
UNHOLDABLE = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass
class Form:
    """What was typed and what was wrong with it; `errors` maps a field, or "" for the whole form, to a sentence."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


async def read(scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Form:
    """The form of a request. Raises HTTPException where it is none, too large, or too late."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind not in {FORM_KIND, b""}:
        raise HTTPException(415)
    # Nearly every form is already there.
    body = scope.get("extensions", {}).get(WHOLE)
    if body is None:
        body = await _body_in_time(receive)
    elif len(body) > LARGEST_BODY:
        raise HTTPException(413, headers=CLOSE)
    if kind == b"" and body:
        raise HTTPException(415)  # without a body, it is a button alone
    return Form(_fields(body))


async def _body_in_time(receive: Receive) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _body(receive)
    except TimeoutError as problem:
        raise HTTPException(408, headers=CLOSE) from problem


async def _body(receive: Receive) -> bytes:
    """The body, announced or not, once it is here; what is too large is read no further."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, headers=CLOSE)
        more = message.get("more_body", False)
    return body


def _fields(body: bytes) -> dict[str, str]:
    """The fields as browsers write them (WHATWG URL, 5.1: always UTF-8); the last of a name counts."""
    pairs = body.decode(errors="replace").replace("+", " ").split("&")
    if len(pairs) > MOST_FIELDS:
        raise HTTPException(400)
    fields = {}
    for pair in filter(None, pairs):
        name, _, value = pair.partition("=")
        name, value = unquote(name), unquote(value)
        if len(name) + len(value) > LONGEST_FIELD:
            raise HTTPException(400)
        fields[name] = UNHOLDABLE.sub("\ufffd", value)
    return fields


def gather(*checks: Callable[[], Any]) -> list[Any]:
    """What every check answers; where some refuse, one refusal with all that was wrong. Raises Invalid."""
    answers: list[Any] = []
    errors: dict[str, Sentence] = {}
    for check in checks:
        try:
            answers.append(check())
        except Invalid as refusal:
            errors.update(refusal.errors)
    if errors:
        raise Invalid.of(errors)
    return answers
