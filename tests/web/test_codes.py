"""The code of the letter: typed in the same browser it casts the ballot, and guessing gets nobody anywhere."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from pages_inspector import Page
from people import House, receipt_of

from vote.errors import Refusal

MARIE = "marie@example.org"


def another(code: str) -> str:
    """A code that is not this one."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def test_the_code_may_be_typed_in_any_grouping(house: House) -> None:
    for number, grouping in enumerate(("{}{}", "{} {}", "  {}\u00a0{}\n", "{}\u202f{}\t")):
        voter = house.voter(f"voter{number}@example.org")
        voter.choose()
        assert voter.type_code(grouping.format(*voter.code().split())).status_code == 200
    assert house.ballots() == {"ilot-femmes": 4}


def test_a_wrong_code_is_kept_to_be_corrected_and_says_how_many_tries_are_left(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    wrong = another(voter.code())
    answer = voter.type_code(wrong, laureate="permis-de-construire")
    page = Page(answer.text)
    assert answer.status_code == 422
    assert "relisez-le, il vous reste 4 essais" in page.text_of("code-error")
    assert page.wrong_fields() == ["code"]
    assert page.field("code").attributes["value"] == wrong
    assert page.chosen() == ["permis-de-construire"]
    assert "il vous reste 3 essais" in voter.type_code(wrong).text
    assert "il vous reste 2 essais" in voter.type_code(wrong).text
    assert "il vous reste un essai" in voter.type_code(wrong).text
    assert voter.type_code().status_code == 200


def test_a_refusal_does_not_hold_the_way_it_came(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    wrong = another(voter.code())
    with without_collector():
        for typed in (wrong, wrong, " "):
            assert voter.type_code(typed).status_code == 422
        left = [found for found in gc.get_objects() if isinstance(found, Refusal)]
    assert [refusal for refusal in left if refusal.__traceback__ is not None] == []


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_no_code_at_all_is_not_a_try(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    before = house.contents()
    for typed in ("", "   "):
        answer = voter.browser.post("/confirmation", data={"code": typed})
        assert answer.status_code == 422
        assert Page(answer.text).wrong_fields() == ["code"]
    assert house.contents() == before


def test_after_five_wrong_codes_the_right_one_is_too_late_but_a_new_letter_is_not(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    right = voter.code()
    answers = [voter.type_code(another(right)) for _ in range(5)] + [voter.type_code(right)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [410] * 2
    assert "Cinq codes faux ont été saisis" in answers[4].text
    assert "Cinq codes faux ont été saisis" in answers[5].text
    assert house.ballots() == {}
    voter.choose()
    assert voter.code() != right
    assert voter.type_code().status_code == 200


def test_after_five_wrong_codes_the_link_of_the_letter_still_serves(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    for _ in range(5):
        voter.type_code(another(voter.code()))
    assert voter.press_button().status_code == 200
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_code_serves_for_thirty_minutes_and_no_longer(house: House) -> None:
    early, late = house.voter(MARIE), house.voter("paul@example.org")
    early.choose()
    late.choose()
    codes = early.code(), late.code()
    house.clock.forward(minutes=29, seconds=59)
    assert early.type_code(codes[0]).status_code == 200
    house.clock.forward(seconds=1)
    answer = late.type_code(codes[1])
    assert answer.status_code == 410
    assert "Ce code ou ce lien n’est plus valable : demandez une nouvelle lettre" in Page(answer.text).text()
    assert Page(answer.text).field("email").attributes["value"] == "paul@example.org"
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_code_means_nothing_in_another_browser(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    code = voter.code()
    voter.change_browser()
    answer = voter.type_code(code)
    assert answer.status_code == 410
    assert "ne tient aucun bulletin" in Page(answer.text).text()
    assert house.ballots() == {}


def test_a_code_means_nothing_for_another_person(house: House) -> None:
    marie, paul = house.voter(MARIE), house.voter("paul@example.org")
    marie.choose()
    paul.choose()
    assert paul.type_code(marie.code()).status_code == 422
    assert house.ballots() == {}


def test_the_same_browser_is_sent_the_same_code_again(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    first = voter.code()
    house.clock.forward(minutes=29)
    voter.choose("permis-de-construire", address="MARIE+prix@example.org")
    (second,) = house.letters("MARIE+prix@example.org")
    assert first in second.as_string()
    voter.type_code(first)
    assert house.ballots() == {"permis-de-construire": 1}


def test_another_browser_is_sent_another_code(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    first = voter.code()
    voter.change_browser()
    voter.choose()
    assert voter.code() != first
    assert len(house.letters(MARIE)) == 2


def test_a_second_confirmation_after_the_code_has_expired_shows_the_receipt(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    code = voter.code()
    receipt = receipt_of(voter.type_code(code).text)
    house.clock.forward(minutes=31)
    assert receipt_of(voter.type_code(code).text) == receipt
    assert receipt_of(voter.browser.get("/recu").text) == receipt
