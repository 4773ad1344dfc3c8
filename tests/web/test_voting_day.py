"""The voting day as people live it."""

from people import House, receipt_of


def test_a_voter_chooses_types_the_code_and_gets_a_receipt(house: House) -> None:
    voter = house.voter("marie@example.org")
    assert "pas encore compté" in voter.choose("ilot-femmes").text
    page = voter.type_code()
    assert page.status_code == 200
    assert receipt_of(page.text)


def test_the_same_confirmation_again_shows_the_same_receipt(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    code = voter.code()
    assert receipt_of(voter.type_code(code).text) == receipt_of(voter.type_code(code).text)


def test_officers_close_and_publish(house: House) -> None:
    house.voter("marie@example.org").vote("ilot-femmes")
    juror, officer = house.juror(), house.officer()
    assert "L’Îlot Femmes" in juror.client.get("/jury").text
    assert officer.client.get("/bureau").status_code == 200
    assert officer.close().status_code == 200
    page = officer.publish()
    assert page.status_code == 200, page.text
    assert "L’Îlot Femmes" in page.text
    assert house.client().get("/resultats.json").json()["votes"] == 1
