"""Random days: whatever people and officers do, in whatever order, the promises hold after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as play  # type: ignore[attr-defined, unused-ignore]
from nodes import KEYS, booth
from people import EDITION, SITE
from sqlalchemy import event, select, union_all

from vote import (
    asking,
    audit,
    ballot_box,
    casting,
    contests,
    envelope,
    minutes,
    poll_book,
    proving,
    sealing,
    station,
    tally,
)
from vote.asking import Request
from vote.casting import Confirmation, Receipt
from vote.db import Database
from vote.editions import Text
from vote.errors import AlreadyCounted, Conflict, Expired, Invalid, Misuse, Refusal
from vote.models import TRIES, VERIFICATION_LASTS, Envelope, SealedBallot, State

PEOPLE = [b"marie", b"paul", b"zoe", b"noe"]
LAUREATES = [laureate.slug for laureate in EDITION.laureates]
OFFICE = {"who": "le bureau", "why": "Essai"}


@dataclass(eq=False)
class Browser:
    """Somebody's browser, with a letter asked for and a ballot filled."""

    person: bytes
    verification_id: bytes
    expires_at: datetime
    ballot_code: bytes = field(default_factory=envelope.new_ballot_code)


class Day(RuleBasedStateMachine):
    """What should have happened, kept beside what the database says. Each day has a contest of its own."""

    database: ClassVar[Database]
    numbers: ClassVar[Iterator[int]] = count()
    browsers = Bundle("browsers")

    def __init__(self) -> None:
        super().__init__()
        self.edition = replace(EDITION, contest=f"day-{next(self.numbers)}")
        self.contest = self.edition.contest
        self.booth = booth(self.database, self.contest)
        self.at = EDITION.opens_at - timedelta(days=1)
        self.deadline = EDITION.closes_at
        self.ended: State | None = None
        self.tries: Counter[bytes] = Counter()
        self.voted: dict[bytes, bytes] = {}
        self.box: dict[bytes, str] = {}
        self.acts = 1
        self.notes: list[str] = []
        self.sealer = station.sealer_for(SITE, b"k" * 32, self.contest, crowd=2)
        contests.load(self.database, self.edition, self.at, "les tests")

    @property
    def state(self) -> State:
        if self.ended is not None:
            return self.ended
        if self.at < EDITION.opens_at:
            return State.BEFORE
        return State.OPEN if self.at < self.deadline else State.CLOSED

    @initialize(target=browsers, person=st.sampled_from(PEOPLE), minutes=st.sampled_from([0, 60, 21595, -5]))
    def begin(self, person: bytes, minutes: int) -> object:
        self.at = EDITION.opens_at + timedelta(minutes=minutes)
        return self.vote(person, LAUREATES[0])

    @rule(minutes=st.sampled_from([5, 25, 30, 1500]))
    def wait(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)

    @rule(target=browsers, person=st.sampled_from(PEOPLE))
    def ask(self, person: bytes) -> object:
        (answer,) = asking.request(self.booth, [Request("somebody@example.org", person)], self.at)
        assert isinstance(answer, bytes if self.state is State.OPEN else Conflict)
        return Browser(person, answer, self.at + VERIFICATION_LASTS) if isinstance(answer, bytes) else multiple()

    @rule(target=browsers, browser=browsers, person=st.sampled_from(PEOPLE))
    def ask_again(self, browser: Browser, person: bytes) -> object:
        (answer,) = asking.request(
            self.booth, [Request("somebody@example.org", person, browser.verification_id)], self.at
        )
        if not isinstance(answer, bytes):
            assert self.state is not State.OPEN
            return multiple()
        usable = self.at < browser.expires_at and self.tries[browser.verification_id] < TRIES
        assert (answer == browser.verification_id) is (usable and person == browser.person)
        expires_at = browser.expires_at if answer == browser.verification_id else self.at + VERIFICATION_LASTS
        return Browser(person, answer, expires_at)

    @rule(target=browsers, person=st.sampled_from(PEOPLE), laureate=st.sampled_from(LAUREATES))
    def vote(self, person: bytes, laureate: str) -> object:
        browser = self.ask(person)
        if isinstance(browser, Browser):
            self.confirm([(browser, laureate, "code")])
        return browser

    @rule(
        entries=st.lists(
            st.tuples(browsers, st.sampled_from([*LAUREATES, None]), st.sampled_from(["link", "code", "wrong code"])),
            min_size=1,
            max_size=5,
        )
    )
    def confirm(self, entries: list[tuple[Browser, str | None, str]]) -> None:
        outcomes = casting.confirm(self.booth, [self.fill(*entry) for entry in entries], self.at)
        proved = [self.proves(browser, way) for browser, _, way in entries]
        for (browser, laureate, _), holds in zip(entries, proved, strict=True):
            if holds and laureate and self.state is State.OPEN and browser.person not in self.voted:
                self.voted[browser.person] = browser.ballot_code
                self.box[browser.ballot_code] = laureate
        new = [outcome.ballot_code for outcome in outcomes if isinstance(outcome, Receipt) and not outcome.repeated]
        assert len(new) == len(set(new))
        for (browser, _, _), holds, outcome in zip(entries, proved, outcomes, strict=True):
            if holds:
                assert isinstance(outcome, self.answer(browser)), outcome
            else:
                assert isinstance(outcome, (Invalid, Expired)) or browser.ballot_code in self.box
            if isinstance(outcome, Receipt):
                assert outcome.ballot_code == browser.ballot_code
                assert browser.ballot_code in self.box

    @rule(browser=browsers, times=st.integers(1, TRIES + 1))
    def guess(self, browser: Browser, times: int) -> None:
        self.confirm([(browser, LAUREATES[0], "wrong code")] * times)

    def fill(self, browser: Browser, laureate: str | None, way: str) -> Confirmation:
        code = KEYS.code(proving.PURPOSE, browser.verification_id)
        typed = {"link": None, "code": code, "wrong code": f"{(int(code) + 1) % 1_000_000:06d}"}[way]
        return Confirmation(browser.verification_id, browser.ballot_code, laureate, typed)

    def proves(self, browser: Browser, way: str) -> bool:
        if self.at >= browser.expires_at:
            return False
        if way == "wrong code" and self.tries[browser.verification_id] < TRIES:
            self.tries[browser.verification_id] += 1
            return False
        return way == "link" or (way == "code" and self.tries[browser.verification_id] < TRIES)

    def answer(self, browser: Browser) -> type[Receipt | Refusal]:
        """What somebody whose mailbox is proved is told."""
        if browser.ballot_code in self.box:
            return Receipt
        if browser.person in self.voted:
            return AlreadyCounted
        return Invalid if self.state is State.OPEN else Conflict

    @rule(word=st.sampled_from(["CLORE", "PROCLAMER"]))
    def end(self, word: str) -> None:
        if word == "CLORE" and self.allowed(self.state is State.OPEN, contests.close):
            self.ended = State.CLOSED
        if word == "PROCLAMER" and self.allowed(self.state is State.CLOSED, self.publish):
            self.ended = State.PUBLISHED

    @rule(node=st.binary(min_size=1, max_size=1))
    def seal(self, node: bytes) -> None:
        """By one node or another: only one of them holds the lease."""
        sealing.seal(self.database, replace(self.sealer, holder=node), self.at)

    @rule()
    def inspect(self) -> None:
        assert audit.inspect(self.database, self.contest, self.sealer.signer.verifier, self.at) == []

    @rule()
    def restart(self) -> None:
        self.database.engine.dispose()

    @rule(hours=st.sampled_from([-1, 0, 1, 200, 2000]))
    def extend(self, hours: int) -> None:
        until = self.deadline + timedelta(hours=hours)
        later = self.deadline < until <= self.at + contests.LONGEST_EXTENSION
        if self.allowed(self.state is State.OPEN and later, contests.extend, until=until):
            self.deadline = until

    def publish(self, database: Database, _contest: str, **office: Any) -> None:
        contests.publish(database, self.sealer, **office)

    def allowed(self, right: bool, act: object, **details: datetime) -> bool:
        """Do an act; whether it was right to be done is whether it was."""
        assert callable(act)
        try:
            act(self.database, self.contest, at=self.at, **OFFICE, **details)
        except (Conflict, Invalid):
            assert not right
            return False
        assert right
        self.acts += 1
        return True

    @rule(question=st.sampled_from(["Qui ?", "Laquelle ?"]))
    def correct_the_question(self, question: str) -> None:
        corrected = replace(self.edition, question=Text(question, self.edition.question.en))
        changed = contests.load(self.database, corrected, self.at, "les tests") == "changed"
        assert changed is (corrected != self.edition)
        self.edition = corrected
        self.acts += changed

    @precondition(lambda self: self.box or self.ended is State.PUBLISHED)
    @rule()
    def drop_a_laureate(self) -> None:
        fewer = replace(self.edition, laureates=self.edition.laureates[1:])
        with pytest.raises(Misuse):
            contests.load(self.database, fewer, self.at, "les tests")

    @invariant()
    def the_promises_hold(self) -> None:
        with self.database.reading() as session:
            assert contests.read(session, self.contest).state(self.at) is self.state
            assert poll_book.signed_among(session, self.contest, PEOPLE) == set(self.voted)
            assert tally.balance(session, self.contest) == tally.Balance(*[len(self.box)] * 3)
            assert tally.running_count(session, self.contest) == dict(Counter(self.box.values()))
            assert sum(hour.votes for hour in tally.hours(session, self.contest)) == len(self.box)
            waiting = select(Envelope.ballot_code, Envelope.laureate).where(Envelope.contest == self.contest)
            sealed = select(SealedBallot.ballot_code, SealedBallot.laureate).where(SealedBallot.contest == self.contest)
            assert dict(session.execute(union_all(waiting, sealed)).all()) == self.box
            notes = [signed.note for signed in ballot_box.checkpoints(session, self.contest)]
            assert notes[: len(self.notes)] == self.notes
            self.notes = notes

    def teardown(self) -> None:
        """In the evening."""
        with self.database.reading() as session:
            assert len(minutes.read(session, self.contest)) == self.acts
        assert audit.inspect(self.database, self.contest, self.sealer.signer.verifier, self.at) == []


def test_random_days_keep_the_promises(database: Database) -> None:
    if database.embedded:  # a power cut is not among the adventures of these days
        event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    on_this_database = type("DayHere", (Day,), {"database": database})
    play(
        on_this_database,
        settings=settings(
            max_examples=40 if database.embedded else 15,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
