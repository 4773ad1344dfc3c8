"""A plug-in of pytest for `make mutants`: of the tests that call a function, the quickest first, as most mutants die of
those."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

STATS = Path("mutmut-stats.json")  # what mutmut measured before the first mutant, where it runs tests


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    took = json.loads(STATS.read_text(encoding="utf-8"))["duration_by_test"] if STATS.exists() else {}
    items.sort(key=lambda item: float(took.get(item.nodeid, 0)))


def pytest_collection_finish() -> None:
    # What is imported by now is shared with the process of every mutant, as long as no collection touches it.
    gc.freeze()
