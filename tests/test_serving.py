"""The processes of a site: they start, work, and stop in good order."""

from __future__ import annotations

import http.client
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from commands import free_port, running
from operators import SETTINGS, edition_of_today
from people import receipt_of, text_of
from servers import MailServer

from vote import addresses, contests, editions, schema, staff
from vote.clock import RunningClock
from vote.db import Database
from vote.editions import Edition
from vote.models import Role
from vote.tokens import Keys

ADDRESS = "marie@example.org"
JUROR = "juror@example.org"


@dataclass(frozen=True)
class Site:
    """A prepared database whose contest is open today, and the settings of processes on it."""

    settings: dict[str, str]
    folder: Path
    edition: Edition

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['PORT']}"

    def browser(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, follow_redirects=True, timeout=30)

    def choose(self, browser: httpx2.Client, address: str = ADDRESS) -> httpx2.Response:
        return browser.post("/bulletin", data={"laureate": self.edition.laureates[0].slug, "email": address})

    def link_of_a_juror(self) -> str:
        now, database = RunningClock().now(), Database(self.settings["DATABASE_URL"])
        address = addresses.parse(JUROR)
        staff.add(database, self.edition.contest, address, "Camille", Role.JUROR, now, "les tests")
        token = staff.invite(database, Keys((self.settings["VOTE_SECRET"],)), address, now)
        database.close()
        return f"/entrer/{token}"


@pytest.fixture
def site(tmp_path: Path, mail_server: MailServer) -> Site:
    path = edition_of_today(tmp_path / "today.toml")
    url, edition = f"sqlite:///{tmp_path / 'vote.db'}", editions.read(path)
    database = Database(url)
    schema.upgrade(database)
    contests.load(database, edition, RunningClock().now(), "les tests")
    database.close()
    port = free_port()
    own = {"DATABASE_URL": url, "VOTE_EDITION": str(path), "SMTP_URL": mail_server.url, "PORT": str(port)}
    settings = {**SETTINGS, **own, "VOTE_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    return Site(settings, tmp_path, edition)


def code_of(mail: MailServer, letters: int) -> str:
    """The code of the last letter, once so many have left."""
    found = re.search(r"\b\d{3} \d{3}\b", text_of(mail.wait_for(letters, timeout=60)[-1].message))
    assert found
    return found.group()


def test_one_process_serves_the_site_and_carries_its_letters(site: Site, mail_server: MailServer) -> None:
    with running("serve", settings=site.settings, folder=site.folder) as serve, site.browser() as browser:
        serve.wait_until_up(site.url)
        assert browser.get("/pret").text == "ok\n"
        assert browser.get("/demo/courrier").status_code == 404
        assert "server" not in browser.get("/").headers
        site.choose(browser)
        page = browser.post("/confirmation", data={"code": code_of(mail_server, 1)})
        assert receipt_of(page.text)
        assert serve.stop() < 10
        # No address, no token, no code: nothing of what people did is in the log.
        assert serve.said == ""


def test_letters_wait_for_the_worker_where_there_is_one(site: Site, mail_server: MailServer) -> None:
    with running("serve", "--web-only", settings=site.settings, folder=site.folder) as serve, site.browser() as browser:
        serve.wait_until_up(site.url)
        assert "Elle attend son tour" in site.choose(browser).text
        time.sleep(1.2)  # longer than a postman rests
        assert mail_server.accepted == []
        with running("worker", settings=site.settings, folder=site.folder) as worker:
            code = code_of(mail_server, 1)
            assert receipt_of(browser.post("/confirmation", data={"code": code}).text)
            assert worker.stop() < 10
            assert worker.said == ""
        assert serve.stop() < 10


def test_a_juror_who_watches_is_let_go_when_the_server_stops_which_is_no_fault(site: Site) -> None:
    link = site.link_of_a_juror()
    with running("serve", "--web-only", settings=site.settings, folder=site.folder) as serve, site.browser() as browser:
        serve.wait_until_up(site.url)
        assert browser.post(link).url.path == "/jury"
        with browser.stream("GET", "/jury/flux") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("event: figures")
            assert serve.stop() < 10  # held back, it would wait for twenty
            assert list(lines)[-1] == ""  # the stream has ended, and was not cut off
        assert '"error"' not in serve.said


def test_a_vote_under_way_when_the_server_is_told_to_stop_is_finished(site: Site, mail_server: MailServer) -> None:
    with running("serve", settings=site.settings, folder=site.folder) as serve, site.browser() as browser:
        serve.wait_until_up(site.url)
        site.choose(browser)
        body = f"code={code_of(mail_server, 1).replace(' ', '')}".encode()
        cookie = f"bulletin={browser.cookies['bulletin']}"
        connection = http.client.HTTPConnection("127.0.0.1", int(site.settings["PORT"]), timeout=30)
        connection.putrequest("POST", "/confirmation")
        for name, value in (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", str(len(body))),
            ("Cookie", cookie),
        ):
            connection.putheader(name, value)
        connection.endheaders(body[:3])
        time.sleep(0.3)
        serve.process.terminate()
        time.sleep(0.3)
        connection.send(body[3:])
        assert receipt_of(connection.getresponse().read().decode())
        connection.close()
        assert serve.process.wait(60) == 0


def test_a_port_that_is_taken_is_told_and_nothing_stays_behind(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", int(site.settings["PORT"])))
        taken.listen()
        with running("serve", settings=site.settings, folder=site.folder) as serve:
            assert serve.process.wait(60) not in {0, None}
            assert "address already in use" in serve.said
            assert "Traceback" not in serve.said


def test_a_process_that_cannot_start_says_why_in_one_sentence(site: Site) -> None:
    def is_told(*words: str, **settings: str) -> str:
        with running(*words, settings={**site.settings, **settings}, folder=site.folder) as command:
            assert command.process.wait(60) == 1
            assert command.said.count("\n") == 1
            return command.said

    empty = f"sqlite:///{site.folder / 'empty.db'}"
    assert "vote db upgrade" in is_told("serve", DATABASE_URL=empty)
    assert "VOTE_PEPPER is missing" in is_told("worker", VOTE_PEPPER="")


def test_on_sqlite_a_second_process_refuses_to_start_in_one_sentence(site: Site) -> None:
    other, elsewhere = {**site.settings, "PORT": str(free_port())}, site.folder / "other"
    elsewhere.mkdir()
    with running("serve", "--web-only", settings=site.settings, folder=site.folder) as web:
        web.wait_until_up(site.url)
        for words in (("serve", "--web-only"), ("serve",)):
            with running(*words, settings=other, folder=elsewhere) as second:
                assert second.process.wait(60) != 0
                assert "Another web process works on" in second.said
                assert len(second.said.strip().splitlines()) == 1
        # A worker beside one that only takes votes has its own place; of workers there is one, too.
        with running("worker", settings=site.settings, folder=site.folder) as worker:
            time.sleep(1)
            with running("worker", settings=other, folder=elsewhere) as third:
                assert third.process.wait(60) != 0
                assert "Another worker process works on" in third.said
            worker.stop()
        web.stop()
    with running("serve", settings=site.settings, folder=site.folder) as after:
        after.wait_until_up(site.url)
        after.stop()
