"""What `make cluster` measures and asks for: the run itself needs servers of its own, and is made by hand."""

from __future__ import annotations

import os
import shutil

import pytest
from cluster.machines import lacking
from cluster.rounds import longest


@pytest.mark.parametrize(
    ("receipts", "gap"),
    [([], 10), ([1, 2, 3], 7), ([5], 5), ([-3, 4, 9], 7), ([12, 4, 2, 9], 5), ([8, 1], 7)],
)
def test_the_gap_is_the_longest_time_without_a_receipt(receipts: list[float], gap: float) -> None:
    assert longest(0, receipts, 10) == gap


def test_what_is_missing_is_said_in_one_sentence_with_the_way_to_have_it() -> None:
    said = lacking()
    if os.geteuid() != 0:
        assert "as root" in said
    elif shutil.which("patroni") is None:
        assert "patroni" in said
        assert "apt-get install" in said
    assert said.count(". ") == 0
