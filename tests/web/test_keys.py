"""Cookies and links are worth something only as long as one of our secrets has signed them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages_inspector import Page
from people import CONTEST, House, StoppedClock, Voter, open_house, settings_for
from starlette.testclient import TestClient

from vote import envelope
from vote.envelope import FilledBallot

OLD, NEW = "o" * 40, "n" * 40
NO_BALLOT = "Ce navigateur ne tient aucun bulletin en attente"


class Street:
    """Where the house may be rebuilt with other secrets while people keep their browsers and letters."""

    def __init__(self, database_url: str, folder: Path, clock: StoppedClock) -> None:
        self.database_url, self.folder, self.clock = database_url, folder, clock

    @contextmanager
    def house(self, *secrets: str) -> Iterator[House]:
        with open_house(settings_for(self.database_url, self.folder, secrets=secrets), self.clock) as house:
            yield house


@pytest.fixture
def street(database_url: str, tmp_path: Path, clock: StoppedClock) -> Street:
    return Street(database_url, tmp_path, clock)


def move(voter: Voter, house: House) -> None:
    cookies = voter.browser.cookies
    voter.house = house
    voter.change_browser()
    voter.browser.cookies.update(cookies)


def test_votes_under_way_survive_a_new_secret(street: Street) -> None:
    with street.house(OLD) as house:
        by_code, by_link = house.voter("marie@example.org"), house.voter("paul@example.org")
        by_code.choose("ilot-femmes")
        by_link.choose("permis-de-construire")
        code, link = by_code.code(), by_link.link()
    with street.house(NEW, OLD) as house:
        move(by_code, house)
        move(by_link, house)
        assert by_code.type_code(code).status_code == 200
        assert Page(by_link.browser.get(link).text).chosen() == ["permis-de-construire"]
        assert by_link.browser.post(link).status_code == 200
        assert house.ballots() == {"ilot-femmes": 1, "permis-de-construire": 1}
    with street.house(NEW) as house:
        move(by_code, house)
        assert by_code.browser.get("/recu").status_code == 200


def test_jurors_and_officers_stay_where_they_are_when_the_secret_changes(street: Street) -> None:
    with street.house(OLD) as house:
        cookie = house.juror().client.cookies["salle"]
    with street.house(NEW) as house:
        browser = house.client()
        browser.cookies.set("salle", cookie)
        assert browser.get("/jury").status_code == 200


def test_what_a_dropped_secret_signed_is_as_if_it_were_not_there(street: Street) -> None:
    with street.house(OLD) as house:
        voter = house.voter("marie@example.org")
        voter.choose("ilot-femmes")
        code, link = voter.code(), voter.link()
    with street.house(NEW) as house:
        move(voter, house)
        answer = voter.type_code(code)
        assert answer.status_code == 410
        assert NO_BALLOT in Page(answer.text).text()
        assert voter.browser.get(link).status_code == 404
        assert house.ballots() == {}
        voter.vote("ilot-femmes")
        assert house.ballots() == {"ilot-femmes": 1}


def test_an_altered_cookie_is_as_if_it_were_not_there(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose("ilot-femmes")
    code, cookie = voter.code(), voter.browser.cookies["bulletin"]
    content, _, signature = cookie.rpartition(".")
    elsewhere = FilledBallot(envelope.new_verification_id(house.clock.now()), envelope.new_ballot_code(), "ilot-femmes")
    for altered in (
        "",
        "x",
        content,
        f".{signature}",
        f"{content[:-1]}{'A' if content[-1] != 'A' else 'B'}.{signature}",
        f"{content}.{signature[::-1]}",
        envelope.seal(house.station.keys, "coup-de-coeur-2020", elsewhere),
        house.station.keys.seal("another purpose", {"v": "", "b": ""}),
        house.station.keys.sign_id(f"ballot:{CONTEST}", b"\0" * 16),
    ):
        give(voter.browser, altered)
        answer = voter.type_code(code)
        assert answer.status_code == 410, altered
        assert NO_BALLOT in Page(answer.text).text(), altered
        assert Page(voter.open_link().text).chosen() == [], altered
        assert voter.browser.get("/recu").status_code == 404, altered
    assert house.ballots() == {}
    give(voter.browser, cookie)
    assert voter.type_code(code).status_code == 200


def test_the_ballots_cookie_stays_between_the_browser_and_this_site(house: House) -> None:
    form = {"laureate": "ilot-femmes", "email": "marie@example.org"}
    given = house.client().post("/bulletin", data=form, follow_redirects=False).headers["set-cookie"]
    assert given.startswith("bulletin=")
    assert set(given.lower().split("; ")[1:]) == {"httponly", "max-age=86400", "path=/", "samesite=lax"}


def test_over_https_the_cookie_is_bound_to_it(database_url: str, tmp_path: Path, clock: StoppedClock) -> None:
    settings = settings_for(database_url, tmp_path, public_url="https://vote.example.org")
    form = {"laureate": "ilot-femmes", "email": "marie@example.org"}
    with open_house(settings, clock) as house:
        answer = house.client().post("/bulletin", data=form, follow_redirects=False)
    assert answer.headers["set-cookie"].startswith("__Host-bulletin=")
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_once_the_ballot_is_cast_the_cookie_forgets_the_choice_and_the_address(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.vote("ilot-femmes")
    held = envelope.unseal(house.station.keys, CONTEST, voter.browser.cookies["bulletin"])
    assert held is not None
    assert (held.laureate, held.email) == (None, "")


def give(browser: TestClient, cookie: str) -> None:
    browser.cookies.clear()
    browser.cookies.set("bulletin", cookie)
