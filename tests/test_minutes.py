"""The minutes: a chain that anybody can recompute, written by one hand at a time; test_tampering attacks it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from people import CONTEST, EDITION, MORNING

from vote import minutes, tally
from vote.db import Database
from vote.models import Act


@pytest.fixture
def kept(database: Database) -> Database:
    """Six lines: that of the edition, and five more with all that a line can hold."""
    for number in range(5):
        with database.writing() as session:
            minutes.record(
                session,
                CONTEST,
                Act.EXTENSION,
                who="Zoé – du bureau",
                why="« Panne »\u202f; 10 % d’électeurs 🗳",
                at=MORNING,
                before={"closes_at": None, "é": [1, 2.5, True]},
                after={"z": {"b": number, "a": "x"}} if number else None,
            )
    return database


def test_the_chain_holds_when_it_is_read_back(kept: Database) -> None:
    with kept.reading() as session:
        lines = [minutes.document(line) for line in minutes.read(session, CONTEST)]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert minutes.broken_at(lines) is None


def test_anybody_can_recompute_the_chain_from_what_is_published(kept: Database) -> None:
    with kept.reading() as session:
        lines = [minutes.document(line) for line in minutes.read(session, CONTEST)]
    previous = b""
    for line in lines:
        published = line.pop("hash")
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = sha256(previous + text.encode()).digest()
        assert published == previous.hex()


def test_those_who_write_at_once_take_turns(database: Database) -> None:
    with ThreadPoolExecutor(8) as jurors:
        opened = [
            jurors.submit(tally.consult, database, CONTEST, EDITION, who=f"Juré {place}", at=MORNING)
            for place in range(40)
        ]
        for opening in opened:
            opening.result()
    with database.reading() as session:
        lines = [minutes.document(line) for line in minutes.read(session, CONTEST)]
    assert minutes.broken_at(lines) is None
    assert {line["who"] for line in lines[1:]} == {f"Juré {place}" for place in range(40)}
