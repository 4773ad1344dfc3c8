"""A session of a juror or an officer: what holds it, and what ends it."""

from __future__ import annotations

import re
from dataclasses import replace

from people import House, StoppedClock, open_house, text_of

from vote.models import Role
from vote.settings import Settings

JUROR = "juror@example.org"
CODE_COOKIE, ROOM_COOKIE = "entree", "salle"


def test_an_altered_cookie_is_nobodys(house: House) -> None:
    client = house.client()
    for value in ("", "x", "é", "AAAA", "====", "A" * 4000, house.juror().client.cookies[ROOM_COOKIE][:-1]):
        headers = [(b"cookie", f"{CODE_COOKIE}={value}; {ROOM_COOKIE}={value}".encode())]
        assert client.get("/jury", headers=headers).url.path == "/entrer"
        assert client.post("/entrer/code", data={"code": "123 456"}, headers=headers).status_code == 422


def test_leaving_closes_this_session_and_no_other(house: House) -> None:
    here, there = house.juror().client, house.juror().client
    cookie = here.cookies[ROOM_COOKIE]
    assert "Sortir" in here.get("/jury").text
    assert here.post("/sortir").url.path == "/"
    assert ROOM_COOKIE not in here.cookies
    here.cookies.set(ROOM_COOKIE, cookie)
    assert here.get("/jury").url.path == "/entrer"
    assert there.get("/jury").status_code == 200


def test_a_session_ends_after_twelve_hours(house: House, clock: StoppedClock) -> None:
    client = house.juror().client
    clock.forward(hours=12, seconds=-1)
    assert client.get("/jury").status_code == 200
    clock.forward(seconds=1)
    assert client.get("/jury").url.path == "/entrer"


def test_the_act_of_an_ended_session_is_refused_with_advice(house: House, clock: StoppedClock) -> None:
    officer = house.officer()
    clock.forward(hours=12)
    answer = officer.close()
    assert answer.status_code == 403
    assert "entrez de nouveau" in answer.text
    assert "Le vote est <strong>ouvert</strong>" in house.officer().client.get("/bureau").text


def test_another_role_takes_the_sessions_of_the_old_one_back(house: House) -> None:
    client = house.juror().client
    house.enter(Role.OFFICER, JUROR)
    assert client.get("/jury").url.path == "/entrer"


def test_cookies_are_for_this_site_alone(settings: Settings, clock: StoppedClock) -> None:
    with open_house(replace(settings, public_url="https://vote.example.org"), clock) as house:
        house.enter(Role.JUROR)
        client = house.client()
        client.base_url = "https://vote.example.org"
        asked = client.post("/entrer", data={"email": JUROR}, follow_redirects=False)
        link = re.search(r"/entrer/\S+", text_of(house.letters(JUROR)[0]))
        assert link is not None
        entered = client.post(link.group(), follow_redirects=False)
        for answer, name in ((asked, CODE_COOKIE), (entered, ROOM_COOKIE)):
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith(f"__Host-{name}=")
            words = {word.strip().lower() for word in cookie.split(";")[1:]}
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= words
            assert not any(word.startswith("domain") for word in words)
        assert client.get("/jury").status_code == 200


def test_without_https_cookies_are_still_out_of_reach_of_scripts(house: House) -> None:
    cookie = house.client().post("/entrer", data={"email": JUROR}, follow_redirects=False).headers["set-cookie"]
    assert cookie.startswith(f"{CODE_COOKIE}=")
    assert "HttpOnly" in cookie
