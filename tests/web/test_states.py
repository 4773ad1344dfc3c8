"""What the contest is at a moment decides what its pages offer; between two steps nothing is left half done."""

from datetime import timedelta

from pages_inspector import Page
from people import EDITION, House, receipt_of

from vote import contests, editions

MARIE = "marie@example.org"
LAST_MOMENT = EDITION.closes_at - timedelta(seconds=1)
CLOSED = "Le vote est clos depuis le jeudi 21\u00a0novembre\u00a02019 à\u00a023\u00a0h\u00a059"


def test_before_the_opening_the_laureates_are_shown_and_no_ballot_is_taken(house: House) -> None:
    house.clock.moment = EDITION.opens_at - timedelta(seconds=1)
    voter = house.voter(MARIE)
    home = Page(voter.browser.get("/").text)
    assert all(laureate.name in home.text("main") for laureate in EDITION.laureates)
    assert "Le vote ouvre le jeudi 7\u00a0novembre\u00a02019 à\u00a00\u00a0h\u00a000" in home.text("main")
    assert not home.all("form")
    before = house.contents()
    answer = voter.choose()
    assert answer.status_code == 409
    assert "Le vote n’est pas encore ouvert" in Page(answer.text).text("h1")
    assert house.contents() == before
    house.clock.forward(seconds=1)
    voter.vote()
    assert house.ballots() == {"ilot-femmes": 1}


def test_after_the_deadline_no_letter_is_asked_for(house: House) -> None:
    house.clock.moment = EDITION.closes_at
    before = house.contents()
    answer = house.voter(MARIE).choose()
    assert answer.status_code == 409
    assert CLOSED in Page(answer.text).text("h1")
    assert not Page(house.client().get("/").text).all("form")
    assert house.contents() == before


def test_a_deadline_between_the_two_steps_is_told_in_one_sentence_and_nothing_is_half_done(house: House) -> None:
    house.clock.moment = LAST_MOMENT
    voters = [house.voter(f"voter{number}@example.org") for number in range(3)]
    for voter in voters:
        voter.choose()
    first, second, third = voters
    codes = [voter.code() for voter in voters]
    receipt = receipt_of(first.type_code(codes[0]).text)
    house.clock.forward(seconds=1)
    before = house.contents()
    for answer in (second.type_code(codes[1]), third.press_button(), third.press_button(laureate="ilot-femmes")):
        assert answer.status_code == 409
        assert CLOSED in Page(answer.text).text("h1")
        assert "ce bulletin n’a pas été compté" in Page(answer.text).text("h1")
    assert house.contents() == before
    assert receipt_of(first.type_code(codes[0]).text) == receipt
    assert house.ballots() == {"ilot-femmes": 1}


def test_an_earlier_closure_between_the_two_steps_is_told_with_its_own_moment(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    house.officer().close()
    answer = voter.type_code()
    assert answer.status_code == 409
    assert "clos depuis le lundi 18\u00a0novembre\u00a02019 à\u00a010\u00a0h\u00a000" in Page(answer.text).text("h1")
    assert house.ballots() == {}


def test_whoever_had_voted_is_told_so_after_the_closure_too(house: House) -> None:
    voter, elsewhere = house.voter(MARIE), house.voter(MARIE)
    elsewhere.choose()
    code = elsewhere.code()
    house.clock.forward(minutes=1)
    voter.vote()
    house.officer().close()
    assert elsewhere.type_code(code).status_code == 409
    assert "Votre vote est déjà compté" in elsewhere.type_code(code).text


def test_after_the_publication_the_first_page_leads_to_the_results(house: House) -> None:
    officer = house.officer()
    officer.close()
    officer.publish()
    home = Page(house.client().get("/").text)
    assert "les résultats sont proclamés" in home.text("main")
    assert "/resultats" in {
        link.attributes["href"] for link in home.all("a") if link.attributes.get("class") == "button"
    }
    assert house.voter(MARIE).choose().status_code == 409


def test_a_laureate_who_left_the_ballot_before_anybody_voted_is_chosen_again(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose("permis-de-construire")
    document = EDITION.document()
    document["laureates"] = [one for one in document["laureates"] if one["slug"] != "permis-de-construire"]
    contests.load(house.database, editions.from_document(document), house.clock.now(), "les tests")
    assert Page(voter.browser.get("/confirmation").text).chosen() == []
    answer = voter.type_code()
    assert answer.status_code == 422
    assert Page(answer.text).wrong_fields() == ["laureate"]
    assert voter.type_code(laureate="ilot-femmes").status_code == 200


def test_each_laureate_has_a_page_with_sources(house: House) -> None:
    for laureate in EDITION.laureates:
        page = Page(house.client().get(f"/laureats/{laureate.slug}").text)
        assert page.text("h1") == laureate.name
        assert laureate.summary.fr in page.text("main")
        assert {source.url for source in laureate.sources if source.url} <= {
            link.attributes["href"] for link in page.all("a")
        }
