"""The resolver: asks the DNS for the mail hosts of the domains to which letters leave, and delays no letter for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from vote import mail_hosts, marks
from vote.clock import Clock
from vote.db import Database
from vote.errors import Unavailable
from vote.mail_hosts import Ask, Host, Unanswered
from vote.tokens import Keys

AT_ONCE = 16
MOST_WAITING = 1000
MOST_KNOWN = 20_000
LASTS_SECONDS = 3600  # a letter that leaves after that has its host looked up again
FAILED_SECONDS = 60

Each = Callable[[Callable[[str], Host | None], Iterable[str]], Iterable[Host | None]]

log = logging.getLogger(__name__)


def name_server(address: str = "", port: int = 53, *, configuration: str = "/etc/resolv.conf") -> Ask:
    """Asks the name server at this address; without one, those of this machine."""
    # Known to the worker alone: it takes three megabytes.
    from dns.exception import DNSException  # noqa: PLC0415
    from dns.rdtypes.ANY.MX import MX  # noqa: PLC0415
    from dns.resolver import NXDOMAIN, YXDOMAIN, NoResolverConfiguration, Resolver  # noqa: PLC0415

    try:
        resolver = Resolver(configuration, configure=not address)
    except NoResolverConfiguration:
        resolver, address = Resolver(configure=False), "127.0.0.1"  # as resolv.conf(5) has it
    if address:
        resolver.nameservers = [address]
    resolver.port = port

    def ask(name: str, kind: str, seconds: float) -> list[str]:
        try:
            found = resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, lifetime=seconds, search=False).rrset
        except (NXDOMAIN, YXDOMAIN):
            return []
        except (DNSException, OSError, ValueError) as problem:
            raise Unanswered(type(problem).__name__) from problem
        if kind != "MX":
            return [one.to_text() for one in found or ()]
        tried = sorted((one.preference, one.exchange.to_text().lower()) for one in found or () if isinstance(one, MX))
        return [exchange.removesuffix(".") for _, exchange in tried]

    return ask


class Finder:
    """A thread that looks up the hosts of the domains it is told of, until told to stop."""

    def __init__(self, database: Database, clock: Clock, keys: Keys, ask: Ask) -> None:
        self._database, self._clock, self._keys, self._ask = database, clock, keys, ask
        self._bell = threading.Condition()
        self._waiting: set[str] = set()
        self._again: dict[str, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="mail-hosts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is being asked is finished, within seconds; what waits is not asked any more."""
        with self._bell:
            self._stopping = True
            self._bell.notify()
        self._thread.join()

    def note(self, domains: Iterable[str]) -> None:
        """Letters leave for these domains. Waits for nothing: what is too much at once is not looked up."""
        now = time.monotonic()
        with self._bell:
            if len(self._again) > MOST_KNOWN:
                self._again.clear()
            for domain in {*domains} - marks.COMMON:
                if self._again.get(domain, now) <= now and len(self._waiting) < MOST_WAITING:
                    self._waiting.add(domain)
                    self._again[domain] = now + LASTS_SECONDS
            self._bell.notify()

    def _work(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mail-host") as pool:
            while some := self._next():
                failed = some
                try:
                    failed = look_up(self._database, self._clock, self._keys, self._ask, some, pool.map)
                except Unavailable:
                    log.warning("mail hosts are not written down: the database is away")
                except Exception:
                    log.exception("mail hosts could not be looked up")
                with self._bell:
                    self._again.update(dict.fromkeys(failed, time.monotonic() + FAILED_SECONDS))

    def _next(self) -> Collection[str]:
        with self._bell:
            self._bell.wait_for(lambda: self._waiting or self._stopping)
            return [] if self._stopping else [self._waiting.pop() for _ in range(min(AT_ONCE, len(self._waiting)))]


def look_up(
    database: Database, clock: Clock, keys: Keys, ask: Ask, domains: Collection[str], each: Each = map
) -> list[str]:
    """Find the hosts of these domains and write them down in one transaction; answers those not found out."""

    def found(domain: str) -> Host | None:
        try:
            return mail_hosts.find(keys, ask, domain)
        except Unanswered as problem:
            log.info("the mail host of a domain is not known: %s", problem)
            return None

    hosts = dict(zip(domains, each(found, domains), strict=True))
    known = {domain: host for domain, host in hosts.items() if host is not None}
    if known:
        with database.writing() as session:
            mail_hosts.keep(session, keys, known, clock.now())
    return [domain for domain in domains if domain not in known]
