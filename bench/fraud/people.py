"""Who comes to vote in a simulated contest: when, from where, with which address, and how long each step takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from vote import editions

PARIS = ZoneInfo("Europe/Paris")
EDITION = editions.read(editions.SHIPPED)
SLOT = 120  # seconds
ROUNDED = (0, 10, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 900, 1200, 1500, 1740)
DAYS = (EDITION.closes_at - EDITION.opens_at).days


@dataclass(slots=True)
class Voter:
    """One attempt to vote. `part` is the crowd or the attack it belongs to.

    `gap` is what passes from the request to the confirmation, in seconds; None where nobody confirms. `again` asks for
    a second letter, `mistyped` sends a first one to a wrong address, `fumbles` types a wrong code first. `forged`
    and `replays` are of attacks alone.
    """

    part: str
    address: str
    host: str
    at: datetime
    gap: float | None
    again: float | None = None
    mistyped: str | None = None
    fumbles: bool = False
    scripts: bool = True
    voted_before: int = 0
    proof: str = ""
    unproved: bool = False
    forged: str | None = None
    scanned: bool = False
    replays: bool = False
    # What came of it.
    verification: bytes = b""
    ballot_code: bytes = b""
    letters: int = 0
    proofs: int = 0
    hashes: int = 0
    slowed: bool = False
    refused: bool = False
    cast: bool = False
    tries: int = 0

    def __post_init__(self) -> None:
        # Whoever arrives in one slot is served in one commit, as the line does with a crowd; a slot never crosses a
        # window of the signals, nor a rounded gap a step, so that no rule can tell.
        since = (self.at - EDITION.opens_at).total_seconds()
        self.at = EDITION.opens_at + timedelta(seconds=since // SLOT * SLOT)
        if self.gap is not None:
            self.gap = float(max(rounded for rounded in ROUNDED if rounded <= self.gap))

    @property
    def laureate(self) -> str:
        return EDITION.laureates[len(self.address) % len(EDITION.laureates)].slug

    @property
    def honest(self) -> bool:
        return self.part[0].islower()


def on(day: int, hour: float) -> datetime:
    """An hour of a day of November 2019, at Paris."""
    return datetime(2019, 11, day, tzinfo=PARIS) + timedelta(hours=hour)


@dataclass
class Names:
    """Addresses and networks that no two draws share unless they are meant to."""

    draw: Random
    series: str = "h"
    last: int = 0

    def mailbox(self, domain: str) -> str:
        self.last += 1
        return f"{self.draw.choice(FIRST)}.{self.draw.choice(LAST)}.{self.series}{self.last}@{domain}"

    def home(self) -> str:
        """An address of somebody's own line; one in seven has IPv6."""
        if self.draw.random() < 1 / 7:
            return f"2a01:{self.draw.randrange(1, 1 << 16):x}:{self.draw.randrange(1, 1 << 16):x}:1::{self.last + 1:x}"
        return f"{self.draw.choice((78, 82, 86, 90, 92))}.{self.draw.randrange(256)}.{self.draw.randrange(256)}.7"

    def domain(self) -> str:
        self.last += 1
        return f"{self.draw.choice(LAST)}-{self.draw.choice(TRADES)}{self.last}.fr"


FIRST = ("adele", "bruno", "camille", "denise", "elias", "fatou", "gabriel", "hanna")
LAST = ("martin", "bernard", "petit", "durand", "leroy", "moreau", "garcia", "roux")
TRADES = ("conseil", "menuiserie", "solidaire", "culture", "insertion", "bio", "energie", "habitat")
