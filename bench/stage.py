"""A demonstration of its own, a browser, and somebody who walks through the pages: for whoever plays a voting day."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from vote import languages

# Chromium refuses its sandbox to root, and by itself talks to its makers.
FLAGS = (
    *("--no-sandbox", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE, DESKTOP = 390, 1280
READY_SECONDS, STOP_SECONDS, LETTER_SECONDS = 30, 20, 10
CODE = re.compile(r"\d{3} \d{3}")
RECEIPT = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")


@dataclass(frozen=True)
class Demonstration:
    """Where it is, and the links by which a juror and an officer enter, once."""

    url: str
    juror: str
    officer: str


@contextmanager
def demonstration(folder: Path, *options: str) -> Iterator[Demonstration]:
    """`vote demo` on a free port, as a newcomer starts it; Ctrl-C ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "vote", "demo", "--port", str(port), "--folder", str(folder), *options]
    with (
        (folder / "log").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            links: dict[str, str] = {}
            for line in process.stdout:
                if found := re.search(r"as (juror|officer) +(\S+)", line):
                    links[found[1]] = found[2]
                if "Ctrl-C" in line:
                    break
            _wait_until_it_answers(process, port, folder / "log")
            yield Demonstration(f"http://127.0.0.1:{port}", links["juror"], links["officer"])
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)
        finally:
            process.kill()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system; Playwright's own ones are not to be had everywhere."""
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError(
            "Chromium is missing, and nothing else reads the pages: install it (apt-get install chromium)."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser of their own, who finds things by what they are called.

    Addresses and names are given in French; an English visitor opens the same page under /en, and looks for what the
    catalogue makes of the name.
    """

    def __init__(
        self, browser: Browser, site: str, *, scripts: bool = True, width: int = PHONE, lang: str = "fr"
    ) -> None:
        self.site, self.lang = site, lang
        self.context = browser.new_context(
            base_url=site,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 800},
            locale={"fr": "fr-FR", "en": "en-GB"}[lang],
            timezone_id="Europe/Paris",
        )
        self.complaints: list[str] = []
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        self.context.on("request", self._see_request)
        self.context.on("response", self._see_response)
        self.page = self.context.new_page()

    def open(self, address: str) -> Page:
        path = address.removeprefix(self.site)
        self.page.goto(languages.address(path, self.lang) if languages.language_of(path) == "fr" else path)
        return self._arrived()

    def press(self, button: str) -> Page:
        """The first button of this name; returns with the page it led to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=self._said(button)).first.click()
        return self._arrived()

    def strike(self, key: str) -> Page:
        """A key of the keyboard that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        return self._arrived()

    def follow(self, link: str) -> Page:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=link).first.click()
        return self._arrived()

    def reload(self) -> Page:
        self.page.reload()
        return self._arrived()

    def choose(self, laureate: str) -> None:
        self.page.get_by_role("radio", name=laureate).check()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(self._said(label)).first.fill(text)

    def ask_for_a_letter(self, laureate: str, address: str) -> Page:
        """From the home page to the page that waits for the code."""
        self.open("/")
        self.choose(laureate)
        self.write("Votre adresse électronique", address)
        return self.press("Recevoir mon code")

    def open_mailbox(self, address: str) -> Page:
        """The demo's mailbox, once a letter lies in it."""
        deadline = time.monotonic() + LETTER_SECONDS
        page = self.open(f"/demo/courrier?{urlencode({'a': address})}")
        while not page.get_by_role("article").count():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no letter for {address} after {LETTER_SECONDS} s")
            page.wait_for_timeout(100)
            page = self.open(page.url)
        return page

    def read_code(self, address: str) -> str:
        """The code of the last letter; then back to the page that waits for it."""
        found = CODE.search(self.open_mailbox(address).get_by_role("article").first.inner_text())
        assert found is not None
        self.open("/confirmation")
        return found[0]

    def open_letter_link(self, address: str) -> Page:
        self.open_mailbox(address)
        return self.follow("/confirmation/")

    def sign_in(self, address: str) -> Page:
        """With the code of a letter; where the member has passkeys, as far as the page that asks for one."""
        self.open("/entrer")
        self.write("Votre adresse électronique", address)
        self.press("Recevoir mon code")
        code = self.read_code(address)
        self.open("/entrer/code")
        self.write("Le code à 6 chiffres", code)
        return self.press("Entrer")

    def type_code(self, code: str) -> Page:
        self.write("Le code à 6 chiffres", code)
        return self.press("Je confirme mon vote")

    def receipt(self) -> str:
        """The receipt code on the page."""
        found = RECEIPT.search(self.page.get_by_role("main").inner_text())
        assert found is not None, self.page.get_by_role("main").inner_text()
        return found[0]

    def act(self, title: str, reason: str, word: str) -> Page:
        """An officer's act, at the desk."""
        form, typed = self.page.get_by_role("region", name=self._said(title)), self._said(word)
        form.get_by_label(self._said("Motif")).fill(reason)
        form.get_by_label(self._said("Tapez %(word)s pour confirmer") % {"word": typed}).fill(typed)
        with self.page.expect_navigation():
            form.get_by_role("button").click()
        return self._arrived()

    def _said(self, name: str) -> str:
        return languages.said(name, self.lang)

    def _arrived(self) -> Page:
        """Every page met is looked at: nothing may stick out at its side."""
        wide, narrow = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        if wide > narrow:
            self.complaints.append(f"sideways: {self.page.url} is {wide} px wide in a window of {narrow}")
        return self.page

    def _hear(self, message: ConsoleMessage) -> None:
        # Violations of the content policy arrive here too. A refusal is a page like any other: not heard of here.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"console: {message.text}")

    def _see_request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.site}/"):
            self.complaints.append(f"elsewhere: {request.url}")

    def _see_response(self, response: Response) -> None:
        if response.status >= 500 or (response.status >= 400 and response.request.resource_type != "document"):
            self.complaints.append(f"missing: {response.status} {response.url}")


def _wait_until_it_answers(process: subprocess.Popen[str], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"The demonstration did not start: {log.read_text(encoding='utf-8')[-2000:]}")
