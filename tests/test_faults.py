"""A few rounds of `make faults`: things break as people vote, nothing that was shown is lost; what is lost is seen."""

from __future__ import annotations

from contextlib import closing

import pytest
from faults.rounds import Day, day
from sqlalchemy import delete

from vote import envelope
from vote.db import Database
from vote.models import Envelope

SEED = 7
# Those that say most in little time; the compiler that most of them need is not everywhere.
BROKEN = {
    "sqlite": ("everything killed at once", "the disk full"),
    "postgresql": ("a web process killed", "the database crashed"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_breaks_each_receipt_that_was_shown_is_kept(kind: str) -> None:
    with day(kind, SEED) as (played, possible):
        for mishap in possible:
            if mishap.name in BROKEN[kind]:
                assert played.play(mishap).complaints == []
        assert played.end() == []
        assert len(played.ledger.receipts) > 20
        assert tear_up_a_ballot(played)


def tear_up_a_ballot(played: Day) -> bool:
    """Whether the checks notice that one ballot of all that were cast has been lost."""
    receipt = next(iter(played.ledger.receipts))
    with closing(Database(played.site.url)) as database, database.writing() as session:
        session.execute(delete(Envelope).where(Envelope.ballot_code == envelope.read_receipt_code(receipt)))
    complaints = played.check()
    return any("a receipt that was shown is gone" in said for said in complaints) and any(
        "signatures and ballots do not agree" in said for said in complaints
    )
