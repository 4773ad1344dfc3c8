"""A database that is locked or gone: an honest page, nothing pretended, nothing acknowledged lost."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from pages_inspector import Page
from people import House, StoppedClock, open_house, prepare, receipt_of, settings_for
from servers import PostgreSQL
from sqlalchemy import Connection, event

AWAY = "Le bureau de vote est momentanément indisponible"
NOTHING, UNSEEN = "rien n’a été enregistré", "cette page ne peut pas être affichée"
FORM = {"laureate": "ilot-femmes", "email": "paul@example.org"}


def assert_honest(*answers: Response, says: str = NOTHING) -> None:
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert AWAY in Page(answer.text).text("h1")
        assert says in Page(answer.text).text("h1")
        assert "set-cookie" not in answer.headers


@pytest.fixture
def postgresql_house(tmp_path: Path, clock: StoppedClock) -> Iterator[tuple[House, PostgreSQL]]:
    """A house whose database server is its own, and may die."""
    with PostgreSQL() as server:
        server.create("mortal")
        prepare(server.url("mortal"))
        with open_house(settings_for(server.url("mortal"), tmp_path), clock) as house:
            yield house, server


def test_while_the_server_is_gone_people_are_told_so_and_afterwards_all_is_there(
    postgresql_house: tuple[House, PostgreSQL],
) -> None:
    house, server = postgresql_house
    marie, paul = house.voter("marie@example.org"), house.voter("paul@example.org")
    receipt = marie.vote("ilot-femmes")
    paul.choose("permis-de-construire")
    code, link = paul.code(), paul.link()
    server.stop_hard()
    visitor = house.client()
    # The home page hangs where it was; whatever needs the database says that it is away.
    assert visitor.get("/").status_code == 200
    assert_honest(*(visitor.get(path) for path in ("/resultats", "/pret", link)), says=UNSEEN)
    assert_honest(visitor.get("/urne", params={"code": receipt}), paul.browser.get("/confirmation"), says=UNSEEN)
    assert_honest(visitor.post("/bulletin", data=FORM), paul.type_code(code), paul.browser.post(link))
    assert visitor.get("/sante").status_code == 200
    server.start()
    assert visitor.get("/pret").status_code == 200
    assert visitor.get("/urne", params={"code": receipt}).status_code == 200
    assert receipt_of(paul.type_code(code).text)
    assert house.ballots() == {"ilot-femmes": 1, "permis-de-construire": 1}


def test_what_was_done_is_not_called_nothing_when_the_server_goes_at_that_very_moment(
    postgresql_house: tuple[House, PostgreSQL],
) -> None:
    house, server = postgresql_house
    officer, voter = house.officer(), house.voter("marie@example.org")
    voter.choose()
    voter.open_link()
    die_after_the_next_commit(house, server)
    assert voter.disown().status_code == 200
    server.start()
    assert house.voter("marie@example.org").choose().status_code == 200
    assert len(house.letters("marie@example.org")) == 1
    die_after_the_next_commit(house, server)
    closed = officer.close()
    assert [step.status_code for step in closed.history] == [303]
    assert NOTHING not in closed.text
    server.start()
    assert "clos" in house.client().get("/").text


def die_after_the_next_commit(house: House, server: PostgreSQL) -> None:
    """A request's commit: those of the worker, which goes on by itself, do not count."""
    engine, committed = house.database.engine, list[threading.Thread]()

    def note(_: Connection) -> None:
        if "worker thread" in threading.current_thread().name:
            committed.append(threading.current_thread())

    def die(*_: object) -> None:
        if committed == [threading.current_thread()]:
            committed.append(committed[0])
            server.stop_hard()

    event.listen(engine, "commit", note)
    event.listen(engine, "checkin", die)


def test_while_the_file_is_locked_pages_are_read_but_no_vote_is_taken(
    prepared_file: Path, tmp_path: Path, clock: StoppedClock
) -> None:
    path = tmp_path / "vote.db"
    path.write_bytes(prepared_file.read_bytes())
    with open_house(settings_for(f"sqlite:///{path}", tmp_path), clock) as house:
        be_impatient(house)
        voter = house.voter("marie@example.org")
        voter.choose()
        code = voter.code()
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        assert_honest(house.client().post("/bulletin", data=FORM), voter.type_code(code))
        assert house.client().get("/").status_code == 200
        lock.rollback()
        lock.close()
        assert receipt_of(voter.type_code(code).text)
        assert house.ballots() == {"ilot-femmes": 1}


def be_impatient(house: House) -> None:
    """Wait for a lock as everywhere, but not for so long as people would."""

    @event.listens_for(house.database.engine, "connect")
    def connect(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 100")

    house.reconnect()
