"""Two PostgreSQL servers, one following the other: what is acknowledged outlives either, and no page says more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx2 import Response
from pages_inspector import Page
from people import House, StoppedClock, Voter, open_house, prepare, receipt_of, settings_for
from servers import PostgreSQL, standby_of
from sqlalchemy import event

from vote.errors import Unavailable

NOTHING, UNSURE = "rien n’a été enregistré", "a pu être enregistrée, ou non"


@pytest.fixture
def servers() -> Iterator[tuple[PostgreSQL, PostgreSQL]]:
    """The primary and its standby."""
    with PostgreSQL(fsync=False) as primary:
        primary.create("day")
        prepare(primary.url("day"))
        with standby_of(primary) as standby:
            yield primary, standby


@contextmanager
def open_on(servers: tuple[PostgreSQL, PostgreSQL], folder: Path, clock: StoppedClock) -> Iterator[House]:
    """A house whose database is whichever of the two takes writes."""
    hosts = "&".join(f"host={server.folder}" for server in servers)
    url = f"postgresql+psycopg://postgres@/day?{hosts}&target_session_attrs=read-write"
    with open_house(settings_for(url, folder), clock) as house:
        yield house


def be_impatient(house: House) -> None:
    """Wait for a standby as everywhere, but not for so long as people would."""
    hurry = "connect", lambda connection, _: setattr(connection, "patience", 1.0)
    event.listen(house.database.engine, *hurry, insert=True)
    house.reconnect()


def about_to_confirm(house: House) -> tuple[Voter, str]:
    """Somebody with the code in hand."""
    voter = house.voter("marie@example.org")
    voter.choose()
    return voter, voter.code()


def said(answer: Response) -> str:
    """The sentence of an answer that asks to come back."""
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    return Page(answer.text).text("h1")


def waits_for_the_standby(primary: PostgreSQL) -> int:
    """The process whose commit waits."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if found := primary.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
            return int(found[0][0])
        time.sleep(0.01)
    raise TimeoutError("no commit waits for the standby")


def test_when_the_primary_is_lost_the_votes_go_on_with_its_standby_and_none_is_missing(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    with open_on(servers, tmp_path, clock) as house:
        marie, paul = house.voter("marie@example.org"), house.voter("paul@example.org")
        receipt = marie.vote()
        paul.choose()
        code = paul.code()
        primary.stop_hard()
        assert NOTHING in said(paul.type_code(code))
        standby.execute("SELECT pg_promote()")
        assert receipt_of(paul.type_code(code).text) != receipt
        assert receipt_of(marie.browser.get("/recu").text) == receipt
        assert house.ballots() == {"ilot-femmes": 2}


def test_a_vote_that_no_standby_has_is_not_acknowledged_and_is_found_when_one_has_it(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    with open_on(servers, tmp_path, clock) as house:
        be_impatient(house)
        voter, code = about_to_confirm(house)
        standby.stop()
        assert UNSURE in said(voter.type_code(code))
        standby.start()
        assert "déjà" in voter.type_code(code).text
        assert receipt_of(voter.browser.get("/recu").text)
        assert house.ballots() == {"ilot-femmes": 1}
        assert primary.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == [(0,)]


def test_a_commit_whose_wait_was_cancelled_is_no_acknowledgement(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    with open_on(servers, tmp_path, clock) as house, ThreadPoolExecutor(1) as person:
        voter, code = about_to_confirm(house)
        standby.stop()
        confirmed = person.submit(voter.type_code, code)
        # The server then reports the commit as done, with a warning that it may be lost.
        primary.execute(f"SELECT pg_cancel_backend({waits_for_the_standby(primary)})")
        assert UNSURE in said(confirmed.result())
        standby.start()


def test_after_a_crash_no_page_shows_a_receipt_that_the_standby_does_not_have(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    with open_on(servers, tmp_path, clock) as house:
        be_impatient(house)
        voter, code = about_to_confirm(house)
        standby.stop()
        with ThreadPoolExecutor(1) as person:
            confirmed = person.submit(voter.type_code, code)
            waits_for_the_standby(primary)
            primary.stop_hard()
            primary.start()
            assert UNSURE in said(confirmed.result())
        # The primary now takes the vote for granted, and is the only one to know of it.
        assert "/recu" not in str(voter.browser.get("/confirmation").url)
        assert said(voter.browser.get("/recu"))
        assert said(voter.type_code(code))
        standby.start()
        assert receipt_of(voter.browser.get("/recu").text)


def test_a_crowd_without_a_standby_does_not_fill_the_server_with_connections_that_wait(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    with open_on(servers, tmp_path, clock) as house, ThreadPoolExecutor(24) as crowd:
        be_impatient(house)
        house.station.noticeboard.look()
        standby.stop()
        primary.stop_hard()
        primary.start()

        def read(_: int) -> None:
            with pytest.raises(Unavailable):
                house.station.noticeboard.look()

        list(crowd.map(read, range(24)))
        ((waiting,),) = primary.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        assert 0 < waiting < 10
        standby.start()
        assert house.ballots() == {}


def test_a_connection_to_a_server_that_takes_no_writes_is_left_for_whoever_does(
    servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path, clock: StoppedClock
) -> None:
    primary, standby = servers
    name = tmp_path / "db"
    name.symlink_to(primary.folder)
    url = f"postgresql+psycopg://postgres@/day?host={name}"
    with open_house(settings_for(url, tmp_path), clock) as house:
        voter, code = about_to_confirm(house)
        house.reconnect()
        lead_to(standby, name)
        assert NOTHING in said(voter.type_code(code))
        lead_to(primary, name)
        assert receipt_of(voter.type_code(code).text)


def lead_to(server: PostgreSQL, name: Path) -> None:
    """What stands under this name is another server, for connections made from now on."""
    name.unlink()
    name.symlink_to(server.folder)
