"""The people of the tests: a polling station on a real database, and those who come to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pages_inspector
from httpx2 import Response
from sqlalchemy import event, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from vote import addresses, contests, editions, postman, schema, staff, station, tally
from vote.addresses import Address
from vote.app import create_app
from vote.carriers import Pigeonhole
from vote.db import Database
from vote.errors import Unavailable
from vote.languages import address as in_language
from vote.mail_hosts import Ask
from vote.models import Role, Table
from vote.settings import Settings
from vote.station import Station

EDITION = editions.read(editions.SHIPPED)
CONTEST = EDITION.contest
MORNING = datetime.fromisoformat("2019-11-18T10:00:00+01:00")
SITE = "http://testserver"


class StoppedClock:
    """Shows the same moment until told otherwise."""

    def __init__(self, moment: datetime = MORNING) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def forward(self, **time: float) -> None:
        self.moment += timedelta(**time)


def settings_for(database_url: str, folder: Path, **others: object) -> Settings:
    """Settings as an operator would give them, with a pigeonhole for the post."""
    chosen = Settings(
        database_url=database_url,
        public_url=SITE,
        secrets=("s" * 40,),
        pepper=b"p" * 40,
        seal_key=b"k" * 32,
        mail_from="vote@example.org",
        pigeonhole=folder / "letters",
    )
    return replace(chosen, **others)  # type: ignore[arg-type]


def prepare(database_url: str, at: datetime = MORNING) -> None:
    """Bring an empty database to a loaded edition."""
    database = Database(database_url)
    schema.upgrade(database)
    contests.load(database, EDITION, at, "les tests")
    database.close()


@dataclass
class House:
    """A running polling station: its application, its stopped clock, its post."""

    app: Starlette
    clock: StoppedClock
    main: TestClient
    pigeonhole: Pigeonhole

    @property
    def station(self) -> Station:
        found: Station = self.app.state.station
        return found

    @property
    def database(self) -> Database:
        return self.station.database

    def _look(self) -> None:
        with suppress(Unavailable):
            self.station.noticeboard.keep_up()

    def client(self) -> TestClient:
        """Another browser. All of them share the loop on which the station runs."""
        client = TestClient(
            self.app, base_url=SITE, headers={"Sec-Fetch-Site": "same-origin"}, raise_server_exceptions=True
        )
        client.portal = self.main.portal
        # What another node changed shows within a quarter of a second: nobody here waits for it.
        client.event_hooks = {
            "request": [lambda _: self._look()],
            "response": [pages_inspector.visit],
        }
        return client

    def contents(self) -> dict[str, list[str]]:
        """Every row of every table, sorted, as the database holds it."""
        with self.database.reading() as session:
            tables = Table.metadata.tables.items()
            return {name: sorted(repr(tuple(row)) for row in session.execute(select(table))) for name, table in tables}

    def ballots(self) -> dict[str, int]:
        """Ballots by laureate's slug, recounted."""
        with self.database.reading() as session:
            return tally.recount(session, CONTEST)

    def carry_letters(self) -> None:
        """Empty the outbox of what is due."""
        chosen = self.station.settings
        head = station.letterhead(chosen, self.station.keys, EDITION)
        while postman.deliver(self.database, self.clock, head, self.pigeonhole):
            pass

    def letters(self, address: str) -> list[EmailMessage]:
        """What lies in somebody's mailbox, newest first, once the postman has passed."""
        self.carry_letters()
        return self.pigeonhole.letters(address)

    def voter(self, address: str, lang: str = "fr") -> Voter:
        return Voter(self, address, lang)

    def enter(self, role: Role, address: str = "") -> Address:
        """Enter a member on the list, who has yet to sign in; at {role}@example.org unless told otherwise."""
        parsed = addresses.parse(address or f"{role}@example.org")
        staff.add(self.database, CONTEST, parsed, f"Camille ({role})", role, self.clock.now(), "les tests")
        return parsed

    def member(self, role: Role, lang: str = "fr") -> Member:
        """A juror or an officer, entered and signed in by the page of this language."""
        address = self.enter(role)
        token = staff.invite(self.database, self.station.keys, address, self.clock.now())
        found = Member(self.client(), role, self)
        entrance = in_language(f"/entrer/{token}", lang)
        assert found.client.post(entrance, data={}, follow_redirects=False).status_code == 303
        return found

    def reconnect(self) -> None:
        """Connections are new from here on; one that is in somebody's hands now is closed when it comes back."""
        engine = self.database.engine
        before = engine.pool
        engine.dispose()
        event.listen(before, "checkin", lambda _, entry: entry.invalidate())
        before.dispose()  # what came back meanwhile

    def juror(self, lang: str = "fr") -> Member:
        return self.member(Role.JUROR, lang)

    def officer(self, lang: str = "fr") -> Member:
        return self.member(Role.OFFICER, lang)


@contextmanager
def open_house(
    settings: Settings, clock: StoppedClock, *, work_here: bool = False, ask: Ask | None = None
) -> Iterator[House]:
    app = create_app(settings, clock, contest=CONTEST, work_here=work_here, ask=ask)
    assert settings.pigeonhole is not None
    with TestClient(app, base_url=SITE) as main:
        yield House(app, clock, main, Pigeonhole(settings.pigeonhole))


class Voter:
    """Somebody with a browser and a mailbox. Each step answers the page it led to."""

    def __init__(self, house: House, address: str, lang: str = "fr") -> None:
        self.house = house
        self.address = address
        self.lang = lang
        self.browser = house.client()

    def choose(self, laureate: str = "ilot-femmes", address: str | None = None, **more: str) -> Response:
        """Fill the ballot and send it; follows to the waiting page."""
        form = {"laureate": laureate, "email": self.address if address is None else address, **more}
        return self.browser.post(in_language("/bulletin", self.lang), data=form)

    def letter(self) -> EmailMessage:
        """The last letter in this person's mailbox."""
        return self.house.letters(self.address)[0]

    def code(self) -> str:
        """The code of the last letter."""
        found = re.search(r"\b\d{3} \d{3}\b", text_of(self.letter()))
        assert found is not None
        return found.group()

    def link(self) -> str:
        """The path of the last letter's link."""
        found = re.search(rf"{SITE}((?:/en)?/confirmation/\S+)", text_of(self.letter()))
        assert found is not None
        return found.group(1)

    def type_code(self, code: str | None = None, **form: str) -> Response:
        return self.browser.post(in_language("/confirmation", self.lang), data={"code": code or self.code(), **form})

    def open_link(self) -> Response:
        return self.browser.get(self.link())

    def press_button(self, **form: str) -> Response:
        """Press the button of the page that the link shows."""
        return self.browser.post(self.link(), data=form)

    def disown(self) -> Response:
        """Say "that was not me" on the page that the link shows, having read it."""
        shown = re.search(r'name="shown" value="([^"]+)"', self.open_link().text)
        assert shown is not None
        self.house.clock.forward(seconds=5)
        return self.browser.post(f"{self.link()}/pas-moi", data={"shown": shown.group(1)})

    def change_browser(self) -> None:
        self.browser = self.house.client()

    def vote(self, laureate: str = "ilot-femmes") -> str:
        """The whole way; answers the receipt code."""
        self.choose(laureate)
        return receipt_of(self.type_code().text)


@dataclass
class Member:
    """A juror or an officer who has signed in."""

    client: TestClient
    role: Role
    house: House | None = None

    def act(self, path: str, form: dict[str, str]) -> Response:
        """Send a form of the bureau; asked for a fresh code, read the letter and type it."""
        answer = self.client.post(path, data=form)
        page = pages_inspector.Page(answer.text)
        if self.house is None or not any(field.attributes.get("name") == "letter" for field in page.all("input")):
            return answer
        code = re.search(r"\b\d{3} \d{3}\b", text_of(self.house.letters(f"{self.role}@example.org")[0]))
        assert code is not None
        return self.client.post(path, data={**page.hidden(), "code": code.group()})

    def close(self, reason: str = "Essai", word: str = "CLORE") -> Response:
        return self.act("/bureau/cloture", {"reason": reason, "word": word})

    def extend(self, until: str, reason: str = "Essai", word: str = "PROLONGER") -> Response:
        return self.act("/bureau/prolongation", {"until": until, "reason": reason, "word": word})

    def publish(self, reason: str = "Essai", word: str = "PROCLAMER") -> Response:
        return self.act("/bureau/proclamation", {"reason": reason, "word": word})


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text


def receipt_of(page: str) -> str:
    """The receipt code on a page."""
    found = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", page)
    assert found is not None, page
    return found.group()
