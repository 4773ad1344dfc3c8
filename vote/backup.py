"""A copy of the database while votes are cast, and its way back: nothing is overwritten, nothing is missing unsaid."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, make_url, select

from vote import audit, ballot_box, contests, minutes, schema, staff
from vote.db import Database
from vote.errors import Misuse
from vote.evidence import Finding
from vote.languages import Sentence
from vote.models import Act, Envelope, Signature
from vote.notes import Verifier

PAGES = 64  # a step of the copy: 256 KiB, after which others of this machine have their turn
BREATH = 0.005
WHY = Sentence("Restauration d’une sauvegarde.")
ELSEWHERE = "This database is PostgreSQL: run deploy/postgresql/{}, which the README explains."


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a restored database says of itself (`audit`), and what the checkpoints that people kept say of it."""

    audit: Sequence[Finding]
    kept: Sequence[Finding]
    holds: str

    @property
    def sound(self) -> bool:
        return all(finding.holds for finding in self.audit)

    @property
    def complete(self) -> bool:
        return all(finding.holds for finding in self.kept)


def write(url: str, file: Path) -> int:
    """Copy a SQLite database in use to a new `file`, as it was when the copy began. Answers its size in bytes.

    Votes go on meanwhile, on this file and on no other. Raises Misuse.
    """
    source = _embedded(url, "backup")
    if not source.exists():
        raise Misuse(f"{source} does not exist: check DATABASE_URL.")
    with _new(file) as part:
        _copy(source, part)
    return file.stat().st_size


@contextmanager
def unpacked(url: str, file: Path) -> Iterator[str]:
    """The URL of a copy of `file`, brought to this schema; where the block ends well, it becomes the database of `url`.

    Raises Misuse where there is a database already, or where `file` is none.
    """
    target = _embedded(url, "restore")
    for there in (target, *(target.with_name(f"{target.name}-{suffix}") for suffix in ("wal", "shm", "journal"))):
        if there.exists():
            raise Misuse(f"{there} exists, and a restore overwrites nothing: move it away first, and keep it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _new(target) as part:
        _copy(file, part)
        copy = f"sqlite:///{part}"
        with closing(Database(copy)) as database:
            schema.upgrade(database)
        yield copy
        # One file again: what lies in the write-ahead log beside it would not be moved with it.
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")


def examine(database: Database, contest: str, verifier: Verifier, kept: Sequence[str]) -> Restoration:
    """Audit a database that was brought back, and hold it against checkpoints that people kept."""
    with database.reading() as session:
        found = contests.read(session, contest)
        own, others = audit.examine_apart(session, found, verifier, kept)
        signed = ballot_box.last_checkpoint(session, contest)
        signatures, waiting = (
            session.scalar(select(func.count()).select_from(table).where(table.contest == contest))
            for table in (Signature, Envelope)
        )
    box = f"{signed.size} sealed ballots, the last on {signed.at:%Y-%m-%d %H:%M} UTC" if signed else "an empty box"
    return Restoration(own, others, f"{signatures} signatures, {box}, {waiting} envelopes.")


def record(database: Database, contest: str, who: str, at: datetime) -> None:
    """Put the restoration on the public record, and end every session: some may have been revoked since the copy."""
    with database.writing() as session:
        size = ballot_box.size(session, contest)
        staff.revoke_all(session, at)
        minutes.record(session, contest, Act.RESTORATION, who=who, why=WHY, at=at, after={"sealed": size})


def _embedded(url: str, act: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise Misuse(ELSEWHERE.format(act))
    return Path(parsed.database or "").absolute()


def _copy(source: Path, target: Path) -> None:
    """Copy one database to another file, and check it there. Raises Misuse."""
    try:
        reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
        with closing(reader) as here, closing(sqlite3.connect(target)) as there:
            # This view of the database is kept through all steps: a vote between two of them, which would else make
            # the copy begin anew, is simply not in it.
            here.execute("BEGIN")
            here.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            here.backup(there, pages=PAGES, sleep=BREATH)
            there.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = there.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as problem:
        raise Misuse(f"{source} cannot be copied: {problem}.") from problem
    if verdict != "ok":
        raise Misuse(f"{source} is damaged: {verdict}.")


@contextmanager
def _new(file: Path) -> Iterator[Path]:
    """A part beside `file`, which takes its name once whole and on the disk; never over another file. Raises Misuse."""
    if file.exists():
        raise Misuse(f"{file} exists, and nothing is overwritten: give another name.")
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))  # nobody else reads who voted
    try:
        yield part
        _settle(part)
        os.link(part, file)
    finally:
        for left in (part, *(part.with_name(f"{part.name}-{suffix}") for suffix in ("wal", "shm"))):
            left.unlink(missing_ok=True)
    _settle(file.parent)


def _settle(path: Path) -> None:
    """Onto the disk, whatever happens to this machine next."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
