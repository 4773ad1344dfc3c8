"""Whom a trusted proxy speaks for is the client; nobody else is believed."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from vote.proxies import Proxies

TRUSTED = ["192.0.2.1", "10.0.0.0/8", "2001:db8:1::/48", "::1"]
HOSTS = ["192.0.2.1", "192.0.2.2", "10.1.2.3", "11.1.2.3", "2001:db8:1::9", "2001:DB8:2::9", "::1", "::ffff:10.0.0.1"]
FORMS = ["{}", " {} ", "[{}]", "[{}]:443", "{}:443", "{}%eth0", "[{}", "[{}]x", ""]
ODD = ["unknown", "", "_hidden", "10.0.0", "010.0.0.1", "10.0.0.1.2", "é", "1" * 300]

hosts = st.sampled_from(HOSTS) | st.ip_addresses().map(str) | st.sampled_from(ODD)
named = st.builds(str.format, st.sampled_from(FORMS), hosts) | st.text(max_size=20).filter(lambda text: "," not in text)
chains = st.lists(st.lists(named, min_size=1, max_size=4).map(",".join), max_size=3)


def introduced(client: tuple[str, int] | None, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    scope = {"type": "http", "client": client, "scheme": "http", "headers": list(headers)}
    Proxies(map(ip_network, TRUSTED)).introduce(scope)
    return scope


@given(peer=hosts, chain=chains, scheme=st.sampled_from([b"http", b" https ", b"gopher", b""]))
def test_the_client_is_whom_uvicorns_own_middleware_would_name(peer: str, chain: list[str], scheme: bytes) -> None:
    headers = [(b"x-forwarded-for", text.encode("utf-8")) for text in chain] + [(b"x-forwarded-proto", scheme)]
    ours = introduced((peer, 1), *headers)
    theirs: Any = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}

    async def nothing(*_: object) -> None: ...

    asyncio.run(ProxyHeadersMiddleware(nothing, TRUSTED)(theirs, nothing, nothing))  # type: ignore[arg-type]
    assert (ours["client"][0], ours["scheme"]) == (theirs["client"][0], theirs["scheme"])


@pytest.mark.parametrize(
    ("peer", "client", "scheme"),
    [("192.0.2.1", "198.51.100.7", "https"), ("192.0.2.9", "192.0.2.9", "http")],
    ids=["trusted", "a stranger"],
)
def test_a_proxy_that_is_trusted_speaks_for_others_and_nobody_else_does(peer: str, client: str, scheme: str) -> None:
    said = (b"x-forwarded-for", b"203.0.113.9, 198.51.100.7"), (b"x-forwarded-proto", b"https")
    scope = introduced((peer, 1), *said)
    assert (scope["client"][0], scope["scheme"]) == (client, scheme)


def test_who_comes_without_an_address_speaks_for_nobody() -> None:
    assert introduced(None, (b"x-forwarded-for", b"203.0.113.9"))["client"] is None
