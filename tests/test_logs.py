"""The log can be shown to anybody: of what people typed, received, hold or chose, no process ever writes a word."""

from __future__ import annotations

import json
import logging
import re
import socket
from contextlib import closing
from pathlib import Path

import httpx2
from commands import free_port, running
from operators import SETTINGS, edition_of_today
from people import receipt_of, text_of
from servers import MailServer, PostgreSQL
from sqlalchemy import text

from vote import addresses, contests, editions, schema, staff
from vote.clock import RunningClock
from vote.db import Database
from vote.logbook import Lines
from vote.models import Role

VOTER, REFUSED, POISON, OFFICER = (f"planted.{name}@example.org" for name in ("voter", "refused", "poison", "officer"))
NETWORK = "203.0.113.77"
PLANTED = {
    **{"VOTE_SECRET": "planted-secret-" * 4, "VOTE_PEPPER": "planted-pepper-" * 4, "VOTE_SEAL_KEY": "5eed" * 16},
    **{"VOTE_METRICS_TOKEN": "planted-metrics-" * 4},
}


def find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None
    return found.group()


def lines(said: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.splitlines()]


def test_no_value_planted_anywhere_is_in_the_output_of_any_process_at_debug_level(
    postgresql: PostgreSQL, mail_server: MailServer, tmp_path: Path
) -> None:
    path, name = edition_of_today(tmp_path / "today.toml"), "planted_values"
    postgresql.create(name)
    edition, url, port = editions.read(path), postgresql.url(name), free_port()
    slug = edition.laureates[0].slug
    database = Database(url)
    schema.upgrade(database)
    now = RunningClock().now()
    contests.load(database, edition, now, "les tests")
    staff.add(database, edition.contest, addresses.parse(OFFICER), "Omar", Role.OFFICER, now, "les tests")
    with database.migrating() as connection:
        # A rule that this program does not know: the database quotes the whole row when it refuses it.
        connection.execute(text("ALTER TABLE outbox ADD CONSTRAINT poison CHECK (address NOT LIKE '%poison%')"))
        connection.execute(text("ALTER TABLE running_count ADD CONSTRAINT bitter CHECK (votes < 2)"))
    mail_server.refuse_for_good(REFUSED)
    settings = {
        **SETTINGS,
        **PLANTED,
        **{"DATABASE_URL": url, "VOTE_EDITION": str(path), "SMTP_URL": mail_server.url, "PORT": str(port)},
        **{
            "VOTE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "VOTE_TRUSTED_PROXIES": "127.0.0.1",
            "VOTE_LOG_LEVEL": "debug",
        },
    }
    seen = [VOTER, REFUSED, POISON, OFFICER, NETWORK, *PLANTED.values(), *(found.slug for found in edition.laureates)]
    with (
        running("serve", "--web-only", settings=settings, folder=tmp_path) as serve,
        running("worker", settings=settings, folder=tmp_path) as worker,
        httpx2.Client(
            base_url=settings["VOTE_PUBLIC_URL"],
            follow_redirects=True,
            timeout=30,
            headers={"X-Forwarded-For": NETWORK, "Sec-Fetch-Site": "same-origin"},
        ) as browser,
    ):
        serve.wait_until_up(settings["VOTE_PUBLIC_URL"])

        def ask(address: str) -> httpx2.Response:
            return browser.post("/bulletin", data={"laureate": slug, "email": address})

        def letter(number: int) -> str:
            return text_of(mail_server.wait_for(number, timeout=60)[-1].message)

        assert ask(REFUSED).status_code == 200
        assert ask(VOTER).status_code == 200
        code, link = find(r"\d{3} \d{3}", letter(1)), find(r"/confirmation/\S+", letter(1))
        seen += [code, code.replace(" ", ""), link.rpartition("/")[2], browser.cookies["bulletin"]]
        assert browser.get(link).status_code == 200
        assert browser.post("/confirmation", data={"code": "12 34 56"}).status_code == 422
        receipt = receipt_of(browser.post("/confirmation", data={"code": code}).text)
        seen += [receipt, browser.cookies["bulletin"]]
        assert browser.get(f"/urne/preuve/{receipt}").status_code in {200, 404, 409}

        assert ask("planted.second@example.org").status_code == 200
        bitter = browser.post(find(r"/confirmation/\S+", letter(2)), data={"laureate": slug})
        assert bitter.status_code == 500
        poisoned = ask(POISON)
        assert poisoned.status_code == 500

        browser.post("/entrer", data={"email": OFFICER})
        seen.append(browser.cookies["entree"])
        entered = browser.post(find(r"/entrer/\S+", letter(3)), data={})
        assert entered.url.path == "/bureau"
        seen += [browser.cookies["salle"], mail_server.accepted[2].message["To"]]
        assert browser.get("/n/planted.path@example.org/123456").status_code == 404
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(f"GET planted {VOTER}\r\n{NETWORK}\r\n\r\n".encode())
            assert b"400" in raw.recv(1000)
        mail_server.stop()
        ask(VOTER)
        worker.wait_until_said("the mail server ")
        assert worker.stop() < 20
        assert serve.stop() < 20
        said = serve.said + worker.said
    with closing(database), database.reading() as session:
        # Nor what the database alone knows.
        for column in ("poll_book.voter_key", "envelopes.ballot_code", "envelopes.salt", "verifications.id"):
            found, _, field = column.partition(".")
            seen += [row.hex() for (row,) in session.execute(text(f"SELECT {field} FROM {found}"))]
    postgresql.drop(name)

    leaked = [value for value in seen if value.lower() in said.lower()]
    assert leaked == []
    assert "planted" not in said
    told = lines(said)
    assert all({"at", "level", "from", "says"} <= line.keys() for line in told)
    assert any(line["says"] == "POST /confirmation/{token}: 500" for line in told)
    (fault,) = (line for line in told if line.get("request") == poisoned.headers["x-request-id"] and "fault" in line)
    assert "psycopg.errors.CheckViolation 23514" in str(fault["fault"])
    assert "vote/asking.py" in str(fault["fault"])


def test_lines_of_libraries_are_stripped_of_what_they_quote() -> None:
    says = (
        "connection of %s from %s, 2001:db8::9:1 failed: code 123 456, receipt 0ABC-1DEF-2GHJ-3KLM, %s\n"
        "<Task exception=KeyError('ilot-femmes')>"
    )
    arguments = ("marie@example.org", "203.0.113.9", "AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBB")
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, says, arguments, None)
    assert json.loads(Lines().format(record))["says"] == (
        "connection of [address] from [network], [network] failed: code [code], receipt [code], [token].[token]"
    )


def test_a_fault_is_told_by_its_kinds_and_places_without_its_words() -> None:
    try:
        try:
            raise KeyError("marie@example.org")
        except KeyError as first:
            raise FileNotFoundError(2, "ilot-femmes") from first
    except OSError as fault:
        record = logging.LogRecord("vote.x", logging.ERROR, "", 0, "a fault", (), (type(fault), fault, None))
    line = Lines().format(record)
    assert "marie" not in line
    assert "ilot" not in line
    told = json.loads(line)["fault"]
    assert [told[0], told[2]] == ["builtins.FileNotFoundError 2", "builtins.KeyError"]
    assert told[1].startswith("  tests/test_logs.py:")


def test_a_level_that_is_none_stops_the_start(tmp_path: Path) -> None:
    settings = {**SETTINGS, "VOTE_LOG_LEVEL": "trace"}
    with running("worker", settings=settings, folder=tmp_path) as worker:
        assert worker.process.wait(60) == 1
        assert "VOTE_LOG_LEVEL is not usable" in worker.said
