"""The proxies in front of the house: those that are trusted say whom they speak for, and nobody else does."""

from __future__ import annotations

import socket
from collections.abc import Iterable, MutableMapping
from typing import Any

from vote.settings import Network

SCHEMES = {b"http", b"https"}


class Proxies:
    """Networks that may speak for others.

    The headers are those of uvicorn's own middleware, and so is what is made of them; only an address is read as the
    system reads it, which costs a tenth, and every form of a voting day comes by here.
    """

    def __init__(self, trusted: Iterable[Network]) -> None:
        # By the octets of an address; each as what is left of it once the bits of its hosts are shifted out.
        self._networks: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
        for one in trusted:
            shift = one.max_prefixlen - one.prefixlen
            self._networks[one.max_prefixlen // 8].append((int(one.network_address) >> shift, shift))

    def introduce(self, scope: MutableMapping[str, Any]) -> None:
        """Let a scope name the client that a trusted proxy speaks for (X-Forwarded-For), and how that client came
        (X-Forwarded-Proto): the last address of the list that is no trusted proxy's itself."""
        client = scope.get("client")
        if not client or not self.trusts(client[0]):
            return
        chain = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                chain.append(value)
            elif name == b"x-forwarded-proto" and (scheme := value.strip()) in SCHEMES:
                scope["scheme"] = scheme.decode()
        if not chain:
            return
        host = ""
        for named in reversed(b",".join(chain).decode("latin-1").split(",")):
            host = _host(named.strip())
            if not self.trusts(host):
                break
        # Where all of them are proxies of ours, the first one is the client.
        if host:
            scope["client"] = (host, 0)

    def trusts(self, host: str) -> bool:
        # What tells a link of this machine from another ("fe80::1%eth0") is not the address.
        address = host.partition("%")[0]
        try:
            packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        except (OSError, ValueError):
            return False
        number = int.from_bytes(packed)
        return any(number >> shift == network for network, shift in self._networks[len(packed)])


def _host(named: str) -> str:
    """Without its port, where it has one: "192.0.2.1:80", "[2001:db8::1]:80"."""
    if named.startswith("["):
        host, closed, port = named[1:].partition("]")
        return host if closed and (not port or port.startswith(":")) else named
    host, _, port = named.partition(":")
    return host if port.isdigit() else named
