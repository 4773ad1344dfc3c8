"""Jurors and officers enter by a mailed code or link, and by nothing else."""

from __future__ import annotations

import re
import time

import pytest
from httpx2 import Response
from people import House, StoppedClock, text_of
from starlette.testclient import TestClient

from vote.models import Role
from vote.web.sign_in import ANSWER_SECONDS

JUROR = "juror@example.org"
WRONG = "Ce code n’est pas le bon"
LATE = "n’est plus valable"
CODE_COOKIE, ROOM_COOKIE = "entree", "salle"


@pytest.fixture(autouse=True)
def members(house: House) -> None:
    house.enter(Role.JUROR)
    house.enter(Role.OFFICER)


def ask(client: TestClient, address: str = JUROR) -> Response:
    return client.post("/entrer", data={"email": address})


def mailed(house: House, address: str = JUROR) -> tuple[str, str]:
    """The code and the path of the link in the last letter."""
    text = text_of(house.letters(address)[0])
    code, link = re.search(r"\b\d{3} \d{3}\b", text), re.search(r"(/entrer/\S+)", text)
    assert code
    assert link
    return code.group(), link.group()


def enter_by_code(client: TestClient, code: str) -> Response:
    return client.post("/entrer/code", data={"code": code})


def other_than(code: str) -> str:
    return f"{(int(code.replace(' ', '')) + 1) % 10**6:06d}"


def test_a_juror_enters_by_code(house: House) -> None:
    client = house.client()
    assert "une lettre vient de partir" in ask(client).text
    page = enter_by_code(client, mailed(house)[0])
    assert (page.status_code, page.url.path) == (200, "/jury")
    assert CODE_COOKIE not in client.cookies


def test_an_officer_enters_by_link_and_opening_it_opens_nothing(house: House) -> None:
    client = house.client()
    ask(client, "officer@example.org")
    _, link = mailed(house, "officer@example.org")
    before = house.contents()
    page = client.get(link)
    assert page.status_code == 200
    assert f'action="{link}"' in page.text
    assert client.head(link).status_code == 200
    assert house.contents() == before
    assert client.get("/bureau").url.path == "/entrer"
    assert client.post(link).url.path == "/bureau"


def test_a_link_serves_once_and_so_does_its_code(house: House) -> None:
    client = house.client()
    ask(client)
    code, link = mailed(house)
    client.post(link)
    other = house.client()
    for answer in (other.get(link), other.post(link)):
        assert answer.status_code == 410
        assert LATE in answer.text
    assert enter_by_code(client, code).status_code == 422
    assert other.get("/jury").url.path == "/entrer"


def test_a_code_works_only_where_it_was_asked_for(house: House) -> None:
    ask(house.client())
    page = enter_by_code(house.client(), mailed(house)[0])
    assert page.status_code == 422
    assert WRONG in page.text


def test_a_code_may_be_tried_five_times(house: House) -> None:
    client = house.client()
    ask(client)
    code, link = mailed(house)
    for _ in range(5):
        page = enter_by_code(client, other_than(code))
        assert page.status_code == 422
        assert 'aria-invalid="true"' in page.text
    assert enter_by_code(client, code).status_code == 422
    assert client.post(link).url.path == "/jury"


def test_four_wrong_codes_leave_one_good_try(house: House) -> None:
    client = house.client()
    ask(client)
    code, _ = mailed(house)
    for _ in range(4):
        enter_by_code(client, other_than(code))
    assert enter_by_code(client, code).url.path == "/jury"


def test_codes_and_links_last_a_quarter_of_an_hour(house: House, clock: StoppedClock) -> None:
    client = house.client()
    ask(client)
    code, link = mailed(house)
    clock.forward(minutes=15)
    assert enter_by_code(client, code).status_code == 422
    assert client.get(link).status_code == client.post(link).status_code == 410


def test_an_unknown_address_gets_the_same_page_and_no_letter(house: House) -> None:
    known, unknown = house.client(), house.client()
    pages = [ask(known).text, ask(unknown, "marie@example.org").text]
    assert pages[0] == pages[1]
    assert known.cookies.keys() == unknown.cookies.keys()
    assert not house.letters("marie@example.org")
    wrong = [enter_by_code(client, "000 000").text for client in (known, unknown)]
    assert wrong[0] == wrong[1]


def test_a_spelling_of_the_members_address_is_that_member(house: House) -> None:
    client = house.client()
    ask(client, "Juror+prix@Example.org")
    assert enter_by_code(client, mailed(house, "Juror+prix@Example.org")[0]).url.path == "/jury"


def test_an_address_that_is_none_is_told_beside_its_field(house: House) -> None:
    for typed in ("", "juror", "juror@example.org\nBcc: eve@example.org"):
        page = ask(house.client(), typed)
        assert page.status_code == 422
        assert 'aria-describedby="email-hint email-error"' in page.text


def test_an_altered_link_and_a_voters_link_open_no_room(house: House) -> None:
    voter = house.voter(JUROR)
    voter.choose()
    for token in ("x", "x.y", "AAAAAAAAAAAAAAAAAAAAAA.AAAA", "é", voter.link().removeprefix("/confirmation/")):
        client = house.client()
        assert client.get(f"/entrer/{token}").status_code == client.post(f"/entrer/{token}").status_code == 410


def test_a_member_gets_five_letters_in_a_quarter_of_an_hour_and_the_page_says_the_same(
    house: House, clock: StoppedClock
) -> None:
    pages = {ask(house.client()).text for _ in range(7)}
    assert len(pages) == 1
    assert len(house.letters(JUROR)) == 5
    ask(house.client(), "officer@example.org")
    assert len(house.letters("officer@example.org")) == 1
    clock.forward(minutes=15)
    ask(house.client())
    assert len(house.letters(JUROR)) == 6


def test_who_guesses_codes_all_day_is_refused_the_right_one_too_but_not_the_link(
    house: House, clock: StoppedClock
) -> None:
    for _ in range(4):
        client = house.client()
        ask(client)
        code, link = mailed(house)
        for _ in range(5):
            enter_by_code(client, other_than(code))
        clock.forward(minutes=16)
    client = house.client()
    ask(client)
    code, link = mailed(house)
    page = enter_by_code(client, code)
    assert page.status_code == 422
    assert "ou ouvrez son lien" in page.text
    assert client.post(link).url.path == "/jury"
    clock.forward(days=1)
    client = house.client()
    ask(client)
    assert enter_by_code(client, mailed(house)[0]).url.path == "/jury"


def test_many_guesses_at_several_members_stop_the_codes_of_all(house: House) -> None:
    names = [f"juror{number}@example.org" for number in range(5)]
    for name in names:
        house.enter(Role.JUROR, name)
        for _ in range(4):
            client = house.client()
            ask(client, name)
            wrong = other_than(mailed(house, name)[0])
            for _ in range(5):
                enter_by_code(client, wrong)
    client = house.client()
    ask(client)
    code, link = mailed(house)
    assert enter_by_code(client, code).status_code == 422
    assert client.post(link).url.path == "/jury"


def test_the_answer_takes_its_time_whoever_asks(house: House) -> None:
    for address in (JUROR, "marie@example.org"):
        started = time.monotonic()
        ask(house.client(), address)
        assert time.monotonic() - started >= ANSWER_SECONDS


def test_a_new_sign_in_ends_the_session_this_browser_had(house: House) -> None:
    client = house.client()
    ask(client)
    enter_by_code(client, mailed(house)[0])
    first = client.cookies[ROOM_COOKIE]
    ask(client)
    enter_by_code(client, mailed(house)[0])
    assert client.cookies[ROOM_COOKIE] != first
    other = house.client()
    other.cookies.set(ROOM_COOKIE, first)
    assert other.get("/jury").url.path == "/entrer"
    assert client.get("/jury").status_code == 200
