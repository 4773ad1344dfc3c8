"""A site of real processes on a real database, whose keeper knows when each of them was down."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import ground
import race
from aiosmtpd.smtp import SMTP, Envelope, Session
from commands import free_port
from people import text_of
from servers import MailServer, PostgreSQL

from faults.orders import Orders
from vote import contests, outbox, schema
from vote.db import Database
from vote.editions import Edition

STARTS_WITHIN = 60.0
MOST_STARTS = 3
CODE, LINK = r"\b\d{3} \d{3}\b", r"/confirmation/\S+"


@dataclass(frozen=True)
class Letter:
    """Without code and link where it only says that the vote is counted."""

    code: str
    link: str
    at: float


class PostOffice(MailServer):
    """Keeps what it accepted by address, in the order of acceptance."""

    def __init__(self) -> None:
        self.letters: defaultdict[str, list[Letter]] = defaultdict(list)
        super().__init__()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = await super().handle_DATA(server, session, envelope)
        if said.startswith("250"):
            last = self.accepted[-1]
            text = text_of(last.message)
            code, link = (found.group() if (found := re.search(part, text)) else "" for part in (CODE, LINK))
            self.letters[last.recipient].append(Letter(code, link, time.monotonic()))
        return said


@dataclass
class Node:
    """One process of the site. It may be gone at any moment, by our hand or at a call that it is not to survive."""

    name: str
    words: tuple[str, ...]
    orders: Orders
    settings: dict[str, str]
    folder: Path
    host: str = "127.0.0.1"
    up_at: float = 0.0
    deaths: int = -1  # the first start follows none
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self.settings["PORT"])

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def connect(self, seconds: float) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=seconds)

    def start(self, at: datetime) -> None:
        """With a clock that shows `at`; up a moment later."""
        self.up_at = float("inf")
        self.orders.rescind()
        environ = {**self.settings, **self.orders.environ, "VOTE_CLOCK": at.isoformat()}
        with self.log.open("ab") as log:
            where = ["--host", self.host] if "serve" in self.words else []
            command = [sys.executable, "-m", "vote", *self.words, *where]
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    def kill(self) -> None:
        """Without a word, wherever it is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_gone(self, patience: float = 0.0) -> bool:
        """Whether it has died, or does within that time: its connections break a moment before."""
        deadline = time.monotonic() + patience
        while self.process is not None and self.process.poll() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def comes_up(self) -> bool:
        """Wait until it answers; a worker has no door to knock at. False where it is gone before."""
        deadline = time.monotonic() + STARTS_WITHIN
        while "serve" in self.words and not self._answers():
            if self.is_gone():
                return False
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer: {self.log.read_text('utf-8')[-2000:]}")
            time.sleep(0.02)
        self.up_at = time.monotonic()
        return True

    def was_down_since(self, moment: float) -> bool:
        """Whether a connection that was opened at `moment` may have been refused or broken because it was down."""
        return self.up_at > moment or self.is_gone(patience=1.0) or self.up_at > moment

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{self.host}:{self.port}/sante", timeout=5):
                return True
        except (URLError, OSError):
            return False


@dataclass
class Site:
    """Web processes, a worker, the database, the post, and the time of day, which is one for all until it is not."""

    url: str
    webs: list[Node]
    worker: Node
    post: PostOffice
    server: PostgreSQL | None
    disk: Orders | None
    began: float = field(default_factory=time.monotonic)
    ahead: timedelta = timedelta(0)
    interruptions: list[float] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        return [*self.webs, self.worker]

    def now(self) -> datetime:
        return ground.NOW + self.ahead + timedelta(seconds=time.monotonic() - self.began)

    def pass_time(self, seconds: float) -> None:
        """It is later, at once and everywhere. Letters in hand fall due again after five minutes."""
        if timedelta(seconds=seconds) >= outbox.IN_HAND:
            self.interrupted()
        self.ahead += timedelta(seconds=seconds)
        for node in self.nodes:
            node.orders.move_clock(seconds)

    def interrupted(self) -> None:
        """From here on a letter may go out again: nobody may have written down that it was accepted."""
        self.interruptions.append(time.monotonic())

    def mend(self) -> bool:
        """Whatever was broken is sound, whoever is gone comes back. Whether anybody was gone."""
        if self.disk is not None:
            self.disk.rescind()
        if self.server is not None:
            if self.server.is_gone:
                self.server.stop_hard()
                self.server.start()
            self.server.wait_until_up()
        self.post.be_kind()
        for node in self.nodes:
            node.orders.fail(0)
            node.orders.slow(0)
            node.orders.live()
        gone = [node for node in self.nodes if node.is_gone()]
        for node in gone:
            node.start(self.now())
        for node in gone:
            node.deaths += 1
            for _ in range(MOST_STARTS):
                if node.comes_up():
                    break
                node.start(self.now())  # on a shared machine others may end it, who look for a name
            else:
                raise RuntimeError(f"{node.name} does not start: {node.log.read_text('utf-8')[-2000:]}")
        return bool(gone)


@contextmanager
def site(
    kind: str, folder: Path, library: Path | None, *, edition: Edition = ground.EDITION, **more: str
) -> Iterator[Site]:
    """On SQLite one web process, on PostgreSQL two; beside them a worker. `more` are settings of theirs."""
    with PostOffice() as post:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'vote.db'}"
            with _site(url, 1, folder, library, post, edition, more) as running:
                yield running
            return
        disk = Orders(library, folder / "disk.orders")
        with PostgreSQL(within=folder, environ=disk.environ) as server:
            server.create("faults")
            with _site(server.url("faults"), 2, folder, library, post, edition, more) as running:
                running.server, running.disk = server, disk
                yield running


@contextmanager
def _site(
    url: str,
    webs: int,
    folder: Path,
    library: Path | None,
    post: PostOffice,
    edition: Edition,
    more: Mapping[str, str],
) -> Iterator[Site]:
    with closing(Database(url)) as database:
        schema.upgrade(database)
        contests.load(database, edition, ground.NOW, "the bench")
    ports = [free_port() for _ in range(webs)]
    settings = {"SMTP_URL": post.url, "VOTE_SCREENING": "off", "VOTE_MIXING_MINUTES": "1", "VOTE_CROWD": "10"}
    public = {"VOTE_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}", "VOTE_SEAL_KEY": ground.SEAL_KEY}
    everyone = [
        Node(
            name,
            words,
            Orders(library, folder / f"{name}.orders"),
            race.environ(url, port, **{**settings, **public, **more}),
            folder,
        )
        for name, words, port in (
            *((f"web{number}", ("serve", "--web-only"), port) for number, port in enumerate(ports, start=1)),
            ("worker", ("worker",), ports[0]),
        )
    ]
    running = Site(url, everyone[:-1], everyone[-1], post, None, None)
    try:
        running.mend()
        yield running
    finally:
        for node in running.nodes:
            node.kill()
