"""One person, one vote, however many confirm at the same moment: threads, processes, repeats."""

from __future__ import annotations

from collections import Counter

from nodes import ask, ballot, booth, cast_at_once, nodes
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select

from vote import tally
from vote.casting import Confirmation, Receipt
from vote.db import Database
from vote.errors import AlreadyCounted, Refusal
from vote.models import Envelope
from vote.tally import Balance

LAUREATES = [laureate.slug for laureate in EDITION.laureates]


def cast(database_url: str, *parties: list[list[Confirmation]]) -> list[Receipt | Refusal]:
    """The outcomes of all confirmations, in order: each of `parties` at the same moment in a process of its own."""
    with nodes(len(parties)) as running:
        parts = [
            running.run(cast_at_once, database_url, CONTEST, slot, share, MORNING) for slot, share in enumerate(parties)
        ]
        running.begin()
        return [outcome for part in parts for party in part.result() for outcome in party]


def ballots(database: Database) -> set[bytes]:
    with database.reading() as session:
        return set(session.scalars(select(Envelope.ballot_code)))


def balance(database: Database) -> Balance:
    with database.reading() as session:
        return tally.balance(session, CONTEST)


def test_a_hundred_confirmations_at_once_over_two_processes_cast_one_ballot(
    database_url: str, database: Database
) -> None:
    verification = ask(booth(database, CONTEST), [b"marie"], MORNING)[0]
    tabs = [ballot(verification, LAUREATES[tab % 3]) for tab in range(50)]
    outcomes = cast(database_url, [[tab] for tab in tabs], [[tab] for tab in tabs])
    assert balance(database) == Balance(1, 1, 1)
    (winner,) = ballots(database)
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert {receipt.ballot_code for receipt in receipts} == {winner}
    assert sorted(receipt.repeated for receipt in receipts) == [False, True]
    assert Counter(map(type, outcomes)) == {Receipt: 2, AlreadyCounted: 98}


def test_fifty_voters_who_confirm_ten_times_each_cast_fifty_ballots(database_url: str, database: Database) -> None:
    voters = [bytes([voter]) * 32 for voter in range(50)]
    here = booth(database, CONTEST)
    phone, laptop = ask(here, voters, MORNING), ask(here, voters, MORNING)
    filled = [[ballot(identifier, LAUREATES[place % 3]) for place, identifier in enumerate(ids)]
              for ids in (phone, laptop)]  # fmt: skip
    # Every repeat goes round the same people from another place and in another direction, as lines of nodes form.
    repeats = [[filled[repeat % 2][(voter * (7, -7)[repeat % 2] + repeat * 5) % 50] for voter in range(50)]
               for repeat in range(10)]  # fmt: skip
    parties = [repeat[start : start + 10] for repeat in repeats for start in range(0, 50, 10)]
    outcomes = cast(database_url, parties[::2], parties[1::2])
    entries = [entry for party in parties[::2] + parties[1::2] for entry in party]
    assert balance(database) == Balance(50, 50, 50)
    cast_ballots = ballots(database)
    for entry, outcome in zip(entries, outcomes, strict=True):
        if isinstance(outcome, Receipt):
            assert outcome.ballot_code == entry.ballot_code in cast_ballots
        else:
            assert isinstance(outcome, AlreadyCounted), outcome
            assert entry.ballot_code not in cast_ballots
    assert Counter(outcome.repeated for outcome in outcomes if isinstance(outcome, Receipt)) == {False: 50, True: 200}
    with database.reading() as session:
        assert tally.running_count(session, CONTEST) == tally.recount(session, CONTEST)
        assert sum(hour.votes for hour in tally.hours(session, CONTEST)) == 50
