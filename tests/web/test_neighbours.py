"""People who share a browser or know each other's address: nobody votes, blocks or learns for anybody else."""

from pages_inspector import Page
from people import House, receipt_of

MARIE, PAUL = "marie@example.org", "paul@example.org"


def test_two_persons_vote_one_after_the_other_in_one_browser(house: House) -> None:
    marie, paul = house.voter(MARIE), house.voter(PAUL)
    paul.browser = marie.browser
    first = marie.vote("ilot-femmes")
    second = paul.vote("permis-de-construire")
    assert first != second
    assert receipt_of(paul.browser.get("/recu").text) == second
    assert house.ballots() == {"ilot-femmes": 1, "permis-de-construire": 1}


def test_two_persons_whose_steps_cross_in_one_browser_both_vote_as_they_choose(house: House) -> None:
    marie, paul = house.voter(MARIE), house.voter(PAUL)
    paul.browser = marie.browser
    marie.choose("ilot-femmes")
    paul.choose("permis-de-construire")

    assert marie.type_code().status_code == 422
    page = Page(marie.open_link().text)
    assert page.chosen() == []
    assert "Permis de Construire" not in page.text("strong")
    first = receipt_of(marie.press_button(laureate="bien-etre-medical").text)

    second = receipt_of(paul.type_code().text)
    assert first != second
    assert house.ballots() == {"bien-etre-medical": 1, "permis-de-construire": 1}


def test_a_stranger_who_types_somebodys_address_neither_blocks_nor_spends_anything(house: House) -> None:
    marie, stranger = house.voter(MARIE), house.voter(MARIE)
    marie.choose("ilot-femmes")
    code = marie.code()
    for guess in range(40):
        if guess % 5 == 0:
            stranger.choose("permis-de-construire")
        stranger.browser.post("/confirmation", data={"code": f"{guess:06d}"})
    assert house.ballots() == {}
    assert marie.type_code(code).status_code == 200
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_strangers_letter_lets_its_owner_choose_freely(house: House) -> None:
    stranger = house.voter(MARIE)
    stranger.choose("permis-de-construire")
    marie = house.voter(MARIE)
    page = Page(marie.open_link().text)
    assert page.chosen() == []
    assert "Permis de Construire" not in page.text("strong")
    assert marie.press_button(laureate="ilot-femmes").status_code == 200
    assert house.ballots() == {"ilot-femmes": 1}


def test_one_person_has_one_vote_however_the_address_is_written(house: House) -> None:
    house.voter("ab@gmail.com").vote("ilot-femmes")
    again = house.voter("a.b+x@gmail.com")
    assert "pas encore compté" in again.choose("permis-de-construire").text
    assert again.letter()["Subject"] == "Votre vote est déjà compté"
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_second_letter_asked_for_before_the_vote_is_of_no_use_after_it(house: House) -> None:
    marie, elsewhere = house.voter(MARIE), house.voter(MARIE)
    marie.choose("ilot-femmes")
    first = marie.code()
    elsewhere.choose("permis-de-construire")
    second = elsewhere.code()
    assert marie.type_code(first).status_code == 200
    answer = elsewhere.type_code(second)
    assert answer.status_code == 409
    assert Page(answer.text).text("h1") == "Votre vote est déjà compté"
    assert house.ballots() == {"ilot-femmes": 1}
