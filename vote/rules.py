"""The rules of screening: what about an arrival, and about what was counted of its marks, is suspect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vote import signals, words
from vote.editions import Screening
from vote.mail_hosts import Host
from vote.marks import Domain
from vote.models import Rule
from vote.signals import BURST, SUSTAINED, Seen

NIGHT = range(0, 6)  # hours at Paris
LATE = 6  # the first step of what was stored up: over five minutes
ENOUGH = 50  # votes of the contest's day from which its own habits are known
PEOPLE = (1, 4, 12, 17, 9, 3, 2, 2)  # how fifty people spread over the steps, for a day of which little is known yet
ALIKE = (*((step, step + 1) for step in range(len(PEOPLE))), (0, 2))  # one step, or all below twenty seconds

ALONE = frozenset({Rule.TRAP, Rule.UNPROVED, Rule.BROWSER})
"""Rules that each ballot answers for by itself: they set aside nobody else of its network."""

Facts = tuple[tuple[str, int], ...]
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
class Trait:
    """A rule that holds, and the marks it holds for."""

    rule: Rule
    network: bytes | None = None
    domain: Domain | None = None
    gap: int | None = None
    host: Host | None = None
    facts: Facts = ()

    @property
    def name(self) -> str:
        return next((one.name for one in (self.domain, self.host) if one), "")

    @property
    def size(self) -> int:
        """How many votes of its marks are such; 0 where none are counted."""
        return size_of(dict(self.facts))


def traits(
    figures: Screening,
    mark: bytes,
    arrival: Arrival,
    seen: Mapping[tuple[bytes, int], Seen],
    before: Mapping[bytes, int],
    at: datetime,
) -> Iterator[Trait]:
    """Every rule that holds for this arrival, the plainest first."""
    network, domain = arrival.network, arrival.domain
    if domain is not None and domain.throwaway:
        yield Trait(Rule.THROWAWAY, domain=domain)
    if arrival.doubt is not None:
        yield Trait(arrival.doubt, network=network)
    if arrival.cast_before >= figures.per_browser:
        yield Trait(Rule.BROWSER, network=network)
    habits = seen[mark, SUSTAINED]
    if network is not None:
        for rule, facts in _of_network(figures, seen[network, BURST], seen[network, SUSTAINED], habits, at):
            yield Trait(rule, network=network, facts=facts)
    if domain is not None and domain.private:
        for rule, facts in _of_domain(figures, seen[domain.mark, BURST], seen[domain.mark, SUSTAINED], habits):
            yield Trait(rule, domain=domain, facts=facts)
    host = arrival.host
    if host is not None and host.mark and is_busy(figures, seen[host.mark, SUSTAINED]):
        earlier = before.get(host.mark, 0), before.get(mark, 0)
        for facts in _of_host(figures, seen[host.mark, SUSTAINED], habits, *earlier):
            yield Trait(Rule.HOSTS, host=host, facts=facts)
    for rule, gap, facts in _of_contest(figures, seen[mark, BURST], habits):
        if gap == arrival.gap:
            yield Trait(rule, gap=gap, facts=facts)


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


def is_busy(figures: Screening, day: Seen) -> bool:
    return day.votes >= figures.hosts and day.domains >= figures.hosts_least


def marks_of(one: Arrival | Trait) -> Marks:
    domain, host = (named.mark if named else None for named in (one.domain, one.host))
    return one.network, domain, one.gap, host


def size_of(facts: Mapping[str, int]) -> int:
    return facts.get("votes", 0) * facts.get("share", 100) // 100
