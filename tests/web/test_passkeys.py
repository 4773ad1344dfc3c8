"""Who has a passkey signs in with the letter's code and the key, and with nothing less."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from authenticators import Authenticator, question_on
from key_holders import (
    CHEATS,
    CLOSURE,
    KEY_STEP,
    KEYS,
    OFFICER,
    OTHER,
    REMOVAL,
    Cheat,
    Officer,
    keys_of,
    state_of,
    with_a_key,
)
from pages_inspector import Page
from people import SITE, House, StoppedClock, open_house, text_of
from sqlalchemy import func, select

from vote import passkeys, staff, worker
from vote.errors import Expired
from vote.models import Challenge, Role, State
from vote.settings import Settings
from vote.tokens import encode

ROOM_COOKIE = "salle"
REFUSED, COPIED, LATE = "n’a pas été reconnue", "a peut-être un double", "ou a déjà servi"


@pytest.fixture
def officer(house: House) -> Officer:
    return with_a_key(house)


def test_who_has_a_key_signs_in_with_the_code_and_the_key(house: House, officer: Officer) -> None:
    page = officer.type_code()
    assert page.url.path == KEY_STEP
    question = question_on(page.text)
    assert (question["rpId"], question["userVerification"]) == ("testserver", "required")
    assert [key["id"] for key in question["allowCredentials"]] == [encode(officer.device.identifier).decode()]
    half = officer.client.cookies["entree"]
    assert not officer.inside()
    assert officer.present(page).url.path == "/bureau"
    assert officer.client.cookies[ROOM_COOKIE] != half  # what served half-way opens nothing


def test_the_code_alone_the_link_and_the_operators_link_open_nothing(house: House, officer: Officer) -> None:
    page = officer.type_code()
    half = officer.client.cookies["entree"]
    thief = house.client()
    thief.cookies.set(ROOM_COOKIE, half)
    assert not officer.inside(thief)
    for path in ("/bureau/cloture", KEYS, REMOVAL):
        assert thief.post(path, data={**CLOSURE, "name": "téléphone"}).status_code == 403
    thief.post("/entrer", data={"email": OFFICER})
    link = re.search(r"/entrer/\S+", text_of(house.letters(OFFICER)[0]))
    assert link
    token = staff.invite(house.database, house.station.keys, house.enter(Role.OFFICER), house.clock.now())
    for path in (link.group(), f"/entrer/{token}"):
        client = house.client()
        assert client.post(path).url.path == KEY_STEP
        assert not officer.inside(client)
    assert (state_of(house), keys_of(house)) == (State.OPEN, ["téléphone"])
    assert officer.present(page).url.path == "/bureau"


def test_nothing_tells_of_a_key_before_the_code_was_right(house: House, officer: Officer) -> None:
    Officer(house, OTHER)
    answers = []
    for address in (OFFICER, OTHER, "nobody@example.org"):
        client = house.client()
        asked = client.post("/entrer", data={"email": address})
        wrong = client.post("/entrer/code", data={"code": "000 000"})
        early = client.get(KEY_STEP)
        sent = client.post(KEY_STEP, data={"passkey": "{}"})
        answers.append([(one.status_code, one.text, dict(one.headers)) for one in (asked, wrong, early, sent)])
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
def test_no_other_answer_signs_in_and_the_question_is_spent(house: House, officer: Officer, cheat: Cheat) -> None:
    page = officer.type_code()
    question = question_on(page.text)
    answer = officer.client.post(KEY_STEP, data={"passkey": cheat(officer.device).sign(question)})
    assert answer.status_code == 422
    assert REFUSED in answer.text
    assert Page(answer.text).field("email").name == "input"  # begins anew, where a letter is asked for
    assert not officer.inside()
    again = officer.client.post(KEY_STEP, data={"passkey": officer.device.sign(question)})
    assert again.status_code == 410
    assert LATE in again.text
    assert not officer.inside()


def test_another_officers_key_is_not_this_ones(house: House, officer: Officer) -> None:
    other = Officer(house, OTHER)
    other.type_code()
    other.add()
    page = officer.type_code()
    answer = officer.client.post(KEY_STEP, data={"passkey": other.device.sign(question_on(page.text))})
    assert (answer.status_code, officer.inside()) == (422, False)


def test_an_answer_serves_once_in_one_browser_for_one_question(house: House, officer: Officer) -> None:
    page = officer.type_code()
    signed = officer.device.sign(question_on(page.text))
    thief = house.client()
    assert thief.post(KEY_STEP, data={"passkey": signed}).status_code == 410  # overheard, without the cookie
    half = officer.client.cookies["entree"]
    assert officer.client.post(KEY_STEP, data={"passkey": signed}).url.path == "/bureau"
    thief.cookies.set("entree", half)
    assert thief.post(KEY_STEP, data={"passkey": signed}).status_code == 410
    assert not officer.inside(thief)
    officer.type_code(thief)  # even with another right code
    assert thief.post(KEY_STEP, data={"passkey": signed}).status_code == 422
    assert not officer.inside(thief)


def test_a_question_lasts_five_minutes_and_is_forgotten(house: House, officer: Officer, clock: StoppedClock) -> None:
    page = officer.type_code()
    clock.forward(minutes=5, seconds=-1)
    assert officer.client.get(KEY_STEP).status_code == 200
    clock.forward(seconds=1)
    assert officer.client.get(KEY_STEP).status_code == 410
    assert officer.present(page).status_code == 410
    assert not officer.inside()
    officer.type_code()
    clock.forward(minutes=5)
    worker.tidy(house.database, clock)
    with house.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Challenge)) == 0


def test_opening_the_page_changes_nothing(house: House, officer: Officer) -> None:
    page = officer.type_code()
    before = house.contents()
    assert question_on(officer.client.get(KEY_STEP).text) == question_on(page.text)
    assert house.contents() == before


def test_a_key_whose_count_goes_back_has_a_copy_and_is_refused(
    house: House, officer: Officer, clock: StoppedClock
) -> None:
    copy = replace(officer.device)
    officer.sign_in()
    officer.client.post("/sortir")
    officer.sign_in()
    officer.client.post("/sortir")
    assert (officer.device.uses, copy.uses) == (2, 0)
    clock.forward(minutes=15)  # for more letters
    for uses in (1, 0, -1):  # the same count, one less, none at all
        copy.uses = uses
        page = officer.type_code()
        answer = officer.client.post(KEY_STEP, data={"passkey": copy.sign(question_on(page.text))})
        assert answer.status_code == 422
        assert COPIED in answer.text
        assert not officer.inside()
    assert officer.sign_in().url.path == "/bureau"


def test_a_key_that_does_not_count_is_taken_again_and_a_high_count_held(house: House, officer: Officer) -> None:
    for uses in (0, 0, 2**32 - 1):
        officer.device.uses = uses - 1
        assert officer.sign_in().url.path == "/bureau"
    officer.device.uses = -1
    assert officer.sign_in().status_code == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Vote.Example.org", "https://vote.example.org"),
        ("https://vote.example.org:443", "https://vote.example.org"),
        ("http://vote.example.org:443", "http://vote.example.org:443"),
    ],
)
def test_the_site_is_known_by_its_address_however_that_is_written(
    settings: Settings, clock: StoppedClock, address: str, origin: str
) -> None:
    with open_house(replace(settings, public_url=address), clock) as house:
        officer = Officer(house)
        officer.client.base_url = address
        officer.device = Authenticator(origin=origin, party="vote.example.org")
        officer.type_code()
        officer.add()
        assert keys_of(house) == ["téléphone"]


def test_many_who_send_one_answer_at_once_open_one_session(house: House, officer: Officer) -> None:
    question = question_on(officer.type_code().text)
    cookie, signed = officer.client.cookies["entree"], officer.device.sign(question)
    barrier = threading.Barrier(8)

    def enter(_: int) -> bool:
        barrier.wait()
        with suppress(Expired):
            return bool(passkeys.enter(house.database, SITE, cookie, signed, house.clock.now()))
        return False

    with ThreadPoolExecutor(8) as hands:
        assert sum(hands.map(enter, range(8))) == 1


def test_no_process_reads_the_library_before_a_key_answers() -> None:
    asked = "import sys, vote.app, vote.cli; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert "'vote'" in loaded
    assert "'fido2'" not in loaded
