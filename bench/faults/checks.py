"""What must hold after each round, whatever happened in it: the promises, against database, letters and log."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Protocol

import ground
from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from faults.site import Letter, Node
from faults.voters import Browser, House, Ledger, Voter
from vote import addresses, audit, ballot_box, contests, envelope, poll_book, tally
from vote.db import Database
from vote.models import Envelope, SealedBallot, Signature
from vote.notes import Signer

CROSSING = 1.0  # seconds before a letter was accepted: it was on its way to the mail server as somebody died
IN_HAND = 3.0  # seconds after that: it was not yet noted down, with others that the same walk carries
LOOKED_UP = 5  # older receipts, through the pages


class Site(House, Protocol):
    """What its keeper knows beside."""

    @property
    def url(self) -> str: ...

    @property
    def nodes(self) -> Sequence[Node]: ...

    @property
    def interruptions(self) -> Sequence[float]: ...


class Checks:
    """Of one day, round after round: each sees the whole database, and all that was shown since the morning."""

    def __init__(self, site: Site, ledger: Ledger, chance: random.Random, host: str = "127.0.0.1") -> None:
        self._site, self._ledger, self._chance = site, ledger, chance
        self._kept: list[str] = []
        self._read: Counter[str] = Counter()
        self._shown: set[str] = set()
        self._verifier = Signer(f"{host}/{ground.CONTEST}", bytes.fromhex(ground.SEAL_KEY)).verifier

    def after_round(self, voters: Sequence[Voter]) -> list[str]:
        """Everything that does not hold."""
        with closing(Database(self._site.url)) as database, database.reading() as session:
            complaints = [*self._database(session, voters)]
        return [*complaints, *self._pages(), *self._letters(voters), *self._logs()]

    def _database(self, session: Session, voters: Sequence[Voter]) -> Iterator[str]:
        cast = _ballots(session)
        for receipt, voter in self._ledger.receipts.items():
            laureate = cast.get(envelope.read_receipt_code(receipt) or b"")
            if laureate != voter.laureate:
                yield f"a receipt that was shown is {'gone' if laureate is None else 'of another choice'}"
        balance = tally.balance(session, ground.CONTEST)
        if not balance.balanced or balance.signatures != len(cast):
            yield f"signatures and ballots do not agree: {balance}, {len(cast)} codes"
        signed = set(session.scalars(select(Signature.voter_key)))
        if missing := sum(_voter_key(voter) not in signed for voter in voters if voter.done):
            yield f"{missing} people whose vote is counted have not signed"
        unseen = sum(not voter.receipts and (voter.counted or voter.doubtful > 0) for voter in voters)
        if not 0 <= len(cast) - len(self._ledger.receipts) <= unseen:
            yield f"{len(cast)} ballots, {len(self._ledger.receipts)} receipts, {unseen} people without one"
        yield from self._audit(session)

    def _audit(self, session: Session) -> Iterator[str]:
        contest = contests.read(session, ground.CONTEST)
        findings = audit.examine_database(session, contest, self._verifier, self._kept)
        yield from (f"the audit: {finding.sentence}" for finding in findings if not finding.holds)
        last = ballot_box.last_checkpoint(session, ground.CONTEST)
        if last is not None and last.note not in self._kept:
            self._kept = [*self._kept[:1], *self._kept[-8:], last.note]

    def _pages(self) -> Iterator[str]:
        """The receipts of this round, and some older ones, as their voters look them up."""
        known = list(self._ledger.receipts)
        old = self._chance.sample(known, min(LOOKED_UP, len(known)))
        browser = Browser(self._site, Counter(), self._ledger.complain)
        for receipt in {*old, *(receipt for receipt in known if receipt not in self._shown)}:
            answer = browser.ask(f"/urne?code={receipt}")
            if answer is None or answer.status != 200:
                yield f"/urne answers {answer and answer.status} to a receipt"
        self._shown.update(known)

    def _letters(self, voters: Iterable[Voter]) -> Iterator[str]:
        """A letter goes once for each request; once more for each time that nobody could write down that it went."""
        for voter in voters:
            if superfluous(voter) > self._excused(voter.letters):
                yield f"{len(voter.letters)} letters for {voter.requests} requests"

    def _excused(self, letters: Sequence[Letter]) -> int:
        """How many of them were in a dying hand."""
        return sum(
            any(letter.at - CROSSING <= moment <= letter.at + IN_HAND for moment in self._site.interruptions)
            for letter in letters[:-1]
        )

    def _logs(self) -> Iterator[str]:
        """What is not a refusal is a fault of ours."""
        for node in self._site.nodes:
            lines = node.log.read_text(encoding="utf-8").splitlines()
            for line in lines[self._read[node.name] :]:
                told = _read(line)
                if told.get("level") not in {"debug", "info", "warning"}:
                    yield f"{node.name} logs: {told.get('says', line)} {told.get('fault', '')}"
            self._read[node.name] = len(lines)


def at_the_end(site: Site, voters: Sequence[Voter]) -> list[str]:
    """What holds once everything is sound and everybody had the time they needed."""
    complaints = [f"a voter by {voter.way} is left without vote" for voter in voters if not voter.done]
    with closing(Database(site.url)) as database, database.reading() as session:
        counted = tally.recount(session, ground.CONTEST)
        if counted != Counter(voter.laureate for voter in voters):
            complaints.append(f"the choices of all who came are not the count: {counted}")
    return complaints


def superfluous(voter: Voter) -> int:
    """Letters beyond those that were asked for."""
    return max(len(voter.letters) - voter.requests, 0)


def repeated(voters: Iterable[Voter]) -> Counter[int]:
    """How many letters were accepted twice, three times…; requests that were merged into one letter hide some."""
    times: Counter[int] = Counter()
    for voter in voters:
        codes = Counter(letter.code for letter in voter.letters)
        times.update(count for count in codes.values() if count > 1 and superfluous(voter))
    return times


def _ballots(session: Session) -> dict[bytes, str]:
    both = union_all(
        select(Envelope.ballot_code, Envelope.laureate), select(SealedBallot.ballot_code, SealedBallot.laureate)
    )
    return {row.ballot_code: row.laureate for row in session.execute(both)}


def _voter_key(voter: Voter) -> bytes:
    return poll_book.voter_key(ground.PEPPER.encode(), ground.CONTEST, addresses.parse(voter.address))


def _read(line: str) -> dict[str, object]:
    try:
        told: dict[str, object] = json.loads(line)
    except ValueError:
        return {"says": line}
    return told
