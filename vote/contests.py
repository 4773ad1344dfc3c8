"""The acts on the contest: its edition, its extension, its closure, its publication; each is a minute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from vote import audit, ballot_box, editions, minutes, sealing, tally
from vote.db import Database, take_turn
from vote.editions import Edition
from vote.errors import Conflict, Invalid, Misuse
from vote.languages import Sentence, together
from vote.models import Act, Contest, Laureate, Minute, Signature, SignedCheckpoint, State
from vote.rows import AMONG, look
from vote.sealing import Sealer

LOCK = 0x5343_5255_5449  # "SCRUTI": shared by all who cast, exclusive for an act on the contest
ALONE = {"key_share": True}  # lets foreign keys pass: a stream of those would keep an act waiting as well
COLUMNS = ("slug", "edition", "opens_at", "closes_at", "closed_at", "published_at")  # all but the results
SEEN = select(*(getattr(Contest, name) for name in COLUMNS)).where(Contest.slug.in_(AMONG))
SHARED = SEEN.with_for_update(read=True)
LONGEST_REASON = 500
LONGEST_EXTENSION = timedelta(days=60)


@lru_cache(maxsize=8)
def edition_of(text: str) -> Edition:
    """The edition that `Contest.edition` holds."""
    return editions.from_document(json.loads(text))


def read(session: Session, slug: str) -> Contest:
    """The contest. Raises Misuse where its edition was never loaded."""
    contest = session.get(Contest, slug)
    if contest is None:
        raise Misuse(f"The contest {slug!r} is not in this database: run `vote edition load` first.")
    return contest


def marks(session: Session, slug: str) -> object:
    """Something else whenever the contest, its minutes or its box's checkpoints have changed; cheap to ask again."""
    minute = select(func.max(Minute.number)).where(Minute.contest == slug).scalar_subquery()
    checkpoint = select(func.max(SignedCheckpoint.number)).where(SignedCheckpoint.contest == slug).scalar_subquery()
    dates = Contest.opens_at, Contest.closes_at, Contest.closed_at, Contest.published_at
    return session.execute(select(*dates, minute, checkpoint).where(Contest.slug == slug)).one_or_none()


def shared(session: Session, slug: str) -> Contest:
    """The contest, without its results, for a commit of votes: no act is acknowledged before that commit, and earlier
    ones are seen here."""
    # The turn, because a closure would wait without end for a row that voters, one after the other, always share.
    take_turn(session, LOCK, shared=True)
    return _seen(session, SHARED, slug)


def glance(session: Session, slug: str) -> Contest:
    """The contest, without its results, and kept from nobody; costs little."""
    return _seen(session, SEEN, slug)


def _seen(session: Session, statement: Select[Any], slug: str) -> Contest:
    (row,) = look(session, statement, [slug])
    return _as_seen(*row)


@lru_cache(maxsize=8)
def _as_seen(*values: Any) -> Contest:
    """Of no session, and shared by all who saw the same; nobody writes on it."""
    return Contest(**dict(zip(COLUMNS, values, strict=True)))


def alone(session: Session, slug: str) -> Contest:
    """The contest's row for ourselves alone: every commit of votes that shared it is done, none begins before ours.

    Its key stays shared: rows that merely name the contest, those of a lot being sealed, wait for nobody.
    """
    read(session, slug)
    take_turn(session, LOCK)
    return session.get_one(Contest, slug, with_for_update=ALONE)


def load(database: Database, edition: Edition, at: datetime, who: str) -> str:
    """Load the edition and answer "created", "changed" or "unchanged". Idempotent.

    Texts may be corrected at any time, on the record. Raises Misuse for another list of laureates or other dates once
    a ballot is cast.
    """
    with database.writing() as session:
        text = edition.canonical()
        take_turn(session, LOCK)
        contest = session.get(Contest, edition.contest, with_for_update=ALONE)
        if contest is None:
            session.add(
                Contest(slug=edition.contest, edition=text, opens_at=edition.opens_at, closes_at=edition.closes_at)
            )
            session.flush()
            session.add_all(Laureate(contest=edition.contest, slug=laureate.slug) for laureate in edition.laureates)
            after = {"digest": edition.digest, "laureates": [laureate.slug for laureate in edition.laureates]}
            _minute(
                session,
                edition.contest,
                Act.EDITION,
                who,
                Sentence("Première publication de l’édition."),
                at,
                after=after,
            )
            return "created"
        if contest.edition == text:
            return "unchanged"
        _correct(session, contest, edition, text, at, who)
        return "changed"


def close(database: Database, slug: str, *, who: str, why: str, at: datetime) -> None:
    """Close before the deadline. Once this returns, no node adds a ballot."""
    with database.writing() as session:
        contest = alone(session, slug)
        _require(contest.is_open(at), "Une clôture n’est possible que pendant le vote ; {now}.", now=_now(contest, at))
        contest.closed_at = at
        _minute(
            session,
            slug,
            Act.CLOSURE,
            who,
            check_reason(why),
            at,
            before={"closes_at": _iso(contest.closes_at)},
            after={"closed_at": _iso(at)},
        )


def extend(database: Database, slug: str, *, until: datetime, who: str, why: str, at: datetime) -> None:
    """Move the deadline to `until`, later than it was, while the contest is still open."""
    with database.writing() as session:
        contest = alone(session, slug)
        _require(
            contest.is_open(at), "Une prolongation n’est possible que pendant le vote ; {now}.", now=_now(contest, at)
        )
        if not contest.closes_at < until <= at + LONGEST_EXTENSION:
            raise Invalid(
                "La nouvelle échéance doit suivre celle d’aujourd’hui ({closes_at:instant}), "
                "de soixante jours au plus.",
                field="until",
                closes_at=contest.closes_at,
            )
        before, contest.closes_at = contest.closes_at, until
        _minute(
            session,
            slug,
            Act.EXTENSION,
            who,
            check_reason(why),
            at,
            before={"closes_at": _iso(before)},
            after={"closes_at": _iso(until)},
        )


def publish(database: Database, sealer: Sealer, *, who: str, why: str, at: datetime) -> None:
    """Seal what still waits, audit everything, and publish, in one transaction.

    Refused while open, twice, while a ballot is held, or where anything disagrees.
    """
    slug = sealer.contest
    with database.writing() as session:
        sealing.keep_others_out(session, at)
        contest = alone(session, slug)
        _require(contest.state(at) is not State.PUBLISHED, "Les résultats sont déjà proclamés.")
        _require(contest.state(at) is State.CLOSED, "La proclamation attend la clôture ; {now}.", now=_now(contest, at))
        aside = tally.aside(session, slug)
        _require(aside == 0, "La proclamation attend une décision sur {n:ballots} mis de côté.", n=aside)
        sealing.seal_ready(session, sealer, at, everything=True)
        ballot_box.sign_checkpoint(session, slug, sealer.signer, at)
        findings = audit.examine_database(session, contest, sealer.signer.verifier)
        wrong = [finding.sentence for finding in findings if not finding.holds]
        _require(
            not wrong,
            "La proclamation est suspendue : des comptes ne concordent pas. Prévenez l’opérateur. {findings}",
            findings=together(wrong),
        )
        balance, votes = tally.balance(session, slug), tally.recount(session, slug)
        contest.published_at = at
        contest.results = {"votes": votes, "signatures": balance.signatures, "ballots": balance.counted}
        _minute(session, slug, Act.PUBLICATION, who, check_reason(why), at, after=contest.results)
        # Bound to the minute above: the last checkpoint covers everything that is published.
        ballot_box.sign_checkpoint(session, slug, sealer.signer, at)
    database.sweep("envelopes", "poll_book")


def check_reason(why: str) -> str:
    """The reason of an act, on one line. Raises Invalid."""
    reason = " ".join(why.split())
    if not reason:
        raise Invalid("Donnez la raison de cet acte : elle est inscrite au procès-verbal.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid(
            "La raison est trop longue : {most:number} caractères au plus.", field="reason", most=LONGEST_REASON
        )
    return reason


def _correct(session: Session, contest: Contest, edition: Edition, text: str, at: datetime, who: str) -> None:
    old = edition_of(contest.edition)
    cast = session.scalar(select(Signature.contest).where(Signature.contest == contest.slug).limit(1)) is not None
    published = contest.published_at is not None
    slugs = [laureate.slug for laureate in edition.laureates]
    if (cast or published) and sorted(slugs) != sorted(laureate.slug for laureate in old.laureates):
        raise Misuse("The list of laureates cannot change: ballots have been cast for the one in the database.")
    if (edition.opens_at, edition.closes_at) != (old.opens_at, old.closes_at):
        if cast or published or contest.closed_at is not None:
            raise Misuse("The dates cannot change by the edition once voting has begun: use `vote contest extend`.")
        contest.opens_at, contest.closes_at = edition.opens_at, edition.closes_at
    if not cast:
        session.execute(delete(Laureate).where(Laureate.contest == contest.slug))
        session.add_all(Laureate(contest=contest.slug, slug=slug) for slug in slugs)
    contest.edition = text
    changed = sorted(set(_differences(old.document(), edition.document())))
    _minute(
        session,
        contest.slug,
        Act.EDITION,
        who,
        Sentence("Correction de l’édition."),
        at,
        before={"digest": old.digest},
        after={"digest": edition.digest, "changed": changed},
    )


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The dotted paths at which two documents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _differences(left, right, f"{path}[{place}]")
    elif old != new:
        yield path


def _minute(
    session: Session,
    slug: str,
    act: Act,
    who: str,
    why: str,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    minutes.record(session, slug, act, who=who, why=why, at=at, before=before, after=after)


def _require(holds: bool, otherwise: str, **values: Any) -> None:
    if not holds:
        raise Conflict(otherwise, **values)


def _now(contest: Contest, at: datetime) -> Sentence:
    return {
        State.BEFORE: Sentence("il ouvre le {opens_at:instant}", opens_at=contest.opens_at),
        State.OPEN: Sentence("il est ouvert jusqu’au {closes_at:last_moment}", closes_at=contest.closes_at),
        State.CLOSED: Sentence("il est clos"),
        State.PUBLISHED: Sentence("les résultats sont proclamés"),
    }[contest.state(at)]


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
