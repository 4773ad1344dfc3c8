"""A form that goes through the hatch meets all that it would meet on the way of every other request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest
from people import House
from starlette.types import Message, Scope

from vote import languages
from vote.doorstep import WHOLE
from vote.languages import LANGUAGES
from vote.web.hatch import Hatch
from vote.web.routes import TABLE

FORM = (b"content-type", b"application/x-www-form-urlencoded")
HERE = (b"sec-fetch-site", b"same-origin")
BODIES = (
    b"",
    b"code=123456",
    b"laureate=ilot-femmes&email=marie%40example.org",
    b"email=nobody%40example.org",
    b"&".join([b"a=1"] * 100),
)
HEADERS = (
    [FORM, HERE],
    [FORM, (b"sec-fetch-site", b"cross-site")],
    [(b"content-type", b"text/plain"), HERE],
    [FORM, (b"origin", b"http://\xe9")],
)


def asked(path: str, headers: list[tuple[bytes, bytes]], *, method: str = "POST", client: str = "192.0.2.1") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), *headers],
        "client": (client, 1),
        "scheme": "http",
    }


def run(house: House, function: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
    """Where the house is open, whose line serves those who wait there."""
    assert house.main.portal is not None
    return house.main.portal.call(function, *arguments)


def through_the_hatch(house: House, hatch: Hatch, scope: Scope, body: bytes) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body."""
    assert hatch.takes(scope)
    scope["extensions"] = {WHOLE: bytearray(body)}
    head, answer = run(house, hatch.hand_in, scope)
    return head.split(b"\r\n")[:-1], answer


def as_everywhere(house: House, scope: Scope, body: bytes) -> tuple[list[bytes], bytes]:
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    run(house, house.app, scope, receive, send)
    start, answer = told
    return [b"%s: %s" % pair for pair in start["headers"]], answer["body"]


def alike(lines: list[bytes]) -> list[bytes]:
    """Without what is drawn by lot, and the number of the request."""
    return sorted(re.sub(rb"^(set-cookie: \w+=|x-request-id: )[^;]*", rb"\1", line) for line in lines)


FORMS = [path for path, _, act, _ in TABLE if act is not None and "{" not in path]


@pytest.mark.parametrize("path", FORMS)
def test_what_is_handed_out_is_what_the_page_sends(house: House, path: str) -> None:
    hatch: Hatch = house.app.state.hatch
    for lang, headers, body in product(LANGUAGES, HEADERS, BODIES):
        scope = asked(languages.address(path, lang), headers)
        head, answer = through_the_hatch(house, hatch, {**scope}, body)
        sent, page = as_everywhere(house, {**scope}, body)
        assert alike(head[1:]) == alike(sent), (headers, body)
        assert re.fullmatch(rb"HTTP/1\.1 \d{3} [ \w]+", head[0])
        assert answer == page, (headers, body)


def test_only_forms_at_addresses_without_parameters_are_taken(house: House) -> None:
    hatch: Hatch = house.app.state.hatch
    assert hatch.takes(asked("/confirmation", [FORM]))
    assert not hatch.takes(asked("/confirmation", [FORM], method="GET"))
    assert not hatch.takes(asked("/confirmation/abc", [FORM]))
    assert not hatch.takes(asked("/nowhere", [FORM]))
    assert not hatch.takes(asked("/recu", [FORM]))


@pytest.mark.parametrize("origin", [b"http://\xe9", b"http://[", b"null", b"", b"http://", b"testserver"])
def test_an_origin_that_is_none_is_another_site(house: House, origin: bytes) -> None:
    scope = asked("/confirmation", [FORM, (b"origin", origin)])
    head, _ = through_the_hatch(house, house.app.state.hatch, scope, b"code=1")
    assert head[0] == b"HTTP/1.1 403 Forbidden"
