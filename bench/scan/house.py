"""The site that is attacked: honest people vote in it all the while, and somebody's cookies are in wrong hands."""

from __future__ import annotations

import random
import secrets
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import ground
from cluster.machines import DEPLOY, substitute
from commands import free_port
from faults.checks import Checks
from faults.site import Site, site
from faults.voters import Browser, Ledger, Voter

from vote.db import Database
from vote.editions import Screening
from vote.models import Role, SignIn, Staff, StaffSession
from vote.tokens import encode

# No throttle may stand between a scan and the code behind it: the limits are as high as an edition can set them.
HIGH = (100_000_000, 100_000_000)
EDITION = replace(
    ground.EDITION,
    approvals=2,  # acts are written down as proposals, and none of them ends the vote that is scanned
    screening=Screening(letters_per_address=HIGH, asked_per_network=HIGH, asked_in_all=HIGH, hot=(*HIGH, HIGH[0])),
)
BEFORE, EVERY_SECONDS, PATIENCE = 40, 2.0, 60.0
LASTS = timedelta(hours=12)
SESSIONS = {"juror": Role.JUROR, "officer": Role.OFFICER, "stale": Role.OFFICER}
FLOODS = {"gt 400": "gt 4000", "gt 2000 }": "gt 2000000 }"}


@dataclass
class Prey:
    """A site, its people, and what an attacker has got hold of: cookies and links of somebody of each kind."""

    name: str
    url: str
    site: Site
    cookies: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)  # what stands for the open part of a path
    code: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    voters: list[Voter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(2019)
        self._checks = Checks(self.site, self.ledger, self._chance)
        self._stop = threading.Event()
        self._crowd = threading.Thread(target=self._keep_coming)

    @property
    def plain(self) -> bool:
        """Without TLS."""
        return self.url.startswith("http:")

    def move_in(self) -> None:
        """People vote, and go on doing so; three more are those whose cookies and letters the attacker holds."""
        with ThreadPoolExecutor(BEFORE // 4) as arriving:
            list(arriving.map(self._vote, [self._newcomer() for _ in range(BEFORE)]))
        cast, waiting, disowned = (self._newcomer() for _ in range(3))
        self._vote(cast)
        letter = cast.letters[-1]
        self.code = letter.code.replace(" ", "")
        self.cookies["voter"] = _cookies(cast)
        for name, voter in (("/confirmation/{token}", waiting), ("/confirmation/{token}/pas-moi", disowned)):
            voter.way = "link"
            voter.doubtful = 1  # the attacker may cast the ballot of whose letter they hold: that is accounted for
            self._write_to(voter)
            self.parts[name] = voter.letters[-1].link.rpartition("/")[2]
        self.parts |= {"/laureats/{slug}": ground.SLUGS[0], "/urne/preuve/{code}": next(iter(self.ledger.receipts))}
        self._let_staff_in()
        self._crowd.start()

    def move_out(self) -> list[str]:
        """The crowd is at an end; everything that does not hold."""
        self._stop.set()
        self._crowd.join()
        left = sum(not voter.done for voter in self.voters if not voter.doubtful)
        complaints = [f"{left} honest people could not vote"] if left else []
        return [*complaints, *self._checks.after_round(self.voters), *self.ledger.complaints]

    def _newcomer(self) -> Voter:
        number = len(self.voters)
        voter = Voter(self.site, self.ledger, number, ground.SLUGS[number % 3], self._chance)
        voter.way, voter.repeats = "code", False
        self.voters.append(voter)
        return voter

    def _vote(self, voter: Voter) -> None:
        voter.vote(time.monotonic() + PATIENCE)

    def _write_to(self, voter: Voter) -> None:
        until = time.monotonic() + PATIENCE
        voter._ask_for_a_letter()
        while not voter.letters and time.monotonic() < until:
            time.sleep(0.05)

    def _keep_coming(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._vote(self._newcomer())

    def _let_staff_in(self) -> None:
        """Sessions that stay fresh, and one that is not; and a letter of the staff entrance whose code is not known."""
        prefix = "" if self.plain else "__Host-"
        with closing(Database(self.site.url)) as database, database.writing() as session:
            for who, role in SESSIONS.items():
                cookie, address = secrets.token_urlsafe(32), f"{who}@example.org"
                opened = ground.NOW + (-timedelta(hours=1) if who == "stale" else timedelta(hours=8))
                session.add(Staff(address=address, name=who, role=role))
                session.flush()
                key = sha256(cookie.encode()).digest()
                session.add(StaffSession(id=key, staff=address, opened_at=opened, expires_at=ground.NOW + LASTS))
                self.cookies[who] = f"{prefix}salle={cookie}"
            identifier = secrets.token_bytes(16)
            expires = ground.NOW + LASTS
            session.add(SignIn(id=identifier, staff="juror@example.org", expires_at=expires, attempts=0))
            self.cookies["entrant"] = f"{prefix}entree={encode(identifier).decode()}"
            self.parts["/entrer/{token}"] = ground.KEYS.sign_id("sign-in", identifier)


@contextmanager
def direct(folder: Path) -> Iterator[Prey]:
    """The web process itself, without TLS."""
    folder.mkdir()
    with site("sqlite", folder, None, edition=EDITION, VOTE_SCREENING="on") as running:
        yield _inhabited(Prey("without TLS", f"http://127.0.0.1:{running.webs[0].port}", running))


@contextmanager
def proxied(folder: Path) -> Iterator[Prey]:
    """Behind the haproxy of `deploy/`, over TLS, with two web processes on PostgreSQL."""
    folder.mkdir()
    port = free_port()
    public = {"VOTE_PUBLIC_URL": f"https://127.0.0.1:{port}", "VOTE_SCREENING": "on"}
    with (
        site("postgresql", folder, None, edition=EDITION, **public) as running,
        _proxy(folder, port, [web.port for web in running.webs]),
    ):
        yield _inhabited(Prey("behind haproxy, TLS", public["VOTE_PUBLIC_URL"], running))


def _inhabited(prey: Prey) -> Prey:
    prey.move_in()
    return prey


@contextmanager
def _proxy(folder: Path, port: int, webs: list[int]) -> Iterator[None]:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    (folder / "vote.example.org.pem").write_text(key.read_text() + certificate.read_text())
    for page in (DEPLOY / "haproxy").iterdir():
        shutil.copy(page, folder)
    own = {
        "/etc/haproxy": str(folder),
        "bind :443": f"bind 127.0.0.1:{port}",
        "bind :80": f"bind 127.0.0.1:{free_port()}",
        "10.0.0.11:8000": f"127.0.0.1:{webs[0]}",
        "10.0.0.12:8000": f"127.0.0.1:{webs[1]}",
        "maxconn 20000": "maxconn 2000",
        "    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n": "",
        **FLOODS,
    }
    file = folder / "haproxy.cfg"
    file.write_text(substitute((DEPLOY / "haproxy.cfg").read_text(), own))
    with (folder / "haproxy.log").open("w") as log, subprocess.Popen(["haproxy", "-db", "-f", file], stdout=log) as one:
        try:
            _wait_for(f"https://127.0.0.1:{port}/pret")
            yield
        finally:
            one.terminate()


def _wait_for(address: str) -> None:
    """Until the proxy has found both nodes ready, and one of them answers through it."""
    anybody = ssl._create_unverified_context()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=5, context=anybody):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the proxy does not answer")


def _cookies(voter: Voter) -> str:
    browser: Browser = voter._browsers[0]
    return "; ".join(f"{name}={value}" for name, value in browser._cookies.items())
