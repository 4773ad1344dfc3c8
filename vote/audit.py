"""The audit of a database: the evidence in it, every table beside that, and the inspections that keep watch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote import ballot_box, editions, minutes, tally
from vote.db import Database
from vote.evidence import Box, Evidence, Finding, checkpoint_of, examine, rebuild, witnessed
from vote.languages import LANGUAGES, Sentence
from vote.models import Act, Contest, Inspection, Laureate, Lot, Tile
from vote.notes import Verifier

# What comes of reading what was tampered with.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


def of_database(session: Session, contest: Contest, verifier: Verifier) -> Evidence:
    """The evidence that the database holds."""
    return Evidence(
        verifier=verifier,
        edition_digest=sha256(contest.edition.encode()).hexdigest(),
        minutes=[minutes.document(line) for line in minutes.read(session, contest.slug)],
        notes=[signed.note for signed in ballot_box.checkpoints(session, contest.slug)],
        ballots=lambda: (
            (row.position, row.ballot_code, row.commitment, row.laureate, row.salt)
            for row in ballot_box.read(session, contest.slug)
        ),
        rejected=tally.rejections(session, contest.slug),
        results=contest.results,
    )


def examine_database(session: Session, contest: Contest, verifier: Verifier, kept: Sequence[str] = ()) -> list[Finding]:
    """Every check: that tables agree with each other and with the evidence, the evidence, the checkpoints kept."""
    own, others = examine_apart(session, contest, verifier, kept)
    return own + others


def examine_apart(
    session: Session, contest: Contest, verifier: Verifier, kept: Sequence[str]
) -> tuple[list[Finding], list[Finding]]:
    """The same checks: what the database says of itself, and what the checkpoints kept say of it."""
    try:
        evidence = of_database(session, contest, verifier)
        box = rebuild(evidence)
        own = _tables(session, contest, evidence, box) + examine(evidence, box)
        return own, witnessed(evidence, box, kept)
    except UNREADABLE as problem:
        unread = Sentence("Quelque chose, dans la base, ne se lit pas comme il devrait : {what}.", what=repr(problem))
        return [Finding(False, unread)], []


def inspect(database: Database, contest: str, verifier: Verifier, at: datetime) -> list[str]:
    """Audit the database, keep what disagrees where officers and jury see it, and answer it in English.

    The audit reads a snapshot: votes go on meanwhile.
    """
    with database.reading() as session:
        findings = examine_database(session, session.get_one(Contest, contest), verifier)
    complaints = [{lang: finding.said(lang) for lang in LANGUAGES} for finding in findings if not finding.holds]
    with database.writing() as session:
        session.merge(Inspection(contest=contest, at=at, complaints=complaints))
    return [complaint["en"] for complaint in complaints]


def last_inspection(session: Session, contest: str) -> Inspection | None:
    rows = select(Inspection).where(Inspection.contest == contest).order_by(Inspection.at.desc()).limit(1)
    return session.scalars(rows).first()


def _tables(session: Session, contest: Contest, evidence: Evidence, box: Box) -> list[Finding]:
    balance = tally.balance(session, contest.slug)
    counted = tally.recount(session, contest.slug) == tally.running_count(session, contest.slug)
    findings = [
        Finding(
            balance.balanced,
            Sentence(
                "{signatures:signatures} à la liste d’émargement, {ballots:ballots}, dont "
                "{counted:number} au décompte en cours, {aside:number} mis de côté, {rejected:number} "
                "rejetés : {verdict}.",
                signatures=balance.signatures,
                ballots=balance.ballots,
                counted=balance.counted,
                aside=balance.aside,
                rejected=balance.rejected,
                verdict=Sentence("tout concorde") if balance.balanced else Sentence("cela ne concorde pas"),
            ),
        ),
        Finding(
            counted,
            Sentence("Le décompte en cours est celui des bulletins.")
            if counted
            else Sentence("Le décompte en cours n’est pas celui des bulletins."),
        ),
        _turnout(session, contest, balance.signatures),
        _tree(session, contest, box),
        _lots(session, contest, box),
        _rows(session, contest, evidence),
        _dates(contest, evidence.minutes),
        _ballot_paper(session, contest),
    ]
    if contest.results is not None:
        same = balance.signatures == contest.results["signatures"]
        kept = Sentence("La liste d’émargement est celle de la proclamation.")
        changed = Sentence("La liste d’émargement n’est plus celle de la proclamation.")
        findings.append(Finding(same, kept if same else changed))
    return findings


def _turnout(session: Session, contest: Contest, signatures: int) -> Finding:
    """What jury and officers are told at any moment, which nobody counts anew for them."""
    same = tally.turnout(session, contest.slug) == signatures
    sound = Sentence("La participation par heure est celle de la liste d’émargement.")
    return Finding(
        same, sound if same else Sentence("La participation par heure n’est pas celle de la liste d’émargement.")
    )


def _tree(session: Session, contest: Contest, box: Box) -> Finding:
    """Every tile, also those that no proof of today reads."""
    rows = select(Tile.level, Tile.number, Tile.hashes).where(Tile.contest == contest.slug)
    found = wrong = 0
    for level, number, hashes in session.execute(rows.execution_options(yield_per=500)):
        found += 1
        wrong += box.tiles.get((level, number)) != hashes
    same = found == len(box.tiles) and not wrong
    sound = Sentence("L’arbre conservé est celui des bulletins scellés.")
    return Finding(same, sound if same else Sentence("L’arbre conservé n’est pas celui des bulletins scellés."))


def _lots(session: Session, contest: Contest, box: Box) -> Finding:
    """Lots follow each other, and each ended with the first checkpoint of its size."""
    signed = ballot_box.checkpoints(session, contest.slug)
    ends = {row.size: row.at for row in reversed(signed) if row.size}
    start = 0
    lots = session.scalars(select(Lot).where(Lot.contest == contest.slug).order_by(Lot.number))
    for number, lot in enumerate(lots, start=1):
        if (lot.number, lot.start) != (number, start) or ends.pop(lot.size, None) != lot.sealed_at:
            return Finding(False, Sentence("Le lot {n} n’est pas tel qu’il a été scellé.", n=lot.number))
        start = lot.size
    same = start == box.size and not ends
    sound = Sentence("Les lots sont ceux de l’urne et de ses empreintes.")
    return Finding(same, sound if same else Sentence("Les lots ne sont pas ceux de l’urne et de ses empreintes."))


def _rows(session: Session, contest: Contest, evidence: Evidence) -> Finding:
    """What stands beside the notes says what they say."""
    for number, row in enumerate(ballot_box.checkpoints(session, contest.slug), start=1):
        checkpoint = checkpoint_of(evidence.verifier, row.note)
        if row.number != number or checkpoint is None or checkpoint.size != row.size:
            return Finding(
                False, Sentence("L’empreinte {n} n’a pas le numéro ou la taille qui ont été signés.", n=row.number)
            )
    return Finding(True, Sentence("Les empreintes ont le numéro et la taille qui ont été signés."))


def _dates(contest: Contest, lines: Sequence[Mapping[str, Any]]) -> Finding:
    """The dates are those of the edition, unless a minute moved them."""
    edition = editions.from_document(json.loads(contest.edition))
    closes_at, closed_at, published_at = edition.closes_at, None, None
    for line in lines:
        act, after = line["act"], line["after"] or {}
        if act == Act.EDITION and {"opens_at", "closes_at"} & set(after.get("changed", ())):
            closes_at = edition.closes_at
        elif act == Act.EXTENSION:
            closes_at = datetime.fromisoformat(after["closes_at"])
        elif act == Act.CLOSURE:
            closed_at = datetime.fromisoformat(after["closed_at"])
        elif act == Act.PUBLICATION:
            published_at = datetime.fromisoformat(line["at"])
    told = (edition.opens_at, closes_at, closed_at, published_at)
    same = told == (contest.opens_at, contest.closes_at, contest.closed_at, contest.published_at)
    sound = Sentence("Les dates du scrutin sont celles du procès-verbal.")
    return Finding(same, sound if same else Sentence("Les dates du scrutin ne sont pas celles du procès-verbal."))


def _ballot_paper(session: Session, contest: Contest) -> Finding:
    edition = editions.from_document(json.loads(contest.edition))
    slugs = set(session.scalars(select(Laureate.slug).where(Laureate.contest == contest.slug)))
    same = slugs == {laureate.slug for laureate in edition.laureates}
    sound = Sentence("Le bulletin nomme les lauréats de l’édition.")
    return Finding(same, sound if same else Sentence("Le bulletin ne nomme pas les lauréats de l’édition."))
