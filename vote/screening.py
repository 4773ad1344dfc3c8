"""Screening: ballots whose arrival is suspect are set aside, and officers decide on them without seeing any choice."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from vote import mail_hosts, signals
from vote.editions import Screening
from vote.models import Act, Envelope, MailHost, Suspicion
from vote.rows import AMONG, look
from vote.rules import ALONE, Arrival, Marks, Trait, is_busy, marks_of, size_of, traits
from vote.signals import SUSTAINED, Seen

# Open ones hold, admitted ones keep their marks from being asked about again; a rejection ends.
STANDING = select(Suspicion).where(
    Suspicion.contest == bindparam("of"), or_(Suspicion.verdict.is_(None), Suspicion.verdict == Act.ADMISSION)
)
SUSPICIOUS = select(Suspicion.contest).where(Suspicion.contest.in_(AMONG)).distinct()


def suspect(
    session: Session, contest: str, mark: bytes, figures: Screening, arrivals: Sequence[Arrival], at: datetime
) -> tuple[list[bytes | None], Counter[str]]:
    """Count these votes, and say under which suspicion each is set aside; None where it is not.

    In the transaction that casts them, before their envelopes are there. A suspicion that a rule opens now sets aside
    the envelopes of its marks that are not sealed yet: the second answer is what leaves the running count with them.
    """
    arrivals = _with_hosts(session, arrivals)
    seen = _count(session, mark, arrivals, at)
    before = _hosted_before(session, contest, mark, figures, arrivals, seen, at)
    # Mostly there is none, which costs little to learn.
    known = list(session.scalars(STANDING, {"of": contest})) if look(session, SUSPICIOUS, [contest]) else []
    found: list[bytes | None] = []
    leaving: Counter[str] = Counter()
    for arrival in arrivals:
        held = None
        for trait in traits(figures, mark, arrival, seen, before, at):
            suspicion = next((one for one in known if _answers(one, trait)), None)
            if suspicion is None:
                suspicion, taken = _open(session, contest, trait, at)
                known.append(suspicion)
                leaving.update(taken)
            if suspicion.verdict is None:
                held = held or suspicion.id
        # Whoever shares the marks of an open suspicion waits with the others of it.
        held = held or next((one.id for one in known if one.verdict is None and _covers(one, arrival)), None)
        found.append(held)
    return found, leaving


def _answers(suspicion: Suspicion, trait: Trait) -> bool:
    """Whether nothing new is to be opened for a rule: its marks have a suspicion that waits, or were admitted.

    An admission is about what was seen, not a licence: it ends where votes have doubled since, and a rule that each
    ballot answers for by itself asks about each.
    """
    if _suspected(suspicion) != marks_of(trait):
        return False
    alone = trait.rule in ALONE or suspicion.rule in ALONE
    if suspicion.verdict is None:
        return suspicion.rule == trait.rule or not alone
    admitted = max(suspicion.facts.get("admitted", 0), size_of(suspicion.facts))
    return not alone and trait.size <= 2 * admitted


def _covers(suspicion: Suspicion, arrival: Arrival) -> bool:
    """Whether a suspicion's marks are this arrival's, and its rule is about all who share them."""
    pairs = zip(_suspected(suspicion), marks_of(arrival), strict=True)
    return suspicion.rule not in ALONE and all(mark in (None, own) for mark, own in pairs)


def _suspected(suspicion: Suspicion) -> Marks:
    return suspicion.network, suspicion.domain, suspicion.gap, suspicion.host


def _open(session: Session, contest: str, trait: Trait, at: datetime) -> tuple[Suspicion, Counter[str]]:
    """A new suspicion, every unsealed envelope of its marks set aside with it, and whose votes those were."""
    network, domain, gap, host = marks_of(trait)
    suspicion = Suspicion(
        id=secrets.token_bytes(16),
        contest=contest,
        rule=trait.rule,
        network=network,
        domain=domain,
        gap=gap,
        host=host,
        name=trait.name,
        facts=dict(trait.facts),
        at=at,
    )
    session.add(suspicion)
    session.flush()
    if trait.rule in ALONE:
        return suspicion, Counter()
    pairs = ((Envelope.network, network), (Envelope.domain, domain), (Envelope.gap, gap))
    marked = [column == mark for column, mark in pairs if mark is not None]
    if host is not None:
        # By their domains, so that those are among them whose host was not known yet when they were cast.
        marked.append(Envelope.domain.in_(select(MailHost.domain).where(MailHost.host == host)))
    free = and_(Envelope.contest == contest, Envelope.suspicion.is_(None), *marked)
    # Locked in one order by every node; what the sealer took meanwhile is gone from here, and stays counted.
    rows = select(Envelope.ballot_code, Envelope.laureate).where(free).order_by(Envelope.ballot_code)
    earlier = session.execute(rows.with_for_update()).all()
    codes = [row.ballot_code for row in earlier]
    session.execute(update(Envelope).where(Envelope.ballot_code.in_(codes)).values(suspicion=suspicion.id))
    return suspicion, Counter(row.laureate for row in earlier)


def _with_hosts(session: Session, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """The arrivals from private domains with what is known of their mail hosts."""
    private = {one.domain.mark for one in arrivals if one.domain is not None and one.domain.private}
    hosts = mail_hosts.among(session, private)
    return (
        [replace(one, host=hosts.get(one.domain.mark)) if one.domain else one for one in arrivals]
        if hosts
        else arrivals
    )


def _hosted_before(
    session: Session,
    contest: str,
    mark: bytes,
    figures: Screening,
    arrivals: Sequence[Arrival],
    seen: Mapping[tuple[bytes, int], Seen],
    at: datetime,
) -> Mapping[bytes, int]:
    """What earlier days have of the mail hosts that are busy today, and of all; no statement where none is.

    What officers rejected is no past: of such a host nothing counts.
    """
    hosts = {one.host.mark for one in arrivals if one.host is not None and one.host.mark}
    busy = {host for host in hosts if is_busy(figures, seen[host, SUSTAINED])}
    if not busy:
        return {}
    mine = (Suspicion.contest == contest, Suspicion.host.in_(busy), Suspicion.verdict == Act.REJECTION)
    rejected = {host for host in session.scalars(select(Suspicion.host).where(*mine)) if host}
    return signals.hosted_before(session, (busy - rejected) | {mark}, at)


def _count(session: Session, mark: bytes, arrivals: Sequence[Arrival], at: datetime) -> dict[tuple[bytes, int], Seen]:
    """Add these votes to the counts of domains, then of networks and the contest, and answer all of them."""
    domains: dict[bytes, Seen] = {}
    for arrival in arrivals:
        if arrival.domain is not None:
            domains.setdefault(arrival.domain.mark, Seen()).add_vote(arrival.gap)
    seen = signals.count(session, domains, at)
    fresh = {key for key, more in domains.items() if seen[key, SUSTAINED].votes == more.votes}
    others: dict[bytes, Seen] = {}
    for arrival in arrivals:
        domain = arrival.domain
        private = domain is not None and domain.private
        new = private and domain is not None and domain.mark in fresh
        if new and domain is not None:
            fresh.discard(domain.mark)
        host = arrival.host
        hosted = host is not None and domain is not None and not domain.throwaway
        for key in filter(None, (arrival.network, mark, host.mark if host else None)):
            more = others.setdefault(key, Seen())
            more.add_vote(arrival.gap, private=private, hosted=hosted, new_domain=new)
    return seen | signals.count(session, others, at)
