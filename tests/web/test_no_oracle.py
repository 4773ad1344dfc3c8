"""Nobody learns from the site whether an address has voted: only its own mailbox is told."""

import logging
from dataclasses import dataclass, field

import pytest
from httpx2 import Response
from people import House, Voter, text_of

VOTED, FRESH = "marie.a@example.org", "marie.b@example.org"


@dataclass
class Stranger:
    """Somebody who tries everything with an address, and keeps every answer."""

    voter: Voter
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)

    def note(self, *answers: Response) -> None:
        for answer in answers:
            headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
            cookies = sorted(cookie.partition("=")[0] for cookie in answer.headers.get_list("set-cookie"))
            text = answer.text.replace(self.voter.address, "…").replace(self.voter.address.upper(), "…")
            self.answers.append((answer.status_code, headers | {"cookies": repr(cookies)}, text))

    def try_everything(self, house: House) -> None:
        browser, address = self.voter.browser, self.voter.address
        form = {"laureate": "ilot-femmes", "email": address}
        self.note(browser.post("/bulletin", data=form, follow_redirects=False), browser.get("/confirmation"))
        self.note(browser.head("/confirmation"), browser.get("/recu"), browser.get("/"))
        house.carry_letters()
        self.note(browser.get("/confirmation"), browser.post("/bulletin", data=form, follow_redirects=False))
        self.note(*(browser.post("/confirmation", data={"code": f"{guess:06d}"}) for guess in range(6)))
        self.note(browser.post("/confirmation", data={"code": ""}), browser.get("/confirmation"))
        self.note(browser.post("/bulletin", data={"email": address}))
        self.note(browser.post("/bulletin", data={"laureate": "x", "email": f" {address.upper()} "}))
        self.note(browser.post("/entrer", data={"email": address}, follow_redirects=False))
        self.note(browser.get("/resultats"), browser.get("/urne", params={"code": "0000-0000-0000-0000"}))


def test_the_site_answers_alike_for_an_address_that_has_voted_and_one_that_has_not(house: House) -> None:
    house.voter(VOTED).vote()
    strangers = [Stranger(house.voter(address)) for address in (VOTED, FRESH)]
    for stranger in strangers:
        stranger.try_everything(house)
    voted, fresh = strangers
    assert {status for status, *_ in voted.answers} == {200, 303, 404, 410, 422}
    for one, other in zip(voted.answers, fresh.answers, strict=True):
        assert one == other


def test_the_difference_lies_in_the_mailbox_alone(house: House) -> None:
    house.voter(VOTED).vote()
    told, asked = house.voter(VOTED), house.voter(FRESH)
    told.choose()
    asked.choose()
    assert told.letter()["Subject"] == "Votre vote est déjà compté"
    assert "/confirmation/" not in text_of(told.letter())
    assert asked.letter()["Subject"] == "Votre code pour confirmer votre vote"
    assert "/confirmation/" in text_of(asked.letter())


ONE_REQUEST = {"verifications": 1, "outbox": 1, "signals": 2}


def test_the_tables_that_serve_both_look_alike_too(house: House) -> None:
    house.voter(VOTED).vote()
    house.clock.forward(days=1)  # how often letters were asked for is counted by the day
    house.voter("jean@example.org").choose()
    before = house.contents()
    grown = []
    for address in (VOTED, FRESH):
        house.voter(address).choose()
        after = house.contents()
        grown.append({name: len(after[name]) - len(before[name]) for name in after})
        before = after
    assert grown[0] == grown[1] == {name: ONE_REQUEST.get(name, 0) for name in before}


def test_no_line_of_the_log_holds_an_address_a_code_or_a_link(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    voter = house.voter(VOTED)
    voter.choose()
    code, link = voter.code(), voter.link()
    voter.open_link()
    voter.type_code("000000")
    voter.type_code(code)
    # What the tests' own browser writes is not ours.
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx2", "httpcore2"))]
    for secret in (VOTED, code, code.replace(" ", ""), link.rpartition("/")[2]):
        assert not [line for line in lines if secret in line]
