"""Anybody checks that a code is counted, however it is typed; nobody reads in it for whom."""

import pytest
from pages_inspector import Page
from people import House

COUNTED = "Ce bulletin est compté."
UNKNOWN = "Aucun bulletin ne porte ce code."


@pytest.fixture
def receipt(house: House) -> str:
    return house.voter("marie@example.org").vote("permis-de-construire")


def test_a_receipt_is_found_however_it_is_typed(house: House, receipt: str) -> None:
    lookalikes = receipt.replace("0", "o").replace("1", "i")
    for typed in (receipt, receipt.lower(), lookalikes, lookalikes.upper(), receipt.replace("1", "L")):
        for grouped in (typed, typed.replace("-", ""), typed.replace("-", " "), f"  {typed}\t"):
            answer = house.client().get("/urne", params={"code": grouped})
            assert answer.status_code == 200, grouped
            assert COUNTED in Page(answer.text).text("main")
            assert receipt in Page(answer.text).text("main")


def test_what_is_found_says_nothing_of_the_choice(house: House, receipt: str) -> None:
    other = house.voter("paul@example.org").vote("ilot-femmes")
    pages = [house.client().get("/urne", params={"code": code}).text.replace(code, "…") for code in (receipt, other)]
    assert pages[0] == pages[1]


def test_a_code_that_nobody_holds_is_shown_back_to_be_read_again(house: House, receipt: str) -> None:
    wrong = ("0" if receipt[0] != "0" else "2") + receipt[1:]
    answer = house.client().get("/urne", params={"code": wrong.lower()})
    page = Page(answer.text)
    assert answer.status_code == 404
    assert UNKNOWN in page.text("main")
    assert wrong in page.text("main")
    assert page.field("code").attributes["value"] == wrong.lower()


def test_what_cannot_be_a_code_is_kept_beside_the_reason(house: House) -> None:
    for typed in ("0000", "U" * 16, "!" * 16, "0" * 17, "é\ufffd☃", "x" * 5000, "<script>"):
        answer = house.client().get("/urne", params={"code": typed})
        page = Page(answer.text)
        assert answer.status_code == 422, typed
        assert page.wrong_fields() == ["code"]
        assert "seize lettres et chiffres" in page.text_of("code-error")
        assert page.field("code").attributes["value"] == typed[:100]


def test_without_a_code_there_is_only_the_question(house: House) -> None:
    for address in ("/urne", "/urne?code=", "/urne?code=%20%20"):
        answer = house.client().get(address)
        assert answer.status_code == 200
        assert COUNTED not in answer.text
        assert UNKNOWN not in answer.text
        assert not Page(answer.text).wrong_fields()


def test_the_receipt_page_belongs_to_the_browser_that_voted(house: House, receipt: str) -> None:
    answer = house.client().get("/recu")
    assert answer.status_code == 404
    assert "Ce navigateur ne garde aucun vote compté" in Page(answer.text).text("h1")
    assert receipt not in answer.text
