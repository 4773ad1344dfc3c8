"""A plug-in of pytest for `make mutants`: whatever makes a mutant's tests quicker, and none of them less strict."""

from __future__ import annotations

import gc
import json
import tempfile
from pathlib import Path

import pytest

from vote import schema
from vote.db import Database

STATS = Path("mutmut-stats.json")  # what mutmut measured before the first mutant, where it runs tests


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quickest tests first: most mutants die of those."""
    took = json.loads(STATS.read_text(encoding="utf-8"))["duration_by_test"] if STATS.exists() else {}
    items.sort(key=lambda item: float(took.get(item.nodeid, 0)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """In the process from which those of the mutants fork: what each of them needs is imported here, once."""
    if session.config.option.collectonly:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{folder}/vote.db")
            schema.upgrade(database)
            database.close()
        gc.freeze()  # so that no collection touches, and thereby copies, what they share
