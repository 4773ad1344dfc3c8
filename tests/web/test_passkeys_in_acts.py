"""An old session acts by a passkey of its officer, and by no code."""

from __future__ import annotations

import pytest
from authenticators import Authenticator, question_on
from key_holders import CHEATS, CLOSURE, KEYS, OFFICER, REMOVAL, Cheat, Officer, keys_of, state_of, with_a_key
from pages_inspector import Page
from people import House, StoppedClock

from vote.models import State

REFUSED = "n’a pas été reconnue"


@pytest.fixture
def officer(house: House) -> Officer:
    return with_a_key(house)


def test_an_old_session_acts_by_the_key_and_not_by_a_code(house: House, officer: Officer, clock: StoppedClock) -> None:
    officer.sign_in()
    clock.forward(minutes=15, seconds=1)
    letters = len(house.letters(OFFICER))
    page = officer.client.post("/bureau/cloture", data=CLOSURE)
    assert page.status_code == 403
    assert "de nouveau votre clé d’accès" in page.text
    assert Page(page.text).hidden().items() >= CLOSURE.items()
    assert len(house.letters(OFFICER)) == letters
    # A code of the mailbox, however fresh, is no proof here.
    stranger = house.client()
    stranger.post("/entrer", data={"email": OFFICER})
    form = {**CLOSURE, "letter": stranger.cookies["entree"], "code": officer.code()}
    assert officer.client.post("/bureau/cloture", data=form).status_code == 403
    assert state_of(house) is State.OPEN
    page = officer.client.post("/bureau/cloture", data=CLOSURE)
    assert officer.present(page, path="/bureau/cloture").url.path == "/bureau"
    assert state_of(house) is State.CLOSED
    clock.forward(minutes=14)
    form = {"reason": "Fin", "word": "PROCLAMER"}
    assert officer.client.post("/bureau/proclamation", data=form).url.path == "/resultats"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
def test_no_other_answer_acts_and_another_question_is_asked(
    house: House, officer: Officer, clock: StoppedClock, cheat: Cheat
) -> None:
    officer.sign_in()
    clock.forward(minutes=16)
    page = officer.client.post("/bureau/cloture", data=CLOSURE)
    signed = cheat(officer.device).sign(question_on(page.text))
    refused = officer.client.post("/bureau/cloture", data={**Page(page.text).hidden(), "passkey": signed})
    assert refused.status_code == 422
    assert REFUSED in refused.text
    assert Page(refused.text).hidden().items() >= CLOSURE.items()
    assert question_on(refused.text)["challenge"] != question_on(page.text)["challenge"]
    assert state_of(house) is State.OPEN
    officer.present(refused, path="/bureau/cloture")
    assert state_of(house) is State.CLOSED


def test_the_proof_of_one_act_or_session_is_not_another_ones(
    house: House, officer: Officer, clock: StoppedClock
) -> None:
    elsewhere = house.client()
    officer.sign_in()
    officer.sign_in(elsewhere)
    clock.forward(minutes=16)
    page = officer.client.post("/bureau/cloture", data=CLOSURE)
    signed = officer.device.sign(question_on(page.text))
    elsewhere.post("/bureau/cloture", data=CLOSURE)
    assert elsewhere.post("/bureau/cloture", data={**CLOSURE, "passkey": signed}).status_code == 422
    assert state_of(house) is State.OPEN
    wrong = officer.client.post("/bureau/cloture", data={**CLOSURE, "word": "", "passkey": signed})
    assert Page(wrong.text).wrong_fields() == ["closure-word"]  # the proof was good, the act not
    clock.forward(minutes=16)
    page = officer.client.post("/bureau/cloture", data={**CLOSURE, "passkey": signed})
    assert page.status_code == 410
    assert question_on(page.text)
    assert state_of(house) is State.OPEN


def test_adding_and_removing_ask_who_is_there_too(house: House, officer: Officer, clock: StoppedClock) -> None:
    officer.sign_in()
    clock.forward(minutes=16)
    before = keys_of(house)
    for path, form in ((KEYS, {"name": "deux"}), (REMOVAL, {"name": "téléphone"})):
        page = officer.client.post(path, data=form)
        assert page.status_code == 403
        assert Page(page.text).hidden().items() >= form.items()
        assert officer.client.post(path, data={**form, "passkey": "{}"}).status_code == 422
    assert keys_of(house) == before
    page = officer.client.post(KEYS, data={"name": "deux"})
    page = officer.present(page, path=KEYS)
    made = Authenticator().make(question_on(page.text))
    officer.client.post(KEYS, data={"name": "deux", "made": made})
    assert keys_of(house) == ["téléphone", "deux"]


def test_who_is_asked_twice_answers_the_later_question(house: House, officer: Officer, clock: StoppedClock) -> None:
    officer.sign_in()
    clock.forward(minutes=16)
    first, second = (officer.client.post("/bureau/cloture", data=CLOSURE) for _ in range(2))
    assert question_on(first.text)["challenge"] != question_on(second.text)["challenge"]
    assert officer.present(first, path="/bureau/cloture").status_code == 422
    assert state_of(house) is State.OPEN
    again = officer.client.post("/bureau/cloture", data=CLOSURE)
    assert officer.present(again, path="/bureau/cloture").url.path == "/bureau"
    assert state_of(house) is State.CLOSED
