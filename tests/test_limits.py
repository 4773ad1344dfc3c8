"""Who sends too much, too slowly or too often is turned away before anybody works for them; others vote meanwhile."""

from __future__ import annotations

import re
import resource
import socket
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx2
import pytest
from commands import Command, free_port, running
from operators import SETTINGS, edition_of_today
from people import CONTEST

from vote import contests, editions, envelope, schema
from vote.clock import RunningClock
from vote.db import Database
from vote.doorstep import FEW_INSIDE, HEAD_SECONDS, LARGEST_HEAD, MOST_CONNECTIONS, MOST_INSIDE, Inside
from vote.envelope import FilledBallot
from vote.tokens import Keys
from vote.web.forms import BODY_SECONDS, LARGEST_BODY

HEAD = b"POST /bulletin HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """A served site; its address."""
    path, port = edition_of_today(folder / "today.toml"), free_port()
    url, address = f"sqlite:///{folder / 'vote.db'}", f"http://127.0.0.1:{port}"
    with closing(Database(url)) as database:
        schema.upgrade(database)
        contests.load(database, editions.read(path), RunningClock().now(), "les tests")
    own = {"DATABASE_URL": url, "VOTE_EDITION": str(path), "PORT": str(port), "VOTE_PUBLIC_URL": address}
    with running("serve", "--web-only", settings={**SETTINGS, **own}, folder=folder) as serve:
        serve.wait_until_up(address)
        yield address
        memory = peak(serve)
        assert serve.stop() < 20
        assert serve.said == ""
        assert memory < 400 * 1024


def peak(command: Command) -> int:
    """The most memory this process ever had, in KiB."""
    status = Path(f"/proc/{command.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def connect(site: str) -> socket.socket:
    url = httpx2.URL(site)
    return socket.create_connection((url.host, url.port or 80), timeout=60)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(connection: socket.socket) -> int:
    """0 where there was none."""
    return int([*answer(connection).split(b" ", 2), b"0", b"0"][1])


def send(connection: socket.socket, data: bytes) -> None:
    """As much of it as the other side lets us."""
    with suppress(ConnectionError):
        connection.sendall(data)


def test_slow_clients_are_turned_away_in_time_and_hold_nobody_up(site: str) -> None:
    heads = {
        "nothing": b"",
        "blank lines": b"\r\n\r\n",
        "a word": b"GE",
        "a head without end": HEAD,
        "a field without end": HEAD + b"X: y",
        "a second head": b"GET /sante HTTP/1.1\r\nHost: here\r\n\r\nGET /sa",
    }
    bodies = {
        "no body": HEAD + b"Content-Length: 100\r\n\r\n",
        "half a body": HEAD + b"Content-Length: 100\r\n\r\nlaureate=",
        "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nlaure",
    }
    with ExitStack() as stack:
        slow = {name: stack.enter_context(connect(site)) for name in (*heads, *bodies)}
        crowd = [stack.enter_context(connect(site)) for _ in range(100)]
        for name, data in {**heads, **bodies}.items():
            slow[name].sendall(data)
        for connection in crowd:
            connection.sendall(HEAD + b"X: y")
        returning = stack.enter_context(connect(site))
        returning.sendall(b"GET /sante HTTP/1.1\r\nHost: here\r\n\r\n")
        assert returning.recv(65536).startswith(b"HTTP/1.1 200")
        returning.sendall(b"GET /sa")
        drip = stack.enter_context(connect(site))
        drip.sendall(HEAD)
        started = time.monotonic()
        assert httpx2.get(f"{site}/").status_code == 200
        assert time.monotonic() - started < HEAD_SECONDS
        while time.monotonic() - started < HEAD_SECONDS - 1:
            send(drip, b"X: y\r\n")  # a byte now and then does not buy time
            time.sleep(0.25)
        ends = {name: answer(slow[name]) for name in heads}
        assert {status(drip), status(returning), *(status(connection) for connection in crowd)} == {408}
        assert time.monotonic() - started < HEAD_SECONDS + 3
        assert ends["a second head"].startswith(b"HTTP/1.1 200")
        assert all(b"HTTP/1.1 408" in end for name, end in ends.items() if name != "a second head"), ends
        for name in bodies:
            end = answer(slow[name])
            assert end.startswith(b"HTTP/1.1 408"), name
            assert "n’est pas arrivé à temps".encode() in end
            assert b"connection: close" in end.lower()
        assert BODY_SECONDS - 1 < time.monotonic() - started < BODY_SECONDS + 3


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"a" * LARGEST_HEAD + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\n" + b"X: y\r\n" * LARGEST_HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\nCookie: " + b"a" * 20 * 1024 * 1024,  # and no end
    ],
    ids=["address", "field", "fields", "without end"],
)
def test_a_head_that_is_too_large_is_refused_before_it_is_kept(site: str, head: bytes) -> None:
    with connect(site) as connection:
        send(connection, head)
        # Who is still sending when the other side closes may not read why.
        assert status(connection) in ({431} if len(head) < 10 * LARGEST_HEAD else {431, 0})
    assert httpx2.get(f"{site}/sante").status_code == 200


def test_a_head_of_an_honest_browser_is_taken(site: str) -> None:
    headers = {"Cookie": "x=" + "a" * 8000, **{f"X-{number}": "y" * 100 for number in range(60)}}
    assert httpx2.get(f"{site}/", headers=headers).status_code == 200


def test_a_body_without_end_is_refused_and_its_connection_closed(site: str) -> None:
    with connect(site) as connection:
        send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        for _ in range(200):
            send(connection, chunk)
        assert status(connection) in {400, 413, 0}
    answered = httpx2.post(f"{site}/bulletin", data={"email": "m" * LARGEST_BODY})
    assert (answered.status_code, answered.headers["connection"]) == (413, "close")


def test_what_is_not_http_is_told_so(site: str) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100):
        with connect(site) as connection:
            send(connection, nonsense)
            assert status(connection) == 400


def test_more_connections_than_a_process_takes_are_told_to_come_back(site: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(connect(site))
        with connect(site) as one_more:
            end = answer(one_more)
        assert end.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in end
    assert httpx2.get(f"{site}/", timeout=30).status_code == 200


def test_what_hangs_at_the_door_is_answered_there_as_it_is_behind_it(site: str) -> None:
    ask = b"GET /%s HTTP/1.1\r\nHost: here\r\n%s\r\n"
    httpx2.get(f"{site}/")  # now it hangs
    behind = answered(site, ask % (b"", b"Connection: close\r\n")).replace(b"connection: close\r\n", b"")
    tag = behind.partition(b"etag: ")[2].partition(b"\r\n")[0]
    door = answered(site, ask % (b"", b"") + ask % (b"reglement", b"Connection: close\r\n"))
    ours, theirs = (set(found.splitlines()) for found in (door[: len(behind)], behind))
    assert {line[:5] for line in ours ^ theirs} <= {b"date:"}
    assert b"<title>R\xc3\xa8glement" in door[len(behind) :]
    for more, status, body in (
        (b"If-None-Match: " + tag, b"304 Not Modified", b""),
        (b"Accept-Encoding: gzip", b"200 OK", b"\x1f\x8b"),
        (b"Content-Length: 0", b"200 OK", b"<!doctype"),
    ):
        found = answered(site, ask % (b"", more + b"\r\n") + ask % (b"sante", b"Connection: close\r\n"))
        head, _, rest = found.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert b"content-security-policy: " in head
        assert b"\r\ndate: " in head
        assert rest.lower().startswith(body)


def test_a_body_that_comes_with_a_request_for_a_poster_is_no_second_request(site: str) -> None:
    hidden = b"GET /sante HTTP/1.1\r\nHost: here\r\n\r\n"
    head = b"GET / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    found = answered(site, head + hidden + b"GET /reglement HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert found.count(b"HTTP/1.1 200 OK") == 2
    assert b"<title>R\xc3\xa8glement" in found


def form(body: bytes, *, more: bytes = b"Connection: close\r\n", version: bytes = b"1.1") -> tuple[bytes, bytes]:
    """Head and body of a form sent to confirm."""
    head = HEAD.replace(b"/bulletin HTTP/1.1", b"/confirmation HTTP/" + version)
    return head + b"Content-Length: %d\r\n%s\r\n" % (len(body), more), body


def lines(answer: bytes) -> list[bytes]:
    return sorted(line for line in answer.splitlines() if not line.startswith(b"date:"))


@pytest.mark.parametrize("body", [b"code=123456", b"code=", b"", b"a=1&" * 50, b"a=" + b"a" * LARGEST_BODY])
def test_a_form_that_comes_as_a_whole_is_answered_as_one_that_comes_in_parts(site: str, body: bytes) -> None:
    head, body = form(body)
    whole = answered(site, head + body)
    with closing(connect(site)) as connection:
        connection.sendall(head[:-2])
        time.sleep(0.05)
        connection.sendall(head[-2:])
        time.sleep(0.05)
        connection.sendall(body)
        in_parts = answer(connection)
    assert lines(whole) == lines(in_parts)
    assert b"content-security-policy: " in whole
    assert b"connection: close" in whole
    assert whole.rstrip().endswith(b"</html>")


def test_forms_sent_ahead_are_answered_in_their_order_and_the_last_one_closes(site: str) -> None:
    first, second = form(b"code=1", more=b""), form(b"a=1&" * 50, more=b"")
    get = b"GET /sante HTTP/1.1\r\nHost: here\r\n\r\n"
    last = form(b"code=2", version=b"1.0", more=b"")
    found = answered(site, b"".join([*first, get, *second, *first, *last]))
    assert re.findall(rb"HTTP/1\.1 (\d+)", found) == [b"410", b"200", b"400", b"410", b"410"]
    assert found.count(b"connection: close") == 1


def test_who_sends_a_form_and_is_gone_at_once_leaves_nothing_in_the_log(site: str) -> None:
    """Which the end of the site looks at."""
    head, body = form(b"code=123456")
    for size in (len(body), 4):
        for _ in range(50):
            with closing(connect(site)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(head + body[:size])
    assert httpx2.get(f"{site}/sante").status_code == 200


def test_who_reads_nothing_is_not_answered_for_ever(site: str) -> None:
    with closing(connect(site)) as connection:
        connection.setblocking(False)
        asked = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 1000
        sent = 0
        with suppress(BlockingIOError):
            while sent < 50_000_000:
                sent += connection.send(asked)
                time.sleep(0.002)
    assert sent < 20_000_000  # some sixty thousand answers' worth of questions; the rest was left unread
    assert httpx2.get(f"{site}/").status_code == 200


def test_who_comes_when_too_many_are_inside_is_told_at_the_door_and_the_others_are_answered(
    site: str, folder: Path
) -> None:
    ballot = FilledBallot(bytes(16), envelope.new_ballot_code(), "ilot-femmes", "a@example.org")
    cookie = envelope.seal(Keys((SETTINGS["VOTE_SECRET"],)), CONTEST, ballot)
    form = b"code=123456"
    head = f"Host: here\r\nCookie: bulletin={cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    lines = f"/confirmation HTTP/1.1\r\n{head}Content-Length: {len(form)}\r\nConnection: close\r\n\r\n"
    vote = lines.encode() + form
    with ExitStack() as stack:
        table = stack.enter_context(closing(sqlite3.connect(folder / "vote.db", isolation_level=None)))
        table.execute("BEGIN IMMEDIATE")  # nobody's commit gets through
        inside = [stack.enter_context(connect(site)) for _ in range(4 * FEW_INSIDE)]
        for connection in inside:
            connection.sendall(b"POST " + vote)
        refused = b""
        while not refused:  # until it is seen that nobody is answered
            time.sleep(0.1)
            refused = answered_soon(site, b"POST " + vote)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"\r\nretry-after: 5\r\n" in refused
        assert b"\r\ncontent-security-policy: " in refused
        assert "rien n’a été enregistré".encode() in refused
        assert b"nothing was recorded" in answered(site, b"POST /en" + vote).lower()
        assert answered(site, b"HEAD " + vote).endswith(b"\r\n\r\n")
        assert httpx2.get(f"{site}/").status_code == 200
        assert httpx2.get(f"{site}/sante").status_code == 200
        assert httpx2.get(f"{site}/bureau").headers["location"] == "/entrer"
        table.execute("ROLLBACK")
        statuses = Counter(status(connection) for connection in inside)
    assert statuses[410] >= FEW_INSIDE // 2
    assert set(statuses) <= {410, 503}


def answered_soon(site: str, asked: bytes) -> bytes:
    """What is answered within a moment: from inside there is nothing."""
    with closing(connect(site)) as connection:
        send(connection, asked)
        connection.settimeout(0.2)
        with suppress(TimeoutError):
            return answer(connection)
    return b""


def test_there_is_room_for_as_many_as_are_answered_soon() -> None:
    inside, everybody = Inside(), range(MOST_INSIDE)
    assert not inside.is_full(100.0)
    for number in everybody:
        assert not inside.is_full(100.1)
        inside.enter(number)
    assert inside.is_full(100.5)
    for number in everybody[:150]:
        inside.leave(number)
        inside.leave(number)  # once is enough
    assert not inside.is_full(100.6)
    assert inside.is_full(101.5)  # at a hundred and fifty a second, three hundred are enough
    for number in everybody[150:-290]:
        inside.leave(number)
    assert not inside.is_full(101.6)
    for number in everybody[-290:-255]:
        inside.leave(number)
    assert not inside.is_full(103.0)  # however few were answered, there is room for one commit
    inside.enter(everybody[0])
    assert inside.is_full(103.1)
    for number in everybody:
        inside.leave(number)
    assert not inside.is_full(104.0)
    for number in everybody:  # nobody waited: nothing is known of the pace
        assert not inside.is_full(104.1)
        inside.enter(number)


def answered(site: str, asked: bytes) -> bytes:
    """All that is answered until the connection ends."""
    with closing(connect(site)) as connection:
        send(connection, asked)
        return answer(connection)
