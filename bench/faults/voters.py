"""Voters who keep trying, as people do when a page says that the station is away, and note each receipt."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Protocol
from urllib.parse import urlencode

from faults.site import Letter, PostOffice

CALL_SECONDS = 40
PAUSE = 0.1
RECEIPT = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")
NOTHING_KEPT = "rien n’a été enregistré"
NOTHING_SHOWN = "cette page ne peut pas être affichée"
PERHAPS_KEPT = "a pu être enregistré"  # its answer was lost: to do it again is safe, and finds it

Complain = Callable[[str], None]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def kept_nothing(self) -> bool:
        """It says so; if that is untrue, a later answer gives it away."""
        return self.status == 503 and (NOTHING_KEPT in self.text or NOTHING_SHOWN in self.text)

    @property
    def receipt(self) -> str:
        """Of a receipt's page; elsewhere an example may stand."""
        found = RECEIPT.search(self.text) if self.status == 200 and "/urne?code=" in self.text else None
        return found.group() if found else ""


class Door(Protocol):
    """Where people knock: a web process, or the proxy before several."""

    @property
    def name(self) -> str: ...

    def connect(self, seconds: float) -> HTTPConnection: ...

    def was_down_since(self, moment: float) -> bool: ...


class House(Protocol):
    """What people know of a site."""

    @property
    def webs(self) -> Sequence[Door]: ...

    @property
    def post(self) -> PostOffice: ...


class Browser:
    """One person's own. An answer that is not honest is complained about; no answer at all is only for who was down."""

    def __init__(self, site: House, seen: Counter[str], complain: Complain) -> None:
        self._site, self._seen, self._complain = site, seen, complain
        self._cookies: dict[str, str] = {}
        self.reached = True  # the last request may have come to somebody

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer | None:
        """The answer of one of the web processes; None where it was down."""
        node = random.choice(self._site.webs)
        began = time.monotonic()
        try:
            answer = self._send(node, path, form)
        except (OSError, HTTPException) as problem:
            if not node.was_down_since(began):
                self._complain(f"{node.name} was up and did not answer {_plain(path)}: {problem!r}")
            self._seen["no answer"] += 1
            self.reached = not isinstance(problem, ConnectionRefusedError)
            return None
        self.reached = True
        self._seen[str(answer.status)] += 1
        if answer.status >= 500:
            self._hold_to_be_honest(path, answer)
        return answer

    def _send(self, node: Door, path: str, form: dict[str, str] | None) -> Answer:
        connection = node.connect(CALL_SECONDS)
        try:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers |= {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
                connection.request("POST", path, urlencode(form), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, text)

    def _hold_to_be_honest(self, path: str, answer: Answer) -> None:
        waits = answer.headers.get("retry-after", "")
        if answer.status != 503 or not waits.isdigit() or not (answer.kept_nothing or PERHAPS_KEPT in answer.text):
            self._complain(f"{_plain(path)} answered {answer.status}, Retry-After {waits!r}")


def _plain(path: str) -> str:
    return path[:20]


@dataclass
class Ledger:
    """What the people of a day have seen, for all to compare with what the database holds."""

    seen: Counter[str] = field(default_factory=Counter)
    receipts: dict[str, Voter] = field(default_factory=dict)
    shown_at: list[float] = field(default_factory=list)  # the moment of each receipt
    complaints: list[str] = field(default_factory=list)

    def complain(self, sentence: str) -> None:
        self.complaints.append(sentence)


class Voter:
    """One person: types the code, or opens the link, perhaps in another browser; who is keen does so on two devices."""

    def __init__(
        self,
        site: House,
        ledger: Ledger,
        number: int,
        laureate: str,
        chance: random.Random,
        pause: float = PAUSE,
    ) -> None:
        self.site, self.ledger, self.laureate, self.pause = site, ledger, laureate, pause
        self.address = f"voter.{number}@{chance.choice(('gmail.com', 'orange.fr', 'example.org'))}"
        self.way = chance.choice(("code", "code", "code", "link", "elsewhere", "keen"))
        self.repeats = chance.random() < 0.2
        self.requests = 0  # that may have been committed: each may bring a letter
        self.acknowledged = 0
        self.doubtful = 0  # confirmations whose outcome was not said
        self.receipts: set[str] = set()
        self.counted = False
        self._browsers = [self._new_browser() for _ in range(2 if self.way == "keen" else 1)]
        self._tried: list[Letter] = []

    @property
    def done(self) -> bool:
        return bool(self.receipts) or self.counted

    @property
    def letters(self) -> list[Letter]:
        return self.site.post.letters[self.address]

    def vote(self, until: float) -> None:
        """Go on until there is a receipt, or that moment has come; another day it goes on from there."""
        while not self.done and time.monotonic() < until:
            if not self.acknowledged:
                self._ask_for_a_letter()
            elif letter := self._untried():
                self._confirm(letter)
            else:
                time.sleep(self.pause / 2)
        if self.receipts and self.repeats and time.monotonic() < until:
            self.repeats = False
            self._come_again()

    def _new_browser(self) -> Browser:
        return Browser(self.site, self.ledger.seen, self.ledger.complain)

    def _ask_for_a_letter(self) -> None:
        for browser in self._browsers:
            answer = browser.ask("/bulletin", {"laureate": self.laureate, "email": self.address})
            self.requests += browser.reached and not (answer is not None and answer.kept_nothing)
            if answer is not None and answer.status == 303:
                self.acknowledged += 1
            elif answer is not None and answer.status != 503:
                self.ledger.complain(f"a ballot was answered {answer.status}")
        if not self.acknowledged:
            time.sleep(self.pause)

    def _untried(self) -> Letter | None:
        """The newest letter whose code was not found wrong."""
        tried = {"", *(letter.code for letter in self._tried)}
        return next((letter for letter in reversed(self.letters) if letter.code not in tried), None)

    def _confirm(self, letter: Letter) -> None:
        if self.way == "elsewhere":
            self.way, self._browsers = "link", [self._new_browser()]
        for browser in self._browsers:
            answer = self._hand_in(browser, letter)
            if answer is None or answer.status == 503:
                self.doubtful += browser.reached and not (answer is not None and answer.kept_nothing)
                time.sleep(self.pause)
            elif answer.receipt:
                self._note(answer.receipt)
            elif answer.status == 409 and (self.doubtful or self.way == "keen"):
                self.counted = True  # by the other device, or by a confirmation whose answer was lost
            elif answer.status == 422 and self.way == "code":
                self._tried.append(letter)  # the letter of another request, whose answer was lost
            elif answer.status == 410:
                self._tried.append(letter)
                self.acknowledged = 0
            else:
                self.ledger.complain(f"a confirmation by {self.way} was answered {answer.status}")
                time.sleep(self.pause)

    def _hand_in(self, browser: Browser, letter: Letter) -> Answer | None:
        if self.way == "code":
            answer = browser.ask("/confirmation", {"code": letter.code})
        else:
            opened = browser.ask(letter.link)
            if opened is None or opened.status in {410, 503}:
                return opened
            answer = opened if opened.status == 303 else browser.ask(letter.link, {"laureate": self.laureate})
        if answer is not None and answer.status == 303:  # the ballot was cast by a confirmation whose answer was lost
            return browser.ask(answer.headers["location"])
        return answer

    def _note(self, receipt: str) -> None:
        if receipt not in self.receipts:
            self.ledger.shown_at.append(time.monotonic())
        self.receipts.add(receipt)
        self.ledger.receipts[receipt] = self
        if len(self.receipts) > 1:
            self.ledger.complain("one person was shown two receipts")

    def _come_again(self) -> None:
        """Confirm once more from the same browser, as who presses twice does: it is the same receipt."""
        letter = self._untried()
        answer = self._hand_in(self._browsers[0], letter) if letter else None
        if answer is not None and answer.receipt:
            self._note(answer.receipt)
        elif answer is not None and answer.status not in {409, 410, 422, 503}:
            self.ledger.complain(f"a repeated confirmation was answered {answer.status}")
