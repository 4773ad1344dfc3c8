"""Ballots in the line: one commit for many voters, and one voter's trouble is nobody else's."""

from __future__ import annotations

import asyncio

import pytest
from nodes import ask, ballot, booth
from people import CONTEST, MORNING
from sqlalchemy.exc import IntegrityError

from vote import casting, tally
from vote.casting import Confirmation, Receipt
from vote.db import Database
from vote.errors import Expired, Refusal
from vote.line import Line

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def confirmations(database: Database) -> Line[Confirmation, Receipt | Refusal]:
    here = booth(database, CONTEST)
    return Line(lambda entries: casting.confirm(here, entries, MORNING))


async def test_a_ballot_that_the_database_refuses_costs_no_neighbour_a_vote(database: Database) -> None:
    ids = ask(booth(database, CONTEST), [bytes([voter]) for voter in range(7)], MORNING)
    line = confirmations(database)
    line.open()
    entries = [ballot(identifier, "nobody" if place == 4 else "ilot-femmes") for place, identifier in enumerate(ids)]
    outcomes = await asyncio.gather(*map(line.wait, [*entries, ballot(b"unknown")]), return_exceptions=True)
    await line.close()
    assert isinstance(outcomes.pop(4), IntegrityError)
    assert isinstance(outcomes.pop(), Expired)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    with database.reading() as session:
        assert tally.balance(session, CONTEST) == tally.Balance(6, 6, 6)


async def test_the_vote_of_a_client_who_goes_away_is_whole_or_absent(database: Database) -> None:
    ids = ask(booth(database, CONTEST), [bytes([voter]) for voter in range(40)], MORNING)
    line = confirmations(database)
    line.open()
    tasks: list[asyncio.Task[Receipt | Refusal]] = []
    for place, identifier in enumerate(ids):
        tasks.append(asyncio.create_task(line.wait(ballot(identifier))))
        if place % 3 == 0:
            await asyncio.sleep(0.001)
            tasks[place // 2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await line.close()
    served = [task.result() for task in tasks if not task.cancelled()]
    assert all(isinstance(outcome, Receipt) for outcome in served)
    with database.reading() as session:
        found = tally.balance(session, CONTEST)
        assert found.balanced
        assert len(served) <= found.ballots <= len(ids)
        receipts = [outcome for outcome in served if isinstance(outcome, Receipt)]
        assert all(casting.find_receipt(session, receipt.ballot_code) for receipt in receipts)
