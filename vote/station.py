"""The station: everything a request needs, given once and frozen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from vote import asking, ballot_box, casting, contests, resolver
from vote.asking import Request
from vote.carriers import Carrier, Pigeonhole, SmtpCarrier
from vote.casting import Booth, Confirmation, Receipt
from vote.clock import Clock
from vote.db import Database
from vote.editions import Edition
from vote.errors import Misuse, Refusal
from vote.letters import Letterhead
from vote.line import Line
from vote.mail_hosts import Ask
from vote.models import Contest, SignedCheckpoint
from vote.notes import Signer
from vote.press import Forme
from vote.proofs import Toll
from vote.sealing import Sealer
from vote.settings import Settings
from vote.tokens import Keys
from vote.watch import Meters
from vote.worker import Worker

SLOTS = 16
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Station:
    settings: Settings
    clock: Clock
    database: Database
    keys: Keys
    booth: Booth
    sealer: Sealer
    noticeboard: Noticeboard
    requests: Line[Request, bytes | Refusal | Toll]
    confirmations: Line[Confirmation, Receipt | Refusal]
    meters: Meters
    worker: Worker | None
    pigeonhole: Pigeonhole | None
    formes: dict[Hashable, StandingForme] = field(default_factory=dict)

    @property
    def contest(self) -> str:
        return self.booth.contest

    def letter_posted(self) -> None:
        """A letter was just committed: where the postman lives in this process, it leaves at once."""
        if self.worker is not None:
            self.worker.postman.ring()


@dataclass(frozen=True, slots=True)
class Notice:
    """The contest and the last checkpoint of its box, read at one moment."""

    contest: Contest
    checkpoint: SignedCheckpoint | None


@dataclass(frozen=True, slots=True)
class Spell:
    """A while in which a page stays true as long as the noticeboard has this `version`: from `since` to `until`."""

    version: int
    since: datetime
    until: datetime

    def holds(self, version: int, at: datetime) -> bool:
        return self.version == version and self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class StandingForme:
    """A forme, and when what is set in it is true."""

    forme: Forme
    spell: Spell


class Noticeboard:
    """The contest as last read, so that even a page about an absent database can say which contest it is.

    `version` is another number whenever something that a public page shows may have changed.
    """

    def __init__(self, database: Database, slug: str) -> None:
        self._database, self._slug = database, slug
        self._latest: Notice | None = None
        self._marks: object = None
        self.version = 0

    def look(self) -> Notice:
        """The contest and its box as they are now. Raises Unavailable, or Misuse where it was never loaded."""
        with self._database.reading() as session:
            contest = contests.read(session, self._slug)
            checkpoint = ballot_box.last_checkpoint(session, self._slug)
            marks = contests.marks(session, self._slug)
        notice = self._latest = Notice(contest, checkpoint)
        if marks != self._marks:
            self._marks = marks
            self.version += 1
        return notice

    def read(self) -> Contest:
        """The contest as it is now. Raises as `look`."""
        return self.look().contest

    def keep_up(self) -> None:
        """Look again if anything has changed. Raises Unavailable."""
        with self._database.reading() as session:
            marks = contests.marks(session, self._slug)
        if marks != self._marks:
            self.look()

    def spell(self, at: datetime) -> Spell:
        """In which what is printed now stays true: this minute, and never past the moment at which the contest opens
        or closes by itself."""
        contest, minute = self.latest(), at.replace(second=0, microsecond=0)
        turns = contest.opens_at, contest.closes_at
        begins = [moment for moment in turns if moment <= at]
        ends = [moment for moment in turns if moment > at]
        return Spell(self.version, max([minute, *begins]), min([minute + MINUTE, *ends]))

    def latest(self) -> Contest:
        """The contest as it was when last read."""
        return self.notice().contest

    def notice(self) -> Notice:
        """What was seen at the last look."""
        if self._latest is None:
            raise Misuse("The contest has not been read yet.")
        return self._latest


def furnish(settings: Settings, clock: Clock, *, slug: str, work_here: bool, ask: Ask | None = None) -> Station:
    """Build the station on an upgraded database with its edition loaded. Raises Misuse otherwise.

    `work_here` says whether this process also carries letters and keeps house, and `ask` whom it then asks for mail
    hosts.
    """
    database = Database(settings.database_url)
    noticeboard = Noticeboard(database, slug)
    try:
        contest = noticeboard.read()
        if settings.pepper is None and contest.published_at is None:
            raise Misuse("VOTE_PEPPER is `destroyed`, but this contest is not published: nobody can vote without it.")
    except Misuse:
        database.close()
        raise
    edition = contests.edition_of(contest.edition)
    keys = Keys(settings.secrets)
    slot = 0 if database.embedded else secrets.randbelow(SLOTS)
    booth = Booth(database, keys, slug, timedelta(minutes=settings.mixing_minutes), slot, settings.screening)
    pigeonhole = Pigeonhole(settings.pigeonhole) if settings.pigeonhole else None
    sealer = sealer_for(settings.public_url, settings.seal_key, slug, settings.mixing_minutes, settings.crowd)
    worker = (
        Worker(database, clock, letterhead(settings, keys, edition), carriers(settings), sealer, ask)
        if work_here
        else None
    )
    meters = Meters(database, slug, clock)
    return Station(
        settings=settings,
        clock=clock,
        database=database,
        keys=keys,
        booth=booth,
        sealer=sealer,
        noticeboard=noticeboard,
        # The moment is read when the transaction is about to begin, not when the voter joined the line.
        requests=meters.line("requests", lambda entries: asking.request(booth, entries, clock.now())),
        confirmations=meters.line("confirmations", lambda entries: casting.confirm(booth, entries, clock.now())),
        meters=meters,
        worker=worker,
        pigeonhole=pigeonhole,
    )


def sealer_for(public_url: str, seal_key: bytes, slug: str, mixing_minutes: int = 60, crowd: int = 10) -> Sealer:
    """This process as a sealer of this contest; the log's name is the site's host and the contest."""
    signer = Signer(f"{urlsplit(public_url).hostname}/{slug}", seal_key)
    return Sealer(slug, signer, timedelta(minutes=mixing_minutes), crowd, secrets.token_bytes(16))


def letterhead(settings: Settings, keys: Keys, edition: Edition) -> Letterhead:
    return Letterhead(keys, edition, settings.mail_from, settings.public_url)


def name_server(settings: Settings) -> Ask | None:
    """Who is asked for mail hosts: nobody in a demonstration."""
    if settings.demo or settings.name_server is None:
        return None
    return resolver.name_server(*settings.name_server)


def carriers(settings: Settings) -> Callable[[], Carrier]:
    """What makes each of the postman's ways out."""
    if settings.smtp is not None:
        server = settings.smtp
        return lambda: SmtpCarrier(server)
    if settings.pigeonhole is None:
        raise Misuse("SMTP_URL is missing: letters have no way out.")
    folder = settings.pigeonhole
    return lambda: Pigeonhole(folder)
