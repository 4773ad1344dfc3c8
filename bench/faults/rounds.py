"""A day of rounds on one database: people come, something breaks, it is mended, and everything is checked."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TypeVar

import ground
from servers import memory

from faults import checks, mishaps, orders
from faults.checks import Checks
from faults.mishaps import Mishap
from faults.site import Site, site
from faults.voters import Ledger, Voter

Kind = TypeVar("Kind")

FEWEST, MOST = 14, 30  # people who come in a round, beside those who still wait
PATIENCE = 1.2  # seconds from the mending on: who has no letter by then comes back in the next round
STARTING = 1.0  # more, until a worker that came back has gone to its letters
ARRIVALS = 1.2  # seconds over which people come
LAST_ROUNDS = 20  # without any mishap, for who still waits
LATER = 360.0  # seconds: letters that a dead postman had in hand fall due, and a dead sealer's lease ends
LATER_EVERY = 4


@dataclass
class Round:
    mishap: str
    came: int = 0
    receipts: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


@dataclass
class Day:
    """One database, from its first round to the last."""

    kind: str
    seed: int
    site: Site
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    voters: list[Voter] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._checks = Checks(self.site, self.ledger, self.chance)

    def play(self, mishap: Mishap | None) -> Round:
        """Answers what was seen; the site is whole again, and is as it was found but for the votes."""
        before, seen = len(self.ledger.receipts), Counter(self.ledger.seen)
        if len(self.rounds) % LATER_EVERY == LATER_EVERY - 1 or mishap is None:
            self.site.pass_time(LATER)
        new = self._arrivals() if mishap else []
        self.voters += new
        waiting = [voter for voter in self.voters if not voter.done or voter.repeats]
        until = [float("inf")]
        comes = [self.chance.uniform(0, ARRIVALS) for _ in waiting]
        crowd = [
            threading.Thread(target=walk, args=one, daemon=True)
            for one in zip(waiting, comes, repeat(until), repeat(self.ledger))
        ]
        for person in crowd:
            person.start()
        if mishap is not None:
            time.sleep(self.chance.uniform(0.1, 0.6))
            mishap.harm(self.site, self.chance)
        restarted = self.site.mend()
        until[0] = time.monotonic() + PATIENCE + (STARTING if restarted else 0)
        for person in crowd:
            person.join()
        self.site.mend()  # a call that somebody was not to survive may have come late
        found = Round(
            mishap.name if mishap else "nothing",
            len(new),
            len(self.ledger.receipts) - before,
            self.ledger.seen - seen,
            self.check(),
        )
        self.rounds.append(found)
        return found

    def check(self) -> list[str]:
        """Everything that does not hold, and what people have complained about since the last time."""
        found = self._checks.after_round(self.voters)
        complaints, self.ledger.complaints[:] = [*self.ledger.complaints], []
        return complaints + found

    def end(self) -> list[str]:
        """Once all is sound, everybody who came can vote. Answers what does not hold."""
        for _ in range(LAST_ROUNDS):
            if all(voter.done for voter in self.voters):
                break
            self.play(None)
        return checks.at_the_end(self.site, self.voters)

    def _arrivals(self) -> list[Voter]:
        first = len(self.voters)
        return [
            Voter(self.site, self.ledger, number, self.chance.choice(ground.SLUGS), random.Random(self.chance.random()))
            for number in range(first, first + self.chance.randint(FEWEST, MOST))
        ]


@contextmanager
def day(kind: str, seed: int) -> Iterator[tuple[Day, list[Mishap]]]:
    """A day, and what can happen on it where it is held."""
    with tempfile.TemporaryDirectory(prefix="vote-faults-", dir=memory()) as name:
        folder = Path(name)
        library = orders.shim(folder)
        with site(kind, folder, library) as running:
            yield Day(kind, seed, running, random.Random(seed)), mishaps.possible(kind, library is not None)


def in_turn(some: list[Kind], rounds: int, chance: random.Random) -> Iterator[Kind]:
    """Each as often as the others, in an order that nobody foresees."""
    bag: list[Kind] = []
    for _ in range(rounds):
        if not bag:
            bag = chance.sample(some, len(some))
        yield bag.pop()


def walk(voter: Voter, comes: float, until: list[float], ledger: Ledger) -> None:
    time.sleep(comes)
    try:
        while not voter.done and time.monotonic() < until[0]:
            voter.vote(min(until[0], time.monotonic() + 0.2))
        voter.vote(until[0])
    except Exception as problem:  # of the harness: nobody else would hear of it
        ledger.complain(f"a voter stumbled: {problem!r}")
