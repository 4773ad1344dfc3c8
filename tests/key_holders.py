"""Officers who hold a passkey, and all the ways to answer in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from authenticators import Authenticator, question_on
from httpx2 import Response
from pages_inspector import Page
from people import CONTEST, House, text_of
from starlette.testclient import TestClient

from vote import contests, minutes, passkeys
from vote.models import Act, Role, State

OFFICER, OTHER = "officer@example.org", "other@example.org"
KEYS, REMOVAL, KEY_STEP = "/bureau/cles", "/bureau/cles/retrait", "/entrer/cle"
CLOSURE = {"reason": "Panne « générale » <b>", "word": "CLORE"}

Cheat = Callable[[Authenticator], Authenticator]
CHEATS: dict[str, Cheat] = {
    "another site": lambda good: replace(good, origin="https://testserver.example.net"),
    "another port": lambda good: replace(good, origin="http://testserver:8000"),
    "another scheme": lambda good: replace(good, origin="https://testserver"),
    "for another site": lambda good: replace(good, party="example.net"),
    "nobody at the device": lambda good: replace(good, verified=False),
    "a key that is nobody's": lambda good: Authenticator(),
    "another key under this name": lambda good: replace(Authenticator(), identifier=good.identifier),
}


@dataclass
class Officer:
    """An officer with a browser, a mailbox and a device."""

    house: House
    address: str = OFFICER

    def __post_init__(self) -> None:
        self.house.enter(Role.OFFICER, self.address)
        self.client = self.house.client()
        self.device = Authenticator()

    def code(self) -> str:
        found = re.search(r"\b\d{3} \d{3}\b", text_of(self.house.letters(self.address)[0]))
        assert found
        return found.group()

    def type_code(self, client: TestClient | None = None) -> Response:
        """The first half of a sign-in; the whole of it without a key."""
        client = client or self.client
        self.house.carry_letters()  # so that the next one is the last
        client.post("/entrer", data={"email": self.address})
        return client.post("/entrer/code", data={"code": self.code()})

    def sign_in(self, client: TestClient | None = None) -> Response:
        client = client or self.client
        return self.present(self.type_code(client), client=client)

    def present(self, page: Response, client: TestClient | None = None, path: str = KEY_STEP) -> Response:
        """Answer what the page asks of a key, keeping what it keeps."""
        answer = self.device.sign(question_on(page.text))
        form = {**Page(page.text).hidden(), "passkey": answer}
        return (client or self.client).post(path, data=form)

    def begin(self, name: str = "téléphone") -> Response:
        return self.client.post(KEYS, data={"name": name})

    def add(self, name: str = "téléphone", device: Authenticator | None = None) -> Response:
        page = self.begin(name)
        return self.client.post(KEYS, data={"name": name, "made": (device or self.device).make(question_on(page.text))})

    def inside(self, client: TestClient | None = None) -> bool:
        answer = (client or self.client).get("/bureau", follow_redirects=False)
        return answer.status_code == 200


def with_a_key(house: House) -> Officer:
    """An officer with one passkey, signed out."""
    found = Officer(house)
    found.type_code()
    assert found.add().url.path == KEYS
    found.client.post("/sortir")
    return found


def state_of(house: House) -> State:
    with house.database.reading() as session:
        return contests.read(session, CONTEST).state(house.clock.now())


def keys_of(house: House, address: str = OFFICER) -> list[str]:
    with house.database.reading() as session:
        return [key.name for key in passkeys.held(session, address)]


def told(house: House) -> list[tuple[str, str, int, int]]:
    """Who did what to passkeys, by the minutes, and how many there were before and after."""
    with house.database.reading() as session:
        lines = [line for line in minutes.read(session, CONTEST) if line.act == Act.PASSKEY]
    return [(line.who, line.why, (line.before or {})["passkeys"], (line.after or {})["passkeys"]) for line in lines]
