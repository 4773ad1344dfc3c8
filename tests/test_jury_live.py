"""The count as jurors watch it: on a real server, with figures at most a second old."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import uvicorn
from people import CONTEST, House, StoppedClock, open_house, prepare, settings_for
from servers import PostgreSQL
from starlette.testclient import TestClient

from vote.app import create_app
from vote.web import jury


class Node:
    """Another node of the same house, served on a port of this machine."""

    def __init__(self, house: House) -> None:
        app = create_app(house.station.settings, house.clock, contest=CONTEST, work_here=False)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=2)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    @property
    def port(self) -> int:
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    def __enter__(self) -> Node:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


class Stream:
    """What a browser's EventSource receives."""

    def __init__(self, port: int, cookie: str, path: str = "/jury/flux") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.connection.request("GET", path, headers={"Cookie": f"salle={cookie}"})
        self.answer = self.connection.getresponse()

    def event(self) -> tuple[str, str]:
        """The name and the data of the next event."""
        name, data = "", []
        while line := self.answer.readline().decode():
            word, _, rest = line.rstrip("\r\n").partition(": ")
            if word == "event":
                name = rest
            elif word == "data":
                data.append(rest)
            elif not word and name:
                return name, "\n".join(data)
        raise EOFError

    def votes(self) -> int:
        """The votes that the next figures tell."""
        name, data = self.event()
        assert name == "figures"
        found = re.search(r'<p class="figure"[^>]*>\s*<strong>(\d+)</strong>', data)
        assert found, data
        return int(found.group(1))

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def node(house: House) -> Iterator[Node]:
    with Node(house) as running:
        yield running


@contextmanager
def watching(node: Node, juror: TestClient) -> Iterator[Stream]:
    with closing(Stream(node.port, juror.cookies["salle"])) as stream:
        yield stream


def test_figures_come_at_once_and_follow_every_vote_within_a_second(house: House, node: Node) -> None:
    delays = []
    with watching(node, house.juror().client) as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.votes() == 0
        for number in range(1, 4):
            house.voter(f"v{number}@example.org").vote()
            counted = time.monotonic()
            assert stream.votes() == number
            delays.append(time.monotonic() - counted)
    assert sorted(delays)[1] < 1, delays


def test_all_who_watch_see_the_same_and_who_comes_later_sees_it_at_once(house: House, node: Node) -> None:
    first, second = house.juror().client, house.juror().client
    with watching(node, first) as one:
        assert one.votes() == 0
        house.voter("a@example.org").vote()
        assert one.votes() == 1
        with watching(node, second) as other:
            assert other.votes() == 1
            house.voter("b@example.org").vote()
            assert (one.votes(), other.votes()) == (2, 2)
    with watching(node, second) as again:
        assert again.votes() == 2


def test_each_juror_watches_in_the_language_of_the_page(house: House, node: Node) -> None:
    cookie = house.juror().client.cookies["salle"]
    for path, title in (("/jury/flux", "Voix par lauréat"), ("/en/jury/flux", "Votes for each laureate")):
        stream = Stream(node.port, cookie, path)
        assert title in stream.event()[1]
        stream.close()


def test_the_stream_stops_when_its_session_is_taken_back(
    house: House, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jury, "MEMBERSHIP_SECONDS", 0.3)
    juror, other = house.juror().client, house.juror().client
    with watching(node, juror) as stream, watching(node, other) as staying:
        assert stream.votes() == staying.votes() == 0
        juror.post("/sortir")
        assert stream.event()[0] == "stop"
        with pytest.raises(EOFError):
            stream.event()
        house.voter("a@example.org").vote()
        assert staying.votes() == 1


@pytest.fixture
def mortal(tmp_path: Path, clock: StoppedClock) -> Iterator[tuple[House, PostgreSQL]]:
    """A house whose database server is its own, and may die."""
    with PostgreSQL(fsync=False) as server:
        server.create("mortal")
        prepare(server.url("mortal"))
        with open_house(settings_for(server.url("mortal"), tmp_path), clock) as house:
            yield house, server


def test_a_database_that_comes_back_is_read_again(mortal: tuple[House, PostgreSQL]) -> None:
    house, server = mortal
    juror = house.juror().client
    with Node(house) as node, watching(node, juror) as stream:
        assert stream.votes() == 0
        server.stop_hard()
        time.sleep(2 * jury.EVERY_SECONDS)
        server.start()
        house.voter("a@example.org").vote()
        assert stream.votes() == 1


def test_nobody_without_a_session_gets_a_figure(house: House, node: Node) -> None:
    stream = Stream(node.port, "nobody")
    assert stream.answer.status == 303
    assert b"figure" not in stream.answer.read()
    stream.close()
