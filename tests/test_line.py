"""The queue before the table: who waits together is served together, and nobody pays for another's trouble."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from vote.errors import Unavailable
from vote.line import Line

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Table:
    """Serves numbers by doubling them. It can be held, and remembers who was served together."""

    def __init__(self) -> None:
        self.parties: list[list[int]] = []
        self.away = False
        self.free = threading.Event()
        self.free.set()

    def serve(self, party: Sequence[int]) -> list[int]:
        self.parties.append(list(party))
        assert self.free.wait(10)
        if self.away:
            raise Unavailable("away")
        if 13 in party:
            raise ValueError("thirteen at table")
        return [2 * number for number in party]


@asynccontextmanager
async def opened(table: Table, **limits: int) -> AsyncIterator[Line[int, int]]:
    line = Line(table.serve, **limits)
    line.open()
    try:
        yield line
    finally:
        table.free.set()
        await line.close()


async def arrive(line: Line[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """Each joins the line, in order, before this returns."""
    tasks = [asyncio.create_task(line.wait(number)) for number in numbers]
    await asyncio.sleep(0)
    return tasks


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_those_who_arrive_while_one_is_served_go_together_in_order() -> None:
    table = Table()
    table.free.clear()
    async with opened(table) as line:
        tasks = await arrive(line, 1)
        await until(lambda: table.parties)
        tasks += await arrive(line, 2, 3, 4)
        table.free.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert table.parties == [[1], [2, 3, 4]]


async def test_a_party_is_no_larger_than_the_table() -> None:
    table = Table()
    async with opened(table, together=2) as line:
        assert await asyncio.gather(*await arrive(line, 1, 2, 3, 4, 5)) == [2, 4, 6, 8, 10]
    assert table.parties == [[1, 2], [3, 4], [5]]


async def test_one_poisoned_entry_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    async with opened(table) as line:
        outcomes = await asyncio.gather(*await arrive(line, 10, 11, 12, 13, 14), return_exceptions=True)
        assert outcomes[:3] == [20, 22, 24]
        assert isinstance(outcomes[3], ValueError)
        assert outcomes[4] == 28
        assert await line.wait(1) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_database_away_is_told_to_all_at_once_and_not_tried_by_halves() -> None:
    table = Table()
    table.away = True
    async with opened(table) as line:
        outcomes = await asyncio.gather(*await arrive(line, 1, 2, 3), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
        assert table.parties == [[1, 2, 3]]
        table.away = False
        assert await line.wait(4) == 8


async def test_a_full_line_says_so_at_once() -> None:
    table = Table()
    table.free.clear()
    async with opened(table, waiting=2) as line:
        tasks = await arrive(line, 1)
        await until(lambda: table.parties)
        tasks += await arrive(line, 2, 3)
        with pytest.raises(Unavailable) as refusal:
            await line.wait(4)
        assert refusal.value.retry_after == 5
        table.free.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_those_who_leave_keep_nobody_from_being_served() -> None:
    table = Table()
    table.free.clear()
    async with opened(table) as line:
        tasks = await arrive(line, 1)
        await until(lambda: table.parties)
        tasks += await arrive(line, 2, 3)
        tasks[0].cancel()
        tasks[1].cancel()
        table.free.set()
        assert await tasks[2] == 6
        assert [task.cancelled() for task in tasks] == [True, True, False]


async def test_closing_serves_everyone_who_waits_and_takes_nobody_more() -> None:
    table = Table()
    table.free.clear()
    line = Line(table.serve, together=2)
    line.open()
    tasks = await arrive(line, 1)
    await until(lambda: table.parties)
    tasks += await arrive(line, 2, 3, 4)
    closing = asyncio.create_task(line.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await line.wait(5)
    assert not closing.done()
    table.free.set()
    await closing
    assert [task.result() for task in tasks] == [2, 4, 6, 8]


async def test_a_line_that_never_opened_closes() -> None:
    await Line(Table().serve).close()
