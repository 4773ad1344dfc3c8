"""The simulated contest in small: a school votes untouched while two scripts gain nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random  # noqa: TID251 (fixed seeds)

import pytest
from fraud import attacks, honest, report
from fraud.contest import Outcome, Simulation
from fraud.people import Names, Voter


def voters() -> Iterator[Voter]:
    draw = Random(7)
    yield from honest.school(draw, Names(draw), 60)
    yield from islice(attacks.catch_all(draw), 60)
    yield from islice(attacks.forged(draw), 40)


def simulate(folder: Path, *, screening: bool, through_pages: bool = False) -> Outcome:
    contest = Simulation(folder / "contest", voters(), screening=screening, through_pages=through_pages)
    return asyncio.run(contest.run())


@pytest.mark.parametrize("through_pages", [False, True])
def test_scripts_gain_nothing_and_a_school_votes_untouched(tmp_path: Path, through_pages: bool) -> None:
    found = simulate(tmp_path, screening=True, through_pages=through_pages)
    for script, ballots in (("C", 60), ("K", 40)):
        figures = found.parts[script]
        assert (figures["cast"], figures["held"], figures["counted"]) == (ballots, ballots, 0)
    school = found.parts["school"]
    assert (school["voters"], school["counted"]) == (60, school["cast"])
    assert school["cast"] >= 50
    assert school["refused"] == school["slowed"] == school["held"] == 0
    assert "| C | 60 | 60 | 60 |" in report.write([found], [], [])


def test_without_screening_the_same_scripts_are_counted(tmp_path: Path) -> None:
    found = simulate(tmp_path, screening=False)
    assert (found.parts["C"]["counted"], found.parts["K"]["counted"]) == (60, 40)
