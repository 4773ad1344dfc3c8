"""The demonstration: a newcomer opens what it prints, and finds everything again the next day."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
from commands import Command, free_port, running
from people import receipt_of

from vote.serving import DEMO_CLOCK

ADDRESS = "marie@example.org"


@contextmanager
def demonstration(folder: Path, port: int) -> Iterator[tuple[Command, httpx2.Client, dict[str, str]]]:
    """The running demonstration, a browser on it, and the addresses that it prints by what stands before them."""
    words = ("demo", "--port", str(port), "--folder", str(folder / "demo"))
    site = f"http://127.0.0.1:{port}"
    with (
        running(*words, settings={}, folder=folder) as command,
        httpx2.Client(base_url=site, follow_redirects=True, timeout=30) as browser,
    ):
        command.wait_until_up(site)
        yield command, browser, dict(re.findall(r"^  (\S.*?) {2,}(http\S+)", command.said, re.MULTILINE))


def shown(browser: httpx2.Client) -> datetime:
    """What the clock of the demonstration shows, from the date of a letter asked for now."""
    page = letter_after(browser, "/entrer", {"email": "jury@example.org"})
    found = re.search(r'<time datetime="([^"]+)"', page)
    assert found
    return datetime.fromisoformat(found.group(1))


def vote(browser: httpx2.Client) -> str:
    page = letter_after(browser, "/bulletin", {"laureate": "ilot-femmes", "email": ADDRESS})
    code = re.search(r"<strong>(\d{3} \d{3})</strong>", page)
    assert code
    return receipt_of(browser.post("/confirmation", data={"code": code.group(1)}).text)


def letter_after(browser: httpx2.Client, address: str, form: dict[str, str]) -> str:
    """The demo mailbox, once what this form asks for has come."""
    mailbox = f"/demo/courrier?a={form['email']}"
    before = browser.get(mailbox).text.count("<article")
    browser.post(address, data=form)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        page = browser.get(mailbox).text
        if page.count("<article") > before:
            return page
    raise AssertionError("no letter came")


def test_a_newcomer_follows_what_the_demonstration_prints_and_finds_it_all_again(tmp_path: Path) -> None:
    port = free_port()
    start = datetime.fromisoformat(DEMO_CLOCK)
    with demonstration(tmp_path, port) as (command, browser, links):
        for name in ("secret", "pepper"):
            path = tmp_path / "demo" / name
            assert path.stat().st_mode & 0o077 == 0
            assert path.read_text() not in command.said
        assert "Démonstration" in browser.get(links["The site"]).text
        assert "Aucune lettre" in browser.get(links["The demo mailbox"]).text
        for role, room in (("juror", "/jury"), ("officer", "/bureau")):
            link = links[f"Sign in as {role}"]
            assert "Ce lien sert une seule fois" in browser.get(link).text
            assert browser.post(link).url.path == room
            assert browser.post(link).status_code == 410
        receipt = vote(browser)
        first = shown(browser)
        assert start <= first < start + timedelta(minutes=5)
        assert command.stop(signal.SIGTERM) < 10
        assert "Traceback" not in command.said
    kept = datetime.fromisoformat((tmp_path / "demo/clock").read_text())
    assert kept >= first

    with demonstration(tmp_path, port) as (command, browser, links):
        assert "Ce bulletin est compté." in re.sub(r"\s+", " ", browser.get("/urne", params={"code": receipt}).text)
        assert ADDRESS in browser.get("/demo/courrier").text
        assert browser.post(links["Sign in as juror"]).url.path == "/jury"
        assert "Camille, du jury" in browser.get("/jury").text
        assert shown(browser) >= kept.replace(microsecond=0)
        assert command.stop(signal.SIGINT) < 10
        assert "Traceback" not in command.said
    assert datetime.fromisoformat((tmp_path / "demo/clock").read_text()) > kept
