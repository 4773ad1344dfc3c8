"""The production layout: haproxy, two web nodes, two workers, three PostgreSQL under Patroni, and the time of day."""

from __future__ import annotations

import os
import random
import shutil
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from itertools import pairwise
from pathlib import Path

import ground
import race
from faults.orders import Orders
from faults.site import Node, PostOffice
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.machines import DEPLOY, Machine, Server, join, make_certificate, substitute
from vote import contests, schema, sealing
from vote.db import Database

PROXY = "10.0.0.10"
HOST = "vote.example.org"
HEALTHY = ["leader", "replica", "sync_standby"]
HEALTH_SECONDS = 180
PASSWORD = "v" * 20
# The database itself notes who seals and who leads.
NOTES = """
CREATE TABLE seen_seals (pid int, began timestamptz, wrote timestamptz);
CREATE TABLE seen_leases (who text, holder bytea, at timestamptz, until timestamptz);
CREATE FUNCTION see_seal() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO seen_seals VALUES (pg_backend_pid(), now(), clock_timestamp()); RETURN NULL; END';
CREATE FUNCTION see_lease() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO seen_leases VALUES (current_setting('application_name'), NEW.holder, clock_timestamp(), NEW.until);
    RETURN NULL; END$$;
CREATE TRIGGER see AFTER INSERT ON lots FOR EACH ROW EXECUTE FUNCTION see_seal();
CREATE TRIGGER see AFTER INSERT OR UPDATE ON leases FOR EACH ROW
    WHEN (NEW.name = 'sealer') EXECUTE FUNCTION see_lease();
"""


@dataclass(frozen=True)
class Proxy:
    """haproxy, which is never down: whatever is behind it, everybody is to get an answer."""

    context: ssl.SSLContext
    name: str = "haproxy"

    def connect(self, seconds: float) -> HTTPConnection:
        """From an address that nobody else has."""
        source = f"10.1.{random.randrange(256)}.{random.randrange(1, 255)}"
        return HTTPSConnection(PROXY, timeout=seconds, context=self.context, source_address=(source, 0))

    def was_down_since(self, moment: float) -> bool:
        return False


@dataclass
class Cluster:
    """All of it."""

    url: str
    servers: list[Server]
    proxy: Proxy
    web_nodes: list[Node]
    workers: list[Node]
    post: PostOffice
    began: float = field(default_factory=time.monotonic)
    interruptions: list[float] = field(default_factory=list)

    @property
    def webs(self) -> list[Proxy]:
        return [self.proxy]

    @property
    def nodes(self) -> list[Node]:
        return [*self.web_nodes, *self.workers]

    def now(self) -> datetime:
        return ground.NOW + timedelta(seconds=time.monotonic() - self.began)

    def interrupted(self) -> None:
        """A letter that is accepted about now may go out again: nobody may be able to write down that it was."""
        self.interruptions.append(time.monotonic())

    def members(self) -> dict[str, tuple[str, str]]:
        """Role and state of each, once all are in their places and agree: who was cut off remembers having led."""
        deadline = time.monotonic() + HEALTH_SECONDS
        while time.monotonic() < deadline:
            first, *others = views = [server.members() for server in self.servers]
            roles, states = sorted(role for role, _ in first.values()), {state for _, state in first.values()}
            if roles == HEALTHY and states <= {"running", "streaming"} and all(other == first for other in others):
                return first
            self.interrupted()
            time.sleep(0.5)
        raise RuntimeError(f"the cluster does not come together: {views}")

    def who_is(self, role: str) -> Server:
        """The leader, a replica, or the standby that every commit waits for."""
        found = self.members()
        return next(server for server in self.servers if found[server.name][0] == role)

    def leading_worker(self) -> Node | None:
        """The last that took or kept the lease."""
        with closing(Database(self.url)) as database, database.reading() as session:
            who = session.scalar(text("SELECT who FROM seen_leases ORDER BY at DESC LIMIT 1"))
        return next((worker for worker in self.workers if worker.name == who), None)

    def mend(self) -> None:
        """Nobody is cut off any more, and whoever is gone comes back; returns once all are in their places."""
        join(self.servers)
        for server in self.servers:
            server.mend()
        self.members()
        for node in [node for node in self.nodes if node.is_gone()]:
            node.start(self.now())
            node.deaths += 1
            if not node.comes_up():
                raise RuntimeError(f"{node.name} does not start: {node.log.read_text('utf-8')[-2000:]}")
        self.interrupted()


@dataclass(frozen=True)
class Sealing:
    """How often a lot was sealed and the lease changed hands, how many sealed at once, and what is wrong with it."""

    lots: int
    hand_overs: int
    most_at_once: int
    complaints: Sequence[str]

    @classmethod
    def seen(cls, session: Session) -> Sealing:
        seals = session.execute(text("SELECT pid, began, wrote FROM seen_seals ORDER BY began")).all()
        at_once = [sum(other.began <= one.wrote and one.began <= other.wrote for other in seals) for one in seals]
        leases = session.execute(text("SELECT holder, until FROM seen_leases ORDER BY at")).all()
        changes = [(old, new) for old, new in pairwise(leases) if old.holder != new.holder]
        early = sum(new.until - sealing.LEASE_LASTS < old.until for old, new in changes)
        complaints = ["the lease changed hands before it was over"] * early
        complaints += ["two were sealing at once"] * (max(at_once, default=0) > 1)
        return cls(len(seals), len(changes), max(at_once, default=0), complaints)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Started, whole, and with the edition loaded."""
    folder.chmod(0o711)
    certificate, key = make_certificate(folder)
    servers = [Server(name, f"10.0.0.2{place}", folder / name) for place, name in enumerate(("one", "two", "three"), 1)]
    for server in servers:
        server.prepare(certificate, key)
        server.start_etcd()
    time.sleep(2)
    for server in servers:
        server.start_patroni()
    passwords = folder / "pgpass"
    passwords.write_text(f"*:5432:vote:vote:{PASSWORD}\n")
    passwords.chmod(0o600)
    os.environ["PGPASSFILE"] = str(passwords)
    hosts = ",".join(server.address for server in servers)
    url = f"postgresql+psycopg://vote@{hosts}/vote?target_session_attrs=read-write&sslmode=verify-full&sslrootcert={certificate}"
    _serve(folder, certificate, key)
    with PostOffice() as post:
        settings = {
            "SMTP_URL": post.url,
            "VOTE_SCREENING": "off",
            "VOTE_MIXING_MINUTES": "1",
            "VOTE_CROWD": "10",
            "VOTE_PUBLIC_URL": f"https://{HOST}",
            "VOTE_TRUSTED_PROXIES": PROXY,
            "PGPASSFILE": str(passwords),
        }
        nodes = [
            Node(
                name,
                words,
                Orders(None, folder / f"{name}.orders"),
                race.environ(url, 8000, PGAPPNAME=name, **settings),
                folder,
                host,
            )
            for name, words, host in (
                ("web1", ("serve", "--web-only"), "10.0.0.11"),
                ("web2", ("serve", "--web-only"), "10.0.0.12"),
                ("worker1", ("worker",), "10.0.0.11"),
                ("worker2", ("worker",), "10.0.0.12"),
            )
        ]
        proxy = Proxy(ssl.create_default_context(cafile=str(certificate)))
        running = Cluster(url, servers, proxy, nodes[:2], nodes[2:], post)
        try:
            _found(running)
            running.mend()
            yield running
        finally:
            for node in nodes:
                node.kill()


def _found(running: Cluster) -> None:
    """Wait for the leader, make role and database on it, and load the edition."""
    leader = running.who_is("leader")
    leader.psql(f"CREATE ROLE vote LOGIN PASSWORD '{PASSWORD}'")
    leader.psql("CREATE DATABASE vote OWNER vote")
    with closing(Database(running.url)) as database:
        schema.upgrade(database)
        contests.load(database, ground.EDITION, ground.NOW, "the bench")
        with database.writing() as session:
            session.execute(text(NOTES))


def _serve(folder: Path, certificate: Path, key: Path) -> None:
    """haproxy, on a machine of its own."""
    machine = Machine("proxy", PROXY, folder / "proxy", {"etc": "/etc/haproxy"})
    etc = machine.make_folder("etc")
    for page in (DEPLOY / "haproxy").iterdir():
        shutil.copy(page, etc)
    # A process here may be allowed fewer open files.
    configuration = substitute((DEPLOY / "haproxy.cfg").read_text(), {"maxconn 20000": "maxconn 4000"})
    (etc / "haproxy.cfg").write_text(configuration)
    (etc / f"{HOST}.pem").write_text(certificate.read_text() + key.read_text())
    machine.start("haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg")
