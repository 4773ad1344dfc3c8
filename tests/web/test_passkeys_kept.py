"""A passkey is added and removed by its officer, who proves to be there, and on the record."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from authenticators import Authenticator, question_on
from key_holders import CLOSURE, KEY_STEP, KEYS, OFFICER, OTHER, REMOVAL, Officer, keys_of, told, with_a_key
from pages_inspector import Page, french
from people import CONTEST, House, StoppedClock, text_of

from vote import passkeys
from vote.models import Role
from vote.tokens import decode, encode


@pytest.fixture
def officer(house: House) -> Officer:
    return with_a_key(house)


def test_a_passkey_is_added_on_the_record_with_a_letter_and_ends_the_other_sessions(house: House) -> None:
    officer = Officer(house)
    elsewhere = house.client()
    officer.type_code(elsewhere)
    officer.type_code()
    assert "Vous n’avez pas de clé d’accès" in officer.client.get(KEYS).text
    page = officer.begin("  mon   téléphone ")
    question = question_on(page.text)
    assert (question["rp"]["id"], question["authenticatorSelection"]) == (
        "testserver",
        {"userVerification": "required"},
    )
    assert keys_of(house) == []
    assert "mon téléphone" in officer.add("  mon   téléphone ").text
    assert keys_of(house) == ["mon téléphone"]
    assert told(house) == [("Camille (officer)", "Ajout d’une clé d’accès.", 0, 1)]
    letter = house.letters(OFFICER)[0]
    assert letter["Subject"] == "Vos clés d’accès ont changé"
    assert "- mon téléphone\n" in text_of(letter)
    assert officer.inside()
    assert not officer.inside(elsewhere)
    assert "Clé d’accès" in officer.client.get("/bureau").text


def test_a_key_is_made_for_who_was_asked_here_and_now(house: House, clock: StoppedClock) -> None:
    officer = Officer(house)
    officer.type_code()
    good = officer.device
    for bad in (
        replace(good, origin="https://testserver.example.net"),
        replace(good, origin="http://testserver:8000"),
        replace(good, origin="https://testserver"),
        replace(good, party="example.net"),
        replace(good, verified=False),
    ):
        page = officer.add(device=bad)
        assert (page.status_code, keys_of(house)) == (422, []), bad
        assert "n’a pas pu être lue" in page.text
    late = good.make(question_on(officer.begin().text))
    clock.forward(minutes=5)
    assert officer.client.post(KEYS, data={"name": "x", "made": late}).status_code == 410
    spent = good.make(question_on(officer.begin().text))
    for made in ("x", "{}", "[]", "null", "[" * 9000, json.dumps({"rawId": 1})):
        officer.begin()
        assert officer.client.post(KEYS, data={"name": "x", "made": made}).status_code == 422
    assert officer.client.post(KEYS, data={"name": "x", "made": spent}).status_code == 410
    officer.begin()
    assert officer.client.post(KEYS, data={"name": "x", "made": spent}).status_code == 422
    assert keys_of(house) == []


def test_an_answer_of_the_other_ceremony_is_none(house: House, officer: Officer, clock: StoppedClock) -> None:
    page = officer.type_code()
    made = officer.device.make(question_on(page.text))
    assert officer.client.post(KEY_STEP, data={"passkey": made}).status_code == 422
    officer.sign_in()
    signed = officer.device.sign(question_on(officer.begin("deux").text))
    assert officer.client.post(KEYS, data={"name": "deux", "made": signed}).status_code == 422
    assert keys_of(house) == ["téléphone"]


def test_a_key_needs_a_name_of_its_own_and_is_entered_once(house: House, officer: Officer) -> None:
    officer.sign_in()
    for name in ("", "  ", "x" * 41, "téléphone", " téléphone "):
        page = officer.begin(name)
        assert page.status_code == 422
        assert Page(page.text).wrong_fields() == ["name"]
    assert encode(officer.device.identifier).decode() in officer.begin("x" * 40).text  # the browser would refuse it too
    page = officer.add("bis")
    assert page.status_code == 422
    assert "ou cette clé même" in page.text
    other = Officer(house, OTHER)
    other.type_code()
    assert other.add("la mienne", officer.device).status_code == 422
    assert (keys_of(house), keys_of(house, OTHER)) == (["téléphone"], [])


def test_a_key_of_a_kind_that_was_not_offered_is_not_entered(house: House) -> None:
    officer = Officer(house)
    officer.type_code()
    text = officer.device.make(question_on(officer.begin().text))
    answer = json.loads(text)
    es256, unknown = b"\x03\x26", b"\x03\x2a"  # alg -7, alg -11 (COSE, in CBOR)
    raw = decode(answer["response"]["attestationObject"])
    assert es256 in raw
    answer["response"]["attestationObject"] = encode(raw.replace(es256, unknown)).decode()
    page = officer.client.post(KEYS, data={"name": "x", "made": json.dumps(answer)})
    assert (page.status_code, keys_of(house)) == (422, [])


def test_a_removed_key_opens_nothing_and_the_last_one_gives_the_entrance_back_to_letters(
    house: House, officer: Officer, clock: StoppedClock
) -> None:
    officer.sign_in()
    second = Authenticator()
    clock.forward(minutes=1)
    officer.add("clé bleue", second)
    elsewhere = house.client()
    officer.sign_in(elsewhere)
    page = officer.client.post(REMOVAL, data={"name": "téléphone"})
    assert page.url.path == KEYS
    assert keys_of(house) == ["clé bleue"]
    assert officer.inside()
    assert not officer.inside(elsewhere)
    assert "- clé bleue\n" in text_of(house.letters(OFFICER)[0])
    refused = officer.sign_in(elsewhere)
    assert (refused.status_code, officer.inside(elsewhere)) == (422, False)
    officer.client.post(REMOVAL, data={"name": "clé bleue"})
    assert "plus de clé d’accès" in text_of(house.letters(OFFICER)[0])
    assert officer.client.post(REMOVAL, data={"name": "clé bleue"}).status_code == 404
    assert officer.type_code(elsewhere).url.path == "/bureau"
    assert told(house)[1:] == [
        ("Camille (officer)", "Ajout d’une clé d’accès.", 1, 2),
        ("Camille (officer)", "Retrait d’une clé d’accès.", 2, 1),
        ("Camille (officer)", "Retrait d’une clé d’accès.", 1, 0),
    ]


def test_a_key_removed_while_it_was_asked_for_signs_nothing(house: House, officer: Officer) -> None:
    page = officer.type_code()
    passkeys.remove(house.database, CONTEST, OFFICER, "téléphone", who="l’opérateur", at=house.clock.now())
    assert officer.present(page).status_code == 422
    assert not officer.inside()


def test_nobody_removes_another_officers_key(house: House, officer: Officer) -> None:
    other = Officer(house, OTHER)
    other.type_code()
    assert other.client.post(REMOVAL, data={"name": "téléphone"}).status_code == 404
    assert keys_of(house) == ["téléphone"]


def test_the_bureau_and_the_record_tell_it_in_both_languages(house: House, officer: Officer) -> None:
    officer.sign_in()
    client = officer.client
    page = client.get("/en/bureau/cles")
    assert "The code of" not in page.text
    assert "a passkey" in page.text.lower()
    client.post("/bureau/cloture", data=CLOSURE)
    client.post("/bureau/proclamation", data={"reason": "Fin", "word": "PROCLAMER"})
    public = house.client()
    assert "Clé d’accès" in public.get("/proces-verbal").text
    assert "A passkey was added." in public.get("/en/proces-verbal").text
    assert public.get("/en/proces-verbal.pdf").status_code == 200
    assert "téléphone" not in public.get("/proces-verbal").text


def test_a_juror_who_was_an_officer_still_needs_the_key(house: House, officer: Officer) -> None:
    house.enter(Role.JUROR, OFFICER)
    page = officer.type_code()
    assert page.url.path == KEY_STEP
    assert officer.present(page).url.path == "/jury"


def test_a_session_of_twelve_hours_begins_at_the_key(house: House, officer: Officer, clock: StoppedClock) -> None:
    page = officer.type_code()
    clock.forward(minutes=4)
    officer.present(page)
    clock.forward(hours=12, seconds=-1)
    assert officer.inside()
    clock.forward(seconds=1)
    assert not officer.inside()


def test_an_officer_who_works_in_english_reads_of_keys_in_english(house: House) -> None:
    """The inspector of pages finds what would be left in French."""
    client = house.officer("en").client
    assert "the key has to recognise you" in client.get("/en/bureau/cles").text
    assert "Give this key a name, of 40 characters at most." in client.post("/en/bureau/cles", data={"name": ""}).text
    page = client.post("/en/bureau/cles", data={"name": "phone"})
    form = {"name": "phone", "made": Authenticator().make(question_on(page.text))}
    assert "Added on " in client.post("/en/bureau/cles", data=form).text
    letter = house.letters(OFFICER)[0]
    assert letter["Subject"] == "Your passkeys have changed"
    assert not french().search(re.sub(r"http\S+", "", text_of(letter)))
    client.post("/en/entrer", data={"email": OFFICER})
    code = re.search(r"\d{3} \d{3}", text_of(house.letters(OFFICER)[0]))
    assert code
    page = client.post("/en/entrer/code", data={"code": code.group()})
    assert (page.url.path, "within five minutes" in page.text) == ("/en/entrer/cle", True)
    assert "was not recognised" in client.post("/en/entrer/cle", data={"passkey": "{}"}).text
