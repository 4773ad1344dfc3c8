"""The purge: after the publication, whatever could still tell who voted is destroyed, on the record."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select

from vote import ballot_box, contests, minutes, sealing
from vote.db import Database
from vote.errors import Conflict
from vote.languages import Sentence
from vote.models import (
    Act,
    Challenge,
    Disowned,
    MailHost,
    OutgoingLetter,
    Signal,
    SignIn,
    StaffSession,
    State,
    Verification,
)
from vote.sealing import Sealer

FORGOTTEN = (OutgoingLetter, Verification, Disowned, SignIn, StaffSession, Challenge, Signal, MailHost)
WHY = Sentence("Destruction des données qui permettaient encore de savoir qui a voté.")


def purge(database: Database, sealer: Sealer, *, who: str, at: datetime) -> dict[str, int]:
    """Delete letters, verifications, sign-ins, sessions, signals and mail hosts; a minute says how many, as the answer.

    Refused before the publication. Results, minutes, box and poll book stay: audits still verify. The pepper is
    destroyed by `destroy`, or by whoever holds the environment: only then can nobody test whether an address voted.
    """
    with database.writing() as session:
        sealing.keep_others_out(session, at)
        contest = contests.read(session, sealer.contest)
        if contest.state(at) is not State.PUBLISHED:
            raise Conflict("La destruction des données attend la proclamation des résultats.")
        counts: dict[str, int] = {}
        for table in FORGOTTEN:
            counts[table.__tablename__] = session.scalar(select(func.count()).select_from(table)) or 0
            session.execute(delete(table))
        minutes.record(session, sealer.contest, Act.PURGE, who=who, why=WHY, at=at, after=counts)
        ballot_box.sign_checkpoint(session, sealer.contest, sealer.signer, at)
    database.rewrite()
    return counts


def destroy(path: Path) -> None:
    """Overwrite a secret's file, wait until the disk has it, and remove the file.

    A disk may still keep old blocks (snapshots, flash memory): whoever runs one must end those too.
    """
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
