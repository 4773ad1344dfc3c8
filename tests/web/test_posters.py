"""The posters at the door: public pages are set once for everybody, and set anew the moment they are no longer true."""

from __future__ import annotations

import time

import pytest
from people import CONTEST, EDITION, House

from vote import contests
from vote.web.routes import POSTED, TABLE

LAST = EDITION.laureates[0].slug
PUBLIC = ["/", f"/laureats/{LAST}", "/urne", "/resultats", "/reglement", "/donnees-personnelles", "/accessibilite"]


@pytest.mark.parametrize("address", [*PUBLIC, *(f"/en{path}" for path in PUBLIC[1:]), "/en/"])
def test_a_poster_is_the_same_whoever_asks_and_gives_no_cookie(house: House, address: str) -> None:
    voter, officer = house.voter("marie@example.org"), house.officer()
    voter.choose()
    answers = [client.get(address) for client in (voter.browser, officer.client, house.client())]
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=10"
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert "set-cookie" not in answer.headers
        assert "cookie" not in answer.headers["vary"].lower()


def test_what_depends_on_the_visitor_is_no_poster(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    for address in ("/confirmation", voter.link(), "/urne?code=0000-0000-0000-0000", "/entrer"):
        assert voter.browser.get(address).headers["cache-control"] == "no-store", address
    personal = {show for path, show, act, _ in TABLE if path.startswith(("/confirmation", "/recu", "/jury", "/bureau"))}
    assert not personal & POSTED


def test_who_has_the_page_is_told_that_it_is_unchanged(house: House) -> None:
    browser = house.client()
    page = browser.get("/reglement")
    again = browser.get("/reglement", headers={"If-None-Match": f'"another", {page.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == page.headers["etag"]
    assert browser.get("/reglement", headers={"If-None-Match": '"another"'}).content == page.content


def test_the_page_travels_packed_where_the_browser_unpacks(house: House) -> None:
    browser = house.client()
    packed = browser.get("/", headers={"Accept-Encoding": "gzip"})
    plain = browser.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.headers["etag"] == plain.headers["etag"]


def test_a_head_has_the_headers_of_the_page(house: House) -> None:
    browser = house.client()
    head, page = browser.head("/"), browser.get("/")
    assert head.headers["content-length"] == page.headers["content-length"]


def test_each_language_has_its_own(house: House) -> None:
    browser = house.client()
    assert '<html lang="fr">' in browser.get("/").text
    assert '<html lang="en">' in browser.get("/en/").text


def test_an_officers_closure_is_on_every_page_at_once(house: House) -> None:
    browser, officer = house.client(), house.officer()
    for client in (browser, officer.client):
        client.event_hooks["request"].clear()  # nobody looks in the place of this process
    assert "Recevoir mon code" in browser.get("/").text
    assert officer.close().status_code == 200
    assert "Recevoir mon code" not in browser.get("/").text


def test_what_another_node_does_is_on_the_pages_within_a_second(house: House) -> None:
    browser = house.client()
    browser.event_hooks["request"].clear()
    assert "Recevoir mon code" in browser.get("/").text
    contests.close(house.database, CONTEST, who="une autre", why="Essai", at=house.clock.now())
    deadline = time.monotonic() + 5
    while "Recevoir mon code" in browser.get("/").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_poster_never_outlives_the_deadline(house: House) -> None:
    browser = house.client()
    house.clock.moment = EDITION.closes_at
    house.clock.forward(seconds=-1)
    assert "Recevoir mon code" in browser.get("/").text
    house.clock.forward(seconds=1)
    assert "Recevoir mon code" not in browser.get("/").text


def test_an_unknown_laureate_is_not_kept(house: House) -> None:
    browser = house.client()
    for number in range(3):
        answer = browser.get(f"/laureats/nobody-{number}")
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_two_receipts_share_nothing_but_their_words(house: House) -> None:
    first, second = house.voter("a@example.org"), house.voter("b@example.org")
    codes = first.vote(), second.vote()
    assert codes[0] != codes[1]
    assert codes[0] not in second.browser.get("/recu").text


def test_a_wrong_code_of_one_is_shown_to_nobody_else(house: House) -> None:
    one, other = house.voter("one@example.org"), house.voter("other@example.org")
    one.choose(), other.choose()
    mine, theirs = one.type_code("12<3"), other.type_code("987")
    assert "12&lt;3" in mine.text
    assert "one@example.org" in mine.text
    assert "12&lt;3" not in theirs.text
    assert "one@example.org" not in theirs.text
