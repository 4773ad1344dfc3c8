"""Rooms have doors: a juror is no officer, the public is neither, and no address is without a rule."""

from __future__ import annotations

import pytest
from people import House

from vote.errors import Misuse
from vote.languages import LANGUAGES
from vote.models import Role
from vote.web import doors
from vote.web.routes import TABLE, routes

ADDRESSES = [path for path, *_ in TABLE]
IN_ROOMS = [(path, show, act) for path, show, act, _ in TABLE if doors.keeper(path)]


def test_every_address_of_the_site_has_one_rule() -> None:
    doors.check(ADDRESSES)
    assert {path for path in ADDRESSES if doors.keeper(path) is None} | {"/static/{name}"} == doors.PUBLIC
    assert len(routes()) == len(LANGUAGES) * len(set(ADDRESSES)) + 1


def test_an_address_without_a_rule_stops_the_application_at_start() -> None:
    for path in ("/nouveau", "/jurys", "/jury-public", "/Jury", "", "/bulletin/{slug}"):
        with pytest.raises(Misuse, match="has no single access rule"):
            doors.check(["/", path])


def test_the_public_is_led_to_the_entrance(house: House) -> None:
    client = house.client()
    for path, show, act in IN_ROOMS:
        if show:
            for method in ("GET", "HEAD"):
                answer = client.request(method, path, follow_redirects=False)
                assert (answer.status_code, answer.headers["location"]) == (303, "/entrer"), path
        if act:
            assert client.post(path, data={}).status_code == 403, path


def test_a_juror_has_no_say_in_the_bureau_and_an_officer_no_sight_of_the_count(house: House) -> None:
    members = {Role.JUROR: house.juror(), Role.OFFICER: house.officer()}
    before = house.contents()
    for path, show, act in IN_ROOMS:
        stranger = members[Role.OFFICER if doors.keeper(path) is Role.JUROR else Role.JUROR]
        for answer in (
            *([stranger.client.get(path), stranger.client.head(path)] if show else []),
            *([stranger.client.post(path, data={"reason": "x", "word": "CLORE"})] if act else []),
        ):
            assert answer.status_code == 403, path
        assert (
            "Cette salle n’est pas la vôtre" in (stranger.client.get(path) if show else stranger.client.post(path)).text
        )
    assert house.contents() == before


def test_no_spelling_of_a_room_opens_it(house: House) -> None:
    client = house.client()
    for path in ("/jury/", "/jury//", "/%6aury", "/jury%2fflux", "/JURY", "/bureau/", "/./jury", "/bulletin/../bureau"):
        page = client.get(path)
        assert page.url.path == "/entrer" or page.status_code == 404, path
