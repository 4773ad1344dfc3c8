"""The mail hosts: which server takes the letters of a private domain, as the DNS said when one last left for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Insert, delete, select
from sqlalchemy.orm import Session

from vote import marks
from vote.models import MailHost
from vote.rows import AMONG, dialect, insert_all, insert_in, look
from vote.tokens import Keys

SECONDS = 3.0
MOST_SERVERS = 5  # of one domain: mail servers try no more either
KEPT = timedelta(days=1)
SERVER = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}")

# Hosts that anybody may put a domain at: how many domains they serve says nothing about any one of them. Services that
# only pass letters on to a free mailbox are left out on purpose: nothing makes many domains look alive more cheaply.
COMMON = frozenset(Path(__file__).with_name("mail_hosts.txt").read_text(encoding="ascii").split())

HOSTS_AMONG = select(MailHost.domain, MailHost.host, MailHost.name).where(MailHost.domain.in_(AMONG))

Ask = Callable[[str, str, float], Sequence[str]]
"""Asks the DNS for what a name has of one type, within so many seconds: of MX the names in the order to be tried ("" is
RFC 7505's null MX), of A and AAAA the addresses. Empty where it has none, or is no name; else raises Unanswered."""


class Unanswered(Exception):
    """The DNS said nothing that could be relied on."""


@dataclass(frozen=True, slots=True)
class Host:
    """A mail host as screening sees it; `name` is what officers read. Both are empty where the host tells nothing."""

    mark: bytes = b""
    name: str = ""


def find(keys: Keys, ask: Ask, domain: str) -> Host:
    """The host to which a letter for the domain goes first (RFC 5321, 5.1), within SECONDS. Raises Unanswered.

    Not the names make a host, which cost nothing, but the network where the first server lives that does have an
    address. What stands further down is never written to as long as that one answers, and may be somebody else's.
    """
    until = time.monotonic() + SECONDS
    silent: Unanswered | None = None
    # Without any MX the domain is its own server.
    for name in list(ask(domain, "MX", SECONDS) or [domain])[:MOST_SERVERS]:
        try:
            addresses = SERVER.fullmatch(name) and _addresses(ask, name, until)
        except Unanswered as problem:
            silent = problem  # as it is for who has a letter: the next one is tried
            continue
        if addresses:
            return Host() if is_common(name) else Host(marks.host(keys, min(addresses)), name)
    if silent is not None:
        raise silent
    return Host()


def _addresses(ask: Ask, name: str, until: float) -> Sequence[str]:
    def asked(kind: str) -> Sequence[str]:
        # Who keeps silent takes half of what is left, so that others have their turn.
        return ask(name, kind, max(0.01, (until - time.monotonic()) / 2))

    return asked("A") or asked("AAAA")


def is_common(name: str) -> bool:
    """Whether the server is, by its name, one of a host that anybody may put a domain at."""
    labels = name.split(".")
    return any(".".join(labels[start:]) in COMMON for start in range(len(labels)))


def keep(session: Session, keys: Keys, found: Mapping[str, Host], at: datetime) -> None:
    """Write down what was found of these domains, in place of what was found before."""
    hosts = {marks.domain(keys, domain).mark: host for domain, host in found.items()}
    # In one order for all nodes, so that two of them never wait for each other crosswise.
    rows = [(mark, hosts[mark].mark, hosts[mark].name, at) for mark in sorted(hosts)]
    insert_all(session, _keep(dialect(session)), ("domain", "host", "name", "at"), rows)


@cache
def _keep(dialect_name: str) -> Insert:
    statement = insert_in(dialect_name, MailHost)
    news = {name: statement.excluded[name] for name in ("host", "name", "at")}
    return statement.on_conflict_do_update(index_elements=["domain"], set_=news)


def among(session: Session, domains: Collection[bytes]) -> dict[bytes, Host]:
    """The hosts of those of these domains that were looked up; no statement where there are none."""
    return {domain: Host(mark, name) for domain, mark, name in look(session, HOSTS_AMONG, domains)}


def tidy(session: Session, at: datetime) -> None:
    """Forget what no ballot that is cast or waits needs any more."""
    session.execute(delete(MailHost).where(MailHost.at < at - KEPT))
