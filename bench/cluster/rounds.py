"""Rounds of one day: people come all the time, something breaks, votes go on or not, all is mended and checked."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

import ground
from faults import checks
from faults.checks import Checks
from faults.rounds import walk
from faults.voters import Ledger, Voter

from cluster.mishaps import Mishap
from cluster.site import HOST, Cluster, Sealing
from vote.db import Database
from vote.errors import Unavailable

EVERY = 0.25  # seconds from one person to the next
PAUSE = 1.0  # seconds until somebody tries again
CALM = 4.0  # seconds before a mishap, and after everything is mended
LEAST = 12.0  # seconds that a mishap lasts: longer than a leader takes to notice who is gone
MOST = 120.0
FLOWING = 1.5  # seconds: with one receipt at least in so many, votes go on
LAST_SECONDS = 420.0  # letters that a lost commit left in nobody's hand fall due again after five minutes


@dataclass
class Round:
    """`gap`: the longest time between two receipts, in seconds, from the mishap to the end."""

    mishap: str
    gap: float = 0.0
    came: int = 0
    receipts: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


class Day:
    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.cluster, self.chance = cluster, chance
        self.ledger = Ledger()
        self.voters: list[Voter] = []
        self.rounds: list[Round] = []
        self._checks = Checks(cluster, self.ledger, chance, HOST)

    def play(self, mishap: Mishap) -> Round:
        before, seen, known = len(self.ledger.receipts), Counter(self.ledger.seen), len(self.voters)
        until, full = [float("inf")], threading.Event()
        crowd = self._send_in([voter for voter in self.voters if not voter.done or voter.repeats], until)
        doors = threading.Thread(target=self._arrive, args=(crowd, until, full), daemon=True)
        doors.start()
        time.sleep(CALM + self.chance.random())
        at = time.monotonic()
        self.cluster.interrupted()
        mishap.harm(self.cluster, self.chance)
        self._wait_for_votes(at)
        self.cluster.mend()
        self._wait_for_votes(time.monotonic() - LEAST + CALM)
        full.set()
        doors.join()
        ends = time.monotonic()
        until[0] = ends + PAUSE
        for person in crowd:
            person.join()
        played = Round(
            mishap.name,
            longest(at, self.ledger.shown_at, ends),
            len(self.voters) - known,
            len(self.ledger.receipts) - before,
            self.ledger.seen - seen,
            self.check(),
        )
        self.rounds.append(played)
        return played

    def check(self) -> list[str]:
        try:
            found = [*self._checks.after_round(self.voters), *self.sealing().complaints]
        except Unavailable:
            found = ["the database was away with everything mended"]
        complaints, self.ledger.complaints[:] = [*self.ledger.complaints], []
        return complaints + found

    def sealing(self) -> Sealing:
        with closing(Database(self.cluster.url)) as database, database.reading() as session:
            return Sealing.seen(session)

    def end(self) -> list[str]:
        """Everybody who came can vote. Answers what does not hold."""
        until = [time.monotonic() + LAST_SECONDS]
        for person in self._send_in([voter for voter in self.voters if not voter.done], until):
            person.join()
        return [*self.check(), *checks.at_the_end(self.cluster, self.voters)]

    def _arrive(self, crowd: list[threading.Thread], until: list[float], full: threading.Event) -> None:
        while not full.wait(EVERY):
            chance = random.Random(self.chance.random())
            number = len(self.voters)
            voter = Voter(self.cluster, self.ledger, number, self.chance.choice(ground.SLUGS), chance, PAUSE)
            self.voters.append(voter)
            crowd += self._send_in([voter], until)

    def _send_in(self, voters: Iterable[Voter], until: list[float]) -> list[threading.Thread]:
        crowd = [threading.Thread(target=walk, args=(voter, 0.0, until, self.ledger), daemon=True) for voter in voters]
        for person in crowd:
            person.start()
        return crowd

    def _wait_for_votes(self, since: float) -> None:
        """Until they are cast again, or nothing is to be waited for."""
        while (passed := time.monotonic() - since) < MOST:
            self.cluster.interrupted()
            if passed > LEAST and self.ledger.shown_at and time.monotonic() - self.ledger.shown_at[-1] < FLOWING:
                return
            time.sleep(0.25)


def longest(begin: float, moments: Iterable[float], end: float) -> float:
    """The longest time between two of these moments; the last one before the beginning counts."""
    known = sorted(moments)
    earlier = max((moment for moment in known if moment < begin), default=begin)
    during = [moment for moment in known if begin <= moment <= end]
    return max(after - before for before, after in pairwise([earlier, *during, end]))
