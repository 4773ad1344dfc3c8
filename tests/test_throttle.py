"""The throttle: who asks together in one commit fares as who asks one after the other."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import MORNING

from vote import throttle
from vote.db import Database
from vote.editions import Screening
from vote.errors import TooMany
from vote.proofs import Toll
from vote.throttle import Asked

STRICT = Screening(letters_per_address=(2, 3), asked_per_network=(1, 2), asked_in_all=(9, 12), hot=(1, 2, 6))
DAYS = count(1)

people = st.builds(
    Asked,
    address=st.sampled_from([b"address 1", b"address 2", b"address 3"]),
    networks=st.sampled_from([(), (b"house 1", b"street"), (b"house 2", b"street"), (b"office",)]),
    domain=st.sampled_from([None, b"club"]),
    contest=st.just(b"contest"),
    proof=st.sampled_from([None, b"proof 1", b"proof 2"]),
    unproved=st.booleans(),
)


def told(verdict: TooMany | Toll | None) -> object:
    return verdict.sentence if isinstance(verdict, TooMany) else verdict


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(people, max_size=14), st.integers(1, 14))
def test_who_asks_together_fares_as_who_asks_one_after_the_other(
    database: Database, asked: list[Asked], together: int
) -> None:
    # Each on a day of its own, on which nothing was counted before.
    one_day, another = (MORNING + timedelta(days=next(DAYS)) for _ in range(2))
    with database.writing() as session:
        one_by_one = [throttle.judge(session, STRICT, [one], one_day)[0] for one in asked]
        in_parties: list[TooMany | Toll | None] = []
        for start in range(0, len(asked), together):
            in_parties += throttle.judge(session, STRICT, asked[start : start + together], another)
    assert list(map(told, in_parties)) == list(map(told, one_by_one))
