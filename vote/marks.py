"""Marks of arrival: what a network, a mail domain or an address is called while votes are screened, and no longer."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from disposable_email_domains import blocklist

from vote.tokens import Keys

MARK_BYTES = 12
IPV4_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291, 2.5.5.2

# Providers that anybody may have a mailbox at: how many of their addresses vote says nothing about any one of them.
COMMON = frozenset(Path(__file__).with_name("providers.txt").read_text(encoding="ascii").split())


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain as screening sees it. `name` is what officers read."""

    name: str
    mark: bytes
    private: bool
    throwaway: bool


def networks(keys: Keys, host: str | None, at: datetime) -> tuple[bytes, ...]:
    """The networks that a client's address lies in, narrowest first: an IPv4 /24; an IPv6 /64 and /48.

    They are called otherwise each day, so that nothing tells who came back. None where there is no address to go by.
    A narrower one begins as the widest does: what is counted of both lies together in the database.
    """
    prefixes = _prefixes(host or "")
    if not prefixes:
        return ()
    widest = _of_day(keys, prefixes[-1], at)
    begins = widest[: MARK_BYTES // 2]
    return *(begins + _of_day(keys, one, at)[len(begins) :] for one in prefixes[:-1]), widest


def network(keys: Keys, host: str | None, at: datetime) -> bytes | None:
    """The widest of these, if any."""
    widest = _prefixes(host or "")[-1:]
    return _of_day(keys, widest[0], at) if widest else None


def _of_day(keys: Keys, prefix: bytes, at: datetime) -> bytes:
    return _mark(keys, b"network", _day(at.astimezone(UTC).toordinal()) + prefix)


@lru_cache(maxsize=4)
def _day(ordinal: int) -> bytes:
    return date.fromordinal(ordinal).isoformat().encode()


def host(keys: Keys, address: str) -> bytes:
    """The network of a mail server, an IPv4 /24 or an IPv6 /64: the same every day. Empty where it is no address."""
    narrowest = _prefixes(address)[:1]
    return _mark(keys, b"host", narrowest[0]) if narrowest else b""


@lru_cache(maxsize=4096)
def domain(keys: Keys, name: str) -> Domain:
    """The domain of a canonical address."""
    mark = _mark(keys, b"domain", name.encode())
    return Domain(name, mark, private=name not in COMMON, throwaway=is_throwaway(name))


def address(keys: Keys, voter_key: bytes) -> bytes:
    return _mark(keys, b"address", voter_key)


def contest(keys: Keys, slug: str) -> bytes:
    return _mark(keys, b"contest", slug.encode())


def once(keys: Keys, challenge: str) -> bytes:
    """The mark of a solved challenge: seen twice, it was spent before."""
    return _mark(keys, b"challenge", challenge.encode())


def is_throwaway(name: str) -> bool:
    """Whether the domain, or one above it, is on the packaged list of throwaway mailboxes."""
    labels = name.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


def _prefixes(address: str) -> tuple[bytes, ...]:
    """What the networks of an address begin with, narrowest first; nothing where it is none."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):
        return ()
    if packed.startswith(IPV4_MAPPED):
        packed = packed[len(IPV4_MAPPED) :]
    return tuple(packed[:octets] for octets in ((3,) if len(packed) == 4 else (8, 6)))


def _mark(keys: Keys, kind: bytes, value: bytes) -> bytes:
    """Keyed BLAKE2b (RFC 7693, 2.9): several of these are made for each request, in a third of the time of HMAC."""
    return blake2b(value, digest_size=MARK_BYTES, key=_key(keys.secrets[0]), person=kind).digest()


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return blake2b(secret.encode(), person=b"marks").digest()
