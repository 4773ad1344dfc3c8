"""An officer's act asks again who is there when the sign-in is older than a quarter of an hour, and forgets nothing."""

from __future__ import annotations

import re

import pytest
from httpx2 import Response
from pages_inspector import Page
from people import CONTEST, House, Member, StoppedClock, text_of

from vote import contests
from vote.models import Role, State

OFFICER = "officer@example.org"
CLOSURE = {"reason": "Panne « générale » <b>", "word": "CLORE"}


@pytest.fixture
def officer(house: House, clock: StoppedClock) -> Member:
    """An officer who entered a little more than a quarter of an hour ago."""
    member = house.officer()
    clock.forward(minutes=15, seconds=1)
    return member


def state(house: House) -> State:
    with house.database.reading() as session:
        return contests.read(session, CONTEST).state(house.clock.now())


def code(house: House) -> str:
    found = re.search(r"\b\d{3} \d{3}\b", text_of(house.letters(OFFICER)[0]))
    assert found is not None
    return found.group()


def ask(officer: Member) -> Response:
    return officer.client.post("/bureau/cloture", data=CLOSURE)


def answer(officer: Member, page: Response, typed: str) -> Response:
    return officer.client.post("/bureau/cloture", data={**Page(page.text).hidden(), "code": typed})


def test_an_act_in_the_first_quarter_of_an_hour_asks_for_nothing(house: House, clock: StoppedClock) -> None:
    officer = house.officer()
    clock.forward(minutes=15)
    assert ask(officer).url.path == "/bureau"
    assert state(house) is State.CLOSED


def test_a_later_act_waits_for_a_fresh_code_and_keeps_what_was_typed(house: House, officer: Member) -> None:
    page = ask(officer)
    assert page.status_code == 403
    assert Page(page.text).hidden().items() >= CLOSURE.items()
    assert "Ce que vous avez saisi est gardé" in page.text
    assert state(house) is State.OPEN
    done = answer(officer, page, code(house))
    assert done.url.path == "/bureau"
    assert "Panne « générale » &lt;b&gt;" in done.text
    assert state(house) is State.CLOSED


def test_the_code_makes_the_session_fresh_for_the_next_act(house: House, officer: Member, clock: StoppedClock) -> None:
    answer(officer, ask(officer), code(house))
    clock.forward(minutes=14)
    form = {"reason": "Fin", "word": "PROCLAMER"}
    assert officer.client.post("/bureau/proclamation", data=form).url.path == "/resultats"


def test_a_wrong_code_acts_on_nothing_and_may_be_corrected(house: House, officer: Member) -> None:
    page = ask(officer)
    right = code(house)
    wrong = answer(officer, page, f"{(int(right.replace(' ', '')) + 1) % 10**6:06d}")
    assert wrong.status_code == 422
    assert Page(wrong.text).wrong_fields() == ["code"]
    assert Page(wrong.text).hidden().items() >= CLOSURE.items()
    assert state(house) is State.OPEN
    answer(officer, wrong, right)
    assert state(house) is State.CLOSED


def test_another_officers_code_and_an_invented_letter_prove_nothing(house: House, officer: Member) -> None:
    page = ask(officer)
    house.enter(Role.OFFICER, "other@example.org")
    stranger = house.client()
    stranger.post("/entrer", data={"email": "other@example.org"})
    theirs = re.search(r"\b\d{3} \d{3}\b", text_of(house.letters("other@example.org")[0]))
    assert theirs is not None
    for letter in (stranger.cookies["entree"], "", "x", "é", "A" * 22):
        form = {**Page(page.text).hidden(), "letter": letter, "code": theirs.group()}
        assert officer.client.post("/bureau/cloture", data=form).status_code in {403, 422}
    assert state(house) is State.OPEN


def test_what_was_typed_wrong_is_told_once_the_code_is_right(house: House, officer: Member) -> None:
    page = officer.client.post("/bureau/cloture", data={"reason": "", "word": "CLORE"})
    page = answer(officer, page, code(house))
    assert page.status_code == 422
    assert Page(page.text).wrong_fields() == ["closure-reason"]
    officer.client.post("/bureau/cloture", data=CLOSURE)
    assert state(house) is State.CLOSED


def test_every_act_of_the_bureau_asks(house: House, officer: Member) -> None:
    forms = {
        "/bureau/prolongation": {"until": "2019-11-24T23:59", "reason": "Essai", "word": "PROLONGER"},
        "/bureau/proclamation": {"reason": "Essai", "word": "PROCLAMER"},
        "/bureau/bulletins": {"suspicion": "00", "verdict": "admit", "reason": "Essai"},
        "/bureau/approbation": {"proposal": "00"},
        "/bureau/retrait": {"proposal": "00", "reason": "Essai"},
    }
    before = house.contents()["minutes"]
    for path, form in forms.items():
        page = officer.client.post(path, data=form)
        assert page.status_code == 403, path
        assert Page(page.text).hidden().items() >= form.items()
        wrong = officer.client.post(path, data={**Page(page.text).hidden(), "code": "0"})
        assert wrong.status_code == 422, path
    assert house.contents()["minutes"] == before
