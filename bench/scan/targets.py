"""Everything that can be typed at each address, from the table of routes and the code behind it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from vote.web import doors
from vote.web.routes import TABLE

FIELD = re.compile(r'(?:\bform(?:\.values)?\[|_identifier\(visit, )"(\w+)"')
PARAMETER = re.compile(r'query_params\.get\("(\w+)"')
PARAMETERS_IN_A_ROW = re.compile(r'query_params\.get\(name, ""\) for name in \(([^)]*)\)')
PART = re.compile(r"{\w+}")
# A form as somebody honest fills it: only then does each of its fields go all the way.
TYPED = {
    "laureate": "ilot-femmes",
    "email": "marie.curie@example.org",
    "code": "123456",
    "reason": "Le motif de cet acte",
    "until": "2019-12-24T23:59",
    "verdict": "reject",
    "suspicion": "00" * 16,
    "proposal": "00" * 16,
    "wanted": "oui",
    "cherche": "motif",
    "de": "1",
    "a": "2",
    "sure": "oui",
}
WORDS = {"/bureau/cloture": "CLORE", "/bureau/prolongation": "PROLONGER", "/bureau/proclamation": "PROCLAMER"}
STALE = {"letter", "code", "passkey"}  # what an act asks for once the sign-in is older than a quarter of an hour
HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto", "Accept-Language", "If-None-Match", "Referer", "User-Agent")
STAFF = (("juror", "/jury"), ("officer", "/bureau"))
ENDLESS, WAY_OUT = "/jury/flux", "/sortir"  # an answer without end, which reads nothing; and what ends a session


@dataclass(frozen=True)
class Target:
    """One address, and what is tried in it: fields, parameters, headers, or the part that its path leaves open."""

    who: str
    method: str
    path: str
    tried: tuple[str, ...]
    typed: tuple[tuple[str, str], ...] = ()
    place: str = "field"

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({', '.join(self.tried)})"


def every() -> Iterator[Target]:
    """All of them, whoever added them to the table."""
    for path, show, act, _ in TABLE:
        if path == ENDLESS:
            continue
        if show and (names := _read(show, PARAMETER) | _in_a_row(show)):
            yield _target(path, "GET", names)
        if PART.search(path):
            yield Target(visitor(path), "GET" if show else "POST", path, ("path",), place="path")
        if act and (names := _read(act, FIELD)):
            yield from _forms(path, names)
    yield Target("voter", "GET", "/confirmation", HEADERS, place="header")
    for who, path in (("voter", "/recu"), *STAFF, ("entrant", "/entrer/code")):
        yield Target(who, "GET", path, ("cookie",), place="cookie")


def pages() -> Iterator[str]:
    """Every page that ends, with its open part and with parameters: where a crawler begins."""
    for path, show, _, _ in TABLE:
        if show and path != ENDLESS:
            names = sorted(_read(show, PARAMETER) | _in_a_row(show))
            yield path + ("?" + "&".join(f"{name}={TYPED.get(name, 'zq')}" for name in names) if names else "")


def visitor(path: str) -> str:
    """Who comes to that address by right."""
    role = doors.keeper(path)
    if role is not None:
        return str(role)
    if path in {"/entrer/code", "/entrer/cle"}:
        return "entrant"
    return "voter" if path.startswith(("/confirmation", "/recu")) else "stranger"


def _forms(path: str, names: set[str]) -> Iterator[Target]:
    if doors.keeper(path) and names >= STALE:
        yield _target(path, "POST", STALE, names - STALE, who="stale")
        names = names - STALE
    if names:
        yield _target(path, "POST", names)


def _target(path: str, method: str, tried: Set[str], more: Set[str] = frozenset(), who: str = "") -> Target:
    typed = {name: TYPED.get(name, "zq") for name in sorted(tried | more)}
    for trap in {"site", "again", "unproved", "proof"} & typed.keys():
        typed[trap] = ""
    if "word" in typed:
        typed["word"] = WORDS.get(path, "zq")
    return Target(who or visitor(path), method, path, tuple(sorted(tried)), tuple(typed.items()))


def _read(handler: Callable[..., Any], pattern: re.Pattern[str]) -> set[str]:
    return {name for source in _sources(handler, set()) for name in pattern.findall(source)}


def _in_a_row(handler: Callable[..., Any]) -> set[str]:
    rows = _read(handler, PARAMETERS_IN_A_ROW)
    return {name for row in rows for name in re.findall(r'"(\w+)"', row)}


def _sources(function: Callable[..., Any], seen: set[Any]) -> Iterator[str]:
    """The text of a handler, of what it wraps, and of whatever it calls in its own module."""
    if function in seen:
        return
    seen.add(function)
    yield inspect.getsource(function.__code__)
    if wrapped := getattr(function, "__wrapped__", None):
        yield from _sources(wrapped, seen)
    inner = [code for code in function.__code__.co_consts if inspect.iscode(code)]
    for name in {name for code in (function.__code__, *inner) for name in code.co_names}:
        called = function.__globals__.get(name)
        if inspect.isfunction(called) and called.__globals__ is function.__globals__:
            yield from _sources(called, seen)
