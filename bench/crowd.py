"""A crowd that votes in the demonstration through its real pages, so that the jury has something to watch."""

from __future__ import annotations

import argparse
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from html import unescape
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

Choose = Callable[[Sequence[str]], str]
Way = Literal["code", "mistyped", "link", "elsewhere", "gave up"]
SHARES: dict[Way, int] = {"code": 65, "mistyped": 2, "link": 20, "elsewhere": 10, "gave up": 3}
FIRST_NAMES = ("adele", "bruno", "camille", "denise", "elias", "fatou", "gabriel", "hanna", "jules", "karim", "lea")
NAMES = ("martin", "bernard", "petit", "durand", "leroy", "moreau", "garcia", "roux", "andre", "mercier", "blanc")
READY_SECONDS, LETTER_SECONDS, CALL_SECONDS = 60, 30, 30
INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\s([\w-]+)(?:="([^"]*)")?')
CODE = re.compile(r"(?<!\d)\d{3}[ \u00a0\u202f]\d{3}(?!\d)")
LINK = re.compile(r"/confirmation/[\w.~-]+")
RECEIPT = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")
RANDOM = secrets.SystemRandom()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voters", type=int, default=500, help="how many people come (%(default)s)")
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="where the demonstration is (%(default)s)")
    parser.add_argument("--minutes", type=float, default=4, help="over how long they arrive (%(default)s)")
    asked = parser.parse_args()
    outcomes: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):
        if not wait(asked.site):
            sys.exit(f"Nobody voted: {asked.site} is not ready after {READY_SECONDS} seconds.")
        send(asked.site, asked.voters, max(asked.minutes * 60, 1), outcomes)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"The crowd has left. Of {asked.voters} people: {told or 'nobody voted'}.", flush=True)


def wait(site: str) -> bool:
    """Until the site can take votes; False where that lasts too long."""
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(site, "/pret"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def send(site: str, voters: int, seconds: float, outcomes: Counter[str]) -> None:
    """Returns when every voter has come and gone, or the site has; `outcomes` is kept up to date meanwhile."""
    done: SimpleQueue[str] = SimpleQueue()
    # People come in waves of about a dozen.
    waves = [RANDOM.uniform(0, seconds) for _ in range(1 + voters // 12)]
    arrivals = sorted((RANDOM.choice(waves) + RANDOM.expovariate(12 / seconds)) % seconds for _ in range(voters))
    # Drawn for each run: a demonstration that starts again keeps its votes, and has no favourite of its own.
    series, taste = secrets.randbelow(1_000_000), secrets.token_bytes(16)
    began = told_at = time.monotonic()
    while outcomes.total() < voters:
        while arrivals and arrivals[0] <= time.monotonic() - began:
            arrivals.pop(0)
            name = f"{RANDOM.choice(FIRST_NAMES)}.{RANDOM.choice(NAMES)}.{series + len(arrivals)}"
            address = f"{name}@{RANDOM.choice(NAMES)}{secrets.randbelow(90)}.example.org"
            Thread(target=_come, args=(site, address, taste, done), daemon=True).start()
        with suppress(Empty):
            outcomes[done.get(timeout=0.1)] += 1
        if time.monotonic() - told_at > 10:
            told_at = time.monotonic()
            print(f"{outcomes['voted']} voted of {voters}", flush=True)
            if not _answers(site, "/sante"):
                return


def _come(site: str, address: str, taste: bytes, done: SimpleQueue[str]) -> None:
    def choose(slugs: Sequence[str]) -> str:
        ranked = sorted(slugs, key=lambda slug: sha256(taste + slug.encode()).digest())
        return RANDOM.choices(ranked, [1 / (2 + rank) for rank in range(len(ranked))])[0]

    (way,) = RANDOM.choices(list(SHARES), list(SHARES.values()))
    try:
        vote_once(site, address, choose, way, patience=1)
        done.put("voted")
    except LookupError as reason:
        done.put(str(reason))
    except HTTPError as refusal:
        done.put(f"refused with {refusal.code}")
    except (OSError, HTTPException):
        done.put("lost the connection")


def vote_once(site: str, address: str, choose: Choose = secrets.choice, way: Way = "code", patience: float = 0) -> str:
    """The receipt code. With patience 1 people take the time they take, the letter most of all, with 0 none.

    LookupError says what was not found, HTTPError what the site refused.
    """
    network = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    browser = Browser(site, network)
    think, read = patience * RANDOM.uniform(1.5, 6), patience * max(11, RANDOM.lognormvariate(3.5, 0.6))
    home = browser.open("/")
    slugs = [field["value"] for field in _fields(home, "/bulletin") if field["type"] == "radio"]
    if not slugs:
        raise LookupError("found no ballot")
    laureate = choose(slugs)
    waiting = browser.submit(home, "/bulletin", think, laureate=laureate, email=address)
    code, link = _letter(site, address)
    if way == "gave up":
        raise LookupError("gave up after the letter")
    if way == "mistyped":
        with suppress(HTTPError):
            browser.submit(waiting, "/confirmation", read, code=f"{(int(code[:3]) + 1) % 1000:03}{code[3:]}")
    if way == "link":
        end = browser.submit(browser.open(link), link, read)
    elif way == "elsewhere":
        other = Browser(site, network)
        end = other.submit(other.open(link), link, read, laureate=laureate)
    else:
        end = browser.submit(waiting, "/confirmation", read, code=code)
    if not (receipt := RECEIPT.search(end)):
        raise LookupError("ended without a receipt")
    return receipt[0]


class Browser:
    """One person's own, with its own cookies, on a network of its own where one is named."""

    def __init__(self, site: str, network: str = "") -> None:
        self._site = site.rstrip("/")
        self._headers = {"X-Forwarded-For": network} if network else {}
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor())

    def open(self, path: str, body: bytes | None = None) -> str:
        headers = self._headers | ({"Sec-Fetch-Site": "same-origin"} if body else {})
        request = Request(self._site + path, body, headers)
        with self._opener.open(request, timeout=CALL_SECONDS) as response:
            return str(response.read().decode())

    def submit(self, page: str, action: str, seconds: float, **typed: str) -> str:
        """Sends the form of `page` that goes to `action` as it stands, but for what was typed, after so long."""
        time.sleep(seconds)
        kept = [field for field in _fields(page, action) if field["type"] != "radio" or "checked" in field]
        return self.open(action, urlencode({field["name"]: field["value"] for field in kept} | typed).encode())


def _fields(page: str, action: str) -> list[dict[str, str]]:
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    return [{name: unescape(value) for name, value in ATTRIBUTE.findall(tag)} for tag in INPUT.findall(form)]


def _letter(site: str, address: str) -> tuple[str, str]:
    """The code and the path of the link in the latest letter, awaited."""
    deadline = time.monotonic() + LETTER_SECONDS
    while time.monotonic() < deadline:
        page = Browser(site).open(f"/demo/courrier?{urlencode({'a': address})}")
        if (code := CODE.search(page)) and (link := LINK.search(page)):
            return code[0], link[0]
        time.sleep(1)
    raise LookupError("waited in vain for a letter")


def _answers(site: str, path: str) -> bool:
    with suppress(OSError, HTTPException):
        Browser(site).open(path)
        return True
    return False


if __name__ == "__main__":
    main()
