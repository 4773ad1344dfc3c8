"""Witnesses: jurors who ask for it are mailed the signed box each hour, and again at the end."""

from __future__ import annotations

from crowds import cast, complaints
from people import House, text_of

from vote import worker
from vote.notes import Verifier

ADDRESS = "juror@example.org"


def wanted(house: House) -> int:
    """Make a round of the worker; answers how many letters with a checkpoint the juror has by now."""
    worker.make_round(house.database, house.clock, house.station.sealer)
    return sum("Empreinte" in str(letter["Subject"]) for letter in house.letters(ADDRESS))


def test_nobody_is_written_to_unasked(house: House) -> None:
    house.juror()
    assert wanted(house) == 0


def test_a_juror_asks_and_is_written_to_once_an_hour(house: House) -> None:
    juror = house.juror()
    assert juror.client.post("/jury/temoin", data={"wanted": "oui"}, follow_redirects=False).status_code == 303
    assert [wanted(house) for _ in range(3)] == [1, 1, 1]
    house.clock.forward(minutes=59)
    assert wanted(house) == 1
    house.clock.forward(minutes=1)
    assert wanted(house) == 2


def test_a_juror_who_has_enough_is_written_to_no_more(house: House) -> None:
    juror = house.juror()
    juror.client.post("/jury/temoin", data={"wanted": "oui"})
    assert wanted(house) == 1
    juror.client.post("/jury/temoin", data={"wanted": "non"})
    house.clock.forward(hours=2)
    assert wanted(house) == 1


def test_the_end_is_told_once_all_is_sealed_and_so_are_the_results(house: House) -> None:
    juror, officer = house.juror(), house.officer()
    juror.client.post("/jury/temoin", data={"wanted": "oui"})
    cast(house.database, range(12), house.clock.now())
    assert wanted(house) == 1
    house.clock.forward(minutes=1)
    officer.close()
    assert wanted(house) == 1
    house.clock.forward(minutes=2)
    assert [wanted(house), wanted(house)] == [2, 2]
    assert "contient 12 bulletins" in " ".join(text_of(house.letters(ADDRESS)[0]).split())
    officer.publish()
    assert [wanted(house), wanted(house)] == [3, 3]
    house.clock.forward(hours=5)
    assert wanted(house) == 3


def test_the_letter_holds_a_note_that_verifies_and_that_an_audit_takes(house: House) -> None:
    juror = house.juror()
    juror.client.post("/jury/temoin", data={"wanted": "oui"})
    cast(house.database, range(12), house.clock.now())
    house.clock.forward(hours=1)
    assert wanted(house) == 1
    shown = house.client().get("/urne/checkpoint").text
    letter = text_of(house.letters(ADDRESS)[0]).replace("\r\n", "\n")
    assert shown.strip() in letter
    assert Verifier.read(house.client().get("/urne/cle").text).verifies(shown)
    assert complaints(house.database, [shown]) == []


def test_only_the_jury_asks(house: House) -> None:
    assert house.officer().client.post("/jury/temoin", data={"wanted": "oui"}).status_code == 403
    assert house.client().post("/jury/temoin", data={"wanted": "oui"}).status_code == 403
