"""Screening: ballots whose arrival is suspect are set aside, and officers decide on them without seeing any choice."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from vote import contests, mail_hosts, minutes, outbox, signals, tally, words
from vote.db import Database
from vote.editions import Screening
from vote.errors import Conflict, Unknown
from vote.languages import Sentence
from vote.mail_hosts import Host
from vote.marks import Domain
from vote.models import (
    Act,
    Contest,
    Envelope,
    LetterKind,
    MailHost,
    RejectedBallot,
    Role,
    Rule,
    Staff,
    State,
    Suspicion,
)
from vote.rows import insert
from vote.signals import BURST, SUSTAINED, Seen

NIGHT = range(0, 6)  # hours at Paris
LATE = 6  # the first step of what was stored up: over five minutes
ENOUGH = 50  # votes of the contest's day from which its own habits are known
PEOPLE = (1, 4, 12, 17, 9, 3, 2, 2)  # how fifty people spread over the steps, for a day of which little is known yet
ALIKE = (*((step, step + 1) for step in range(len(PEOPLE))), (0, 2))  # one step, or all below twenty seconds

# Open ones hold, admitted ones keep their marks from being asked about again; a rejection ends.
STANDING = select(Suspicion).where(
    Suspicion.contest == bindparam("of"), or_(Suspicion.verdict.is_(None), Suspicion.verdict == Act.ADMISSION)
)

GONE = Sentence("Ces bulletins ne sont plus en attente d’une décision.")
OVER = Sentence("Les résultats sont proclamés : plus rien ne se décide sur les bulletins.")


Marks = tuple[bytes | None, bytes | None, int | None, bytes | None]
"""Network, domain, gap and mail host; None stands for any."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a ballot that is being cast arrived. `gap` is the step that its confirmation took; `cast_before` counts the
    votes that the same browser says to have cast; `host` is None until a private domain's was looked up."""

    network: bytes | None
    domain: Domain | None
    gap: int
    doubt: Rule | None = None
    cast_before: int = 0
    host: Host | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The ballots of one suspicion, as officers see them: how many wait for a decision, and when their marks voted."""

    suspicion: Suspicion
    waiting: int
    history: Sequence[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class _Trait:
    """A rule that holds, and the marks it holds for."""

    rule: Rule
    network: bytes | None = None
    domain: Domain | None = None
    gap: int | None = None
    host: Host | None = None
    facts: tuple[tuple[str, int], ...] = ()

    @property
    def name(self) -> str:
        return next((one.name for one in (self.domain, self.host) if one), "")

    @property
    def size(self) -> int:
        """How many votes of its marks are such; 0 where none are counted."""
        return _size(dict(self.facts))


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
    known = list(session.scalars(STANDING, {"of": contest}))
    found: list[bytes | None] = []
    leaving: Counter[str] = Counter()
    for arrival in arrivals:
        held = None
        for trait in _traits(figures, mark, arrival, seen, before, at):
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


def groups(session: Session, contest: str) -> list[Group]:
    """Suspicions with ballots that wait for a decision, the oldest first."""
    counts = select(Envelope.suspicion, func.count()).where(Envelope.contest == contest, Envelope.aside())
    waiting = {row[0]: row[1] for row in session.execute(counts.group_by(Envelope.suspicion))}
    rows = select(Suspicion).where(Suspicion.id.in_(waiting)).order_by(Suspicion.at, Suspicion.id)
    return [
        Group(one, waiting[one.id], signals.history(session, one.network or one.domain or one.host or b"", BURST))
        for one in session.scalars(rows)
    ]


def alert(database: Database, contest: str, at: datetime) -> int:
    """Post a letter to each officer when suspicions have opened since the last one. Answers how many letters."""
    with database.writing() as session:
        new = update(Suspicion).where(Suspicion.contest == contest, Suspicion.told_at.is_(None))
        if not session.execute(new.values(told_at=at).returning(Suspicion.id)).all():
            return 0
        officers = session.scalars(select(Staff).where(Staff.role == Role.OFFICER)).all()
        return outbox.post_to_staff(session, LetterKind.ALERT, officers, at)


def decide(
    database: Database, contest: str, suspicion_id: bytes, verdict: Act, *, who: str, why: str, at: datetime
) -> None:
    """Admit or reject all ballots of a suspicion that wait, blind, with a minute that counts and binds them.

    Admitted ones join the next lot and the running count, and the same marks are suspected no more. Rejected ones are
    destroyed unopened: codes and reason stay. Refused where none waits (any more), and after the publication.
    """
    reason = contests.check_reason(why)
    with database.writing() as session:
        held = contests.alone(session, contest)
        if held.state(at) is State.PUBLISHED:
            raise Conflict(OVER)
        suspicion = session.get(Suspicion, suspicion_id)
        if suspicion is None or suspicion.contest != contest:
            raise Unknown(GONE)
        mine = Envelope.suspicion == suspicion_id
        codes = session.scalars(select(Envelope.ballot_code).where(mine).order_by(Envelope.ballot_code)).all()
        if not codes:
            raise Conflict(GONE)
        (_admit if verdict is Act.ADMISSION else _reject)(session, held, suspicion, codes, at)
        suspicion.decided_at = at
        minutes.record(session, contest, verdict, who=who, why=reason, at=at, after=_bound(suspicion, codes))


def _bound(suspicion: Suspicion, codes: Sequence[bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {"suspicion": suspicion.id.hex(), "rule": str(suspicion.rule)}
    facts |= {"count": len(codes), "codes": tally.digest(codes)}
    return {**facts, "host" if suspicion.host else "domain": suspicion.name} if suspicion.name else facts


def _admit(session: Session, contest: Contest, suspicion: Suspicion, codes: Sequence[bytes], at: datetime) -> None:
    mine = Envelope.suspicion == suspicion.id
    rows = session.execute(select(Envelope.laureate, func.count()).where(mine).group_by(Envelope.laureate)).all()
    tally.count_in(session, contest.slug, 0, dict(rows))
    # Without marks nothing sets them aside a second time.
    session.execute(update(Envelope).where(mine).values(suspicion=None, network=None, domain=None, gap=None))
    suspicion.facts = {**suspicion.facts, "admitted": len(codes)}
    suspicion.verdict = Act.ADMISSION


def _reject(session: Session, contest: Contest, suspicion: Suspicion, codes: Sequence[bytes], at: datetime) -> None:
    rows = [{"ballot_code": code, "contest": contest.slug, "suspicion": suspicion.id} for code in codes]
    session.execute(insert(session, RejectedBallot), rows)
    session.execute(delete(Envelope).where(Envelope.suspicion == suspicion.id))
    suspicion.verdict = Act.REJECTION


def _answers(suspicion: Suspicion, trait: _Trait) -> bool:
    """Whether nothing new is to be opened for a rule: its marks have a suspicion that waits, or were admitted.

    An admission is about what was seen, not a licence: it ends where votes have doubled since, and a rule that each
    ballot answers for by itself asks about each.
    """
    if _suspected(suspicion) != _marks(trait):
        return False
    alone = trait.rule in ALONE or suspicion.rule in ALONE
    if suspicion.verdict is None:
        return suspicion.rule == trait.rule or not alone
    admitted = max(suspicion.facts.get("admitted", 0), _size(suspicion.facts))
    return not alone and trait.size <= 2 * admitted


def _size(facts: Mapping[str, int]) -> int:
    return facts.get("votes", 0) * facts.get("share", 100) // 100


def _covers(suspicion: Suspicion, arrival: Arrival) -> bool:
    """Whether a suspicion's marks are this arrival's, and its rule is about all who share them."""
    pairs = zip(_suspected(suspicion), _marks(arrival), strict=True)
    return suspicion.rule not in ALONE and all(mark in (None, own) for mark, own in pairs)


def _marks(one: Arrival | _Trait) -> Marks:
    domain, host = (named.mark if named else None for named in (one.domain, one.host))
    return one.network, domain, one.gap, host


def _suspected(suspicion: Suspicion) -> Marks:
    return suspicion.network, suspicion.domain, suspicion.gap, suspicion.host


def _open(session: Session, contest: str, trait: _Trait, at: datetime) -> tuple[Suspicion, Counter[str]]:
    """A new suspicion, every unsealed envelope of its marks set aside with it, and whose votes those were."""
    network, domain, gap, host = _marks(trait)
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


ALONE = frozenset({Rule.TRAP, Rule.UNPROVED, Rule.BROWSER})
"""Rules that each ballot answers for by itself: they set aside nobody else of its network."""


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
    busy = {host for host in hosts if _is_busy(figures, seen[host, SUSTAINED])}
    if not busy:
        return {}
    mine = (Suspicion.contest == contest, Suspicion.host.in_(busy), Suspicion.verdict == Act.REJECTION)
    rejected = {host for host in session.scalars(select(Suspicion.host).where(*mine)) if host}
    return signals.hosted_before(session, (busy - rejected) | {mark}, at)


def _is_busy(figures: Screening, day: Seen) -> bool:
    return day.votes >= figures.hosts and day.domains >= figures.hosts_least


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


def _traits(
    figures: Screening,
    mark: bytes,
    arrival: Arrival,
    seen: Mapping[tuple[bytes, int], Seen],
    before: Mapping[bytes, int],
    at: datetime,
) -> Iterator[_Trait]:
    """Every rule that holds for this arrival, the plainest first."""
    network, domain = arrival.network, arrival.domain
    if domain is not None and domain.throwaway:
        yield _Trait(Rule.THROWAWAY, domain=domain)
    if arrival.doubt is not None:
        yield _Trait(arrival.doubt, network=network)
    if arrival.cast_before >= figures.per_browser:
        yield _Trait(Rule.BROWSER, network=network)
    habits = seen[mark, SUSTAINED]
    if network is not None:
        for rule, facts in _of_network(figures, seen[network, BURST], seen[network, SUSTAINED], habits, at):
            yield _Trait(rule, network=network, facts=facts)
    if domain is not None and domain.private:
        for rule, facts in _of_domain(figures, seen[domain.mark, BURST], seen[domain.mark, SUSTAINED], habits):
            yield _Trait(rule, domain=domain, facts=facts)
    host = arrival.host
    if host is not None and host.mark and _is_busy(figures, seen[host.mark, SUSTAINED]):
        earlier = before.get(host.mark, 0), before.get(mark, 0)
        for facts in _of_host(figures, seen[host.mark, SUSTAINED], habits, *earlier):
            yield _Trait(Rule.HOSTS, host=host, facts=facts)
    for rule, gap, facts in _of_contest(figures, seen[mark, BURST], habits):
        if gap == arrival.gap:
            yield _Trait(rule, gap=gap, facts=facts)


Facts = tuple[tuple[str, int], ...]


def _of_network(figures: Screening, burst: Seen, day: Seen, habits: Seen, at: datetime) -> Iterator[tuple[Rule, Facts]]:
    yield from _machine(figures, (day, burst), habits)
    late = sum(burst.gaps[LATE:])
    if late >= figures.stored and 100 * late >= figures.stored_share * burst.votes:
        yield Rule.STORED, _facts(burst.votes, late, habits.votes - burst.votes, sum(habits.gaps[LATE:]) - late)
    enough = day.private >= figures.domains and day.domains >= figures.domains_least
    # Where many houses meet, each sends one or two; who invents houses uses each of them often.
    often = day.private >= figures.domains_each * day.domains
    if enough and often and 100 * day.private >= figures.domains_share * day.votes:
        yield Rule.DOMAINS, _facts(day.votes, day.private, habits.votes - day.votes, habits.private - day.private)
    at_once, in_a_night = figures.night
    if at.astimezone(words.PARIS).hour in NIGHT:
        # The day that is counted begins within the night at Paris; before that it is the one that went by.
        so_far = day.votes if at - signals.window(at, SUSTAINED) < timedelta(hours=NIGHT.stop) else 0
        if burst.votes >= at_once or so_far >= in_a_night:
            yield Rule.NIGHT, (("votes", max(burst.votes, so_far)),)


def _of_domain(figures: Screening, burst: Seen, day: Seen, habits: Seen) -> Iterator[tuple[Rule, Facts]]:
    yield from _machine(figures, (day, burst), habits)
    at_once, in_a_day = figures.surge
    if burst.votes >= at_once or day.votes >= in_a_day:
        yield Rule.SURGE, (("votes", day.votes),)


def _of_host(figures: Screening, day: Seen, habits: Seen, before: int, before_in_all: int) -> Iterator[Facts]:
    """More votes than in all days before, and much of those from small domains: over three times as much as before."""
    # As long as little is known of those, half of all is held to be usual, and no rule follows from it.
    usual, others = before + ENOUGH // 2, before_in_all + ENOUGH
    much = day.hosted > before and 100 * day.hosted >= figures.hosts_share * habits.hosted
    if much and day.hosted * others > 3 * usual * habits.hosted:
        yield _facts(habits.hosted, day.hosted, others, usual)


def _of_contest(figures: Screening, burst: Seen, day: Seen) -> Iterator[tuple[Rule, int, Facts]]:
    quick = day.gaps[0]
    if quick >= figures.quick and 100 * quick >= figures.quick_share * day.votes:
        yield Rule.QUICK, 0, _facts(day.votes, quick, 1, 0)
    before = day.votes - burst.votes
    for gap in (LATE, LATE + 1):
        late, usual = burst.gaps[gap], day.gaps[gap] - burst.gaps[gap]
        if late >= figures.stored and before >= ENOUGH and late * before >= 5 * usual * burst.votes:
            yield Rule.STORED, gap, _facts(burst.votes, late, before, usual)


def _machine(figures: Screening, spans: Sequence[Seen], habits: Seen) -> Iterator[tuple[Rule, Facts]]:
    """Confirmations that nearly all fall in one step, or in the two quickest, and twice as often as usual."""
    for seen in spans:
        if seen.votes < figures.machine:
            continue
        others = [sum(gaps) - own for *gaps, own in zip(habits.gaps, PEOPLE, seen.gaps, strict=True)]
        for first, last in ALIKE:
            most, usual = sum(seen.gaps[first:last]), sum(others[first:last])
            alike = 100 * most >= figures.machine_share * seen.votes
            if alike and most * sum(others) >= 2 * usual * seen.votes:
                yield Rule.MACHINE, _facts(seen.votes, most, sum(others), usual)
                return


def _facts(votes: int, such: int, others: int, usual: int) -> Facts:
    """What officers compare: such votes among these, in percent, and among the others of the contest's day."""
    return (
        ("votes", votes),
        ("share", round(100 * such / max(votes, 1))),
        ("usual", round(100 * usual / max(others, 1))),
    )
