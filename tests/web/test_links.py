"""The link of the letter: it shows a page, and the button on it casts the ballot."""

import pytest
from pages_inspector import Page
from people import CONTEST, MORNING, House, Voter, receipt_of

from vote import addresses, envelope, staff
from vote.models import Role

MARIE = "marie@example.org"


@pytest.fixture
def marie(house: House) -> Voter:
    """Somebody who has sent the ballot and waits for the letter."""
    voter = house.voter(MARIE)
    voter.choose("ilot-femmes")
    return voter


def test_in_the_same_browser_the_link_shows_the_choice_and_a_button(house: House, marie: Voter) -> None:
    page = Page(marie.open_link().text)
    assert "Vous avez choisi L’Îlot Femmes" in page.text()
    assert page.chosen() == ["ilot-femmes"]
    answer = marie.press_button()
    assert answer.status_code == 200
    assert "Merci, votre vote est compté" in answer.text
    assert house.ballots() == {"ilot-femmes": 1}


def test_in_another_browser_the_choice_is_asked_again_and_nothing_is_ticked(house: House, marie: Voter) -> None:
    marie.change_browser()
    opened = marie.open_link()
    assert Page(opened.text).chosen() == []
    assert "Vous avez choisi" not in opened.text
    refused = marie.press_button()
    assert refused.status_code == 422
    assert Page(refused.text).wrong_fields() == ["laureate"]
    assert Page(refused.text).chosen() == []
    assert house.ballots() == {}
    assert marie.press_button(laureate="bien-etre-medical").status_code == 200
    assert house.ballots() == {"bien-etre-medical": 1}


def test_a_robot_that_opens_every_link_and_presses_every_button_casts_nothing(house: House, marie: Voter) -> None:
    robot = house.client()
    page = Page(robot.get(marie.link()).text)
    for form in page.all("form"):
        fields = [found.attributes for found in page.all("input") if form in found.around]
        kept = {found["name"]: found["value"] for found in fields if found["type"] == "hidden" or "checked" in found}
        robot.request(form.attributes["method"], form.attributes["action"], data=kept)
    assert page.all("form")
    assert house.ballots() == {}


def test_the_choice_may_change_until_the_confirmation(house: House, marie: Voter) -> None:
    assert marie.press_button(laureate="bien-etre-medical").status_code == 200
    paul = house.voter("paul@example.org")
    paul.choose("ilot-femmes")
    assert paul.type_code(laureate="permis-de-construire").status_code == 200
    assert house.ballots() == {"bien-etre-medical": 1, "permis-de-construire": 1}


def test_a_choice_of_nobody_on_the_ballot_is_named_and_casts_nothing(house: House, marie: Voter) -> None:
    code = marie.code()
    for answer in (marie.press_button(laureate="les-autres"), marie.type_code(code, laureate="les-autres")):
        assert answer.status_code == 422
        assert Page(answer.text).wrong_fields() == ["laureate"]
    assert Page(answer.text).field("code").attributes["value"] == code
    assert house.ballots() == {}


def test_pressing_again_shows_the_same_receipt_in_either_browser(house: House, marie: Voter) -> None:
    receipt = receipt_of(marie.press_button().text)
    again = marie.press_button()
    assert receipt_of(again.text) == receipt
    assert "déjà compté, voici le même code de suivi" in again.text

    paul = house.voter("paul@example.org")
    paul.choose()
    paul.change_browser()
    paul.open_link()
    receipt = receipt_of(paul.press_button(laureate="ilot-femmes").text)
    assert receipt_of(paul.press_button(laureate="ilot-femmes").text) == receipt
    assert receipt_of(paul.browser.get("/recu").text) == receipt
    assert house.ballots() == {"ilot-femmes": 2}


def test_elsewhere_a_link_already_used_tells_its_owner_that_the_vote_is_counted(house: House, marie: Voter) -> None:
    marie.press_button()
    marie.change_browser()
    marie.open_link()
    answer = marie.press_button(laureate="permis-de-construire")
    assert answer.status_code == 409
    assert Page(answer.text).text("h1") == "Votre vote est déjà compté"
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_link_that_has_expired_says_so_and_offers_another_letter(house: House, marie: Voter) -> None:
    link = marie.link()
    house.clock.forward(minutes=30)
    for answer in (marie.browser.get(link), marie.browser.post(link), house.client().get(link)):
        page = Page(answer.text)
        assert answer.status_code == 410
        assert "Ce code ou ce lien n’est plus valable : demandez une nouvelle lettre" in page.text()
        assert link not in {form.attributes["action"] for form in page.all("form")}
    page = Page(marie.open_link().text)
    assert page.field("email").attributes["value"] == MARIE
    assert house.ballots() == {}


def test_once_the_vote_is_counted_no_page_of_that_browser_says_that_it_is_not(house: House, marie: Voter) -> None:
    link, code = marie.link(), marie.code()
    receipt = receipt_of(marie.press_button().text)
    for moment in ("at once", "when the letter has expired"):
        for address in ("/confirmation", link):
            answer = marie.browser.get(address)
            assert receipt_of(answer.text) == receipt, moment
            assert "pas encore compté" not in answer.text, moment
        assert receipt_of(marie.type_code(code).text) == receipt, moment
        house.clock.forward(minutes=31)


def test_a_link_altered_or_made_for_something_else_is_not_found(house: House, marie: Voter) -> None:
    keys, token = house.station.keys, marie.link().rpartition("/")[2]
    identifier = envelope.read_link_token(keys, CONTEST, token) or b""
    address = addresses.parse("juror@example.org")
    staff.add(house.database, CONTEST, address, "Camille", Role.JUROR, MORNING, "les tests")
    forgeries = {
        "cut short": token[:-1],
        "one letter changed": ("A" if token[0] != "A" else "B") + token[1:],
        "of another contest": envelope.link_token(keys, "coup-de-coeur-2020", identifier),
        "of another purpose": keys.sign_id("sign-in", identifier),
        "of a juror": staff.invite(house.database, keys, address, MORNING),
        "not signed": token.partition(".")[0],
        "of another alphabet": "é.à",
        "a cookie": envelope.seal(keys, CONTEST, envelope.FilledBallot(identifier, envelope.new_ballot_code())),
    }
    before = house.contents()
    for name, forged in forgeries.items():
        for method in ("GET", "POST"):
            answer = marie.browser.request(method, f"/confirmation/{forged}", data={"laureate": "ilot-femmes"})
            assert answer.status_code == 404, name
            assert "Ce lien est incomplet ou abîmé" in Page(answer.text).text("h1"), name
    assert house.contents() == before


def test_reading_a_link_changes_nothing_in_any_table(house: House, marie: Voter) -> None:
    link = marie.link()
    before = house.contents()
    for browser in (marie.browser, house.client()):
        for method in ("GET", "HEAD", "GET"):
            assert browser.request(method, link).status_code == 200
    house.clock.forward(minutes=30)
    assert [house.client().request(method, link).status_code for method in ("GET", "HEAD")] == [410, 410]
    assert house.contents() == before
    assert before["verifications"]
