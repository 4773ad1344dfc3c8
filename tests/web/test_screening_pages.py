"""Screening as people meet it: throttle, proof of work, trap, "that was not me", and the bureau's decisions."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from datetime import timedelta

from altcha import v1 as altcha
from httpx2 import Response
from people import CONTEST, House, Member, Voter, receipt_of, text_of
from sqlalchemy import select

from vote import decisions, minutes, worker
from vote.models import Act, Disowned, Envelope, Verification

FIGURES_LETTERS = 4
NOT_ME = "Ce n’était pas moi"


def ask(voter: Voter, **more: str) -> Response:
    return voter.browser.post("/bulletin", data={"laureate": "ilot-femmes", "email": voter.address, **more})


def heat(house: House, times: int = 61) -> Voter:
    """A small domain asks for many letters within ten minutes."""
    for number in range(times):
        last = house.voter(f"membre{number}@village.example.org")
        answer = ask(last)
    assert answer.status_code == 429
    return last


def solve(page: str) -> str:
    """What the page's script does."""
    found = re.search(r'data-challenge="([^"]+)"', page)
    assert found
    challenge = json.loads(html.unescape(html.unescape(found.group(1))))
    options = {"algorithm": challenge["algorithm"], "max_number": challenge["maxnumber"], "salt": challenge["salt"]}
    solution = altcha.solve_challenge(challenge=challenge["challenge"], **options)
    assert solution is not None
    payload = {**challenge, "number": solution.number}
    return base64.b64encode(json.dumps(payload).encode()).decode()


def test_a_flood_of_letters_to_one_address_ends_and_keeps_what_was_typed(house: House) -> None:
    for _ in range(FIGURES_LETTERS):
        assert house.voter("victime@example.org").choose().status_code == 200
    refused = house.voter("victime@example.org").choose()
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 600
    assert 'value="victime@example.org"' in refused.text
    assert re.search(r'value="ilot-femmes"[^>]*\schecked', refused.text)
    assert len(house.letters("victime@example.org")) == FIGURES_LETTERS
    house.clock.forward(minutes=10)
    assert house.voter("victime@example.org").choose().status_code == 200


def test_under_pressure_a_proof_of_work_lets_through_once(house: House) -> None:
    last = heat(house)
    page = ask(last)
    assert page.status_code == 429
    assert "La lettre n’est pas encore partie" in page.text
    proof = solve(page.text)
    assert ask(last, proof=proof).url.path == "/confirmation"
    assert ask(house.voter("another@village.example.org"), proof=proof).status_code == 429
    assert receipt_of(last.type_code().text)
    assert ask(house.voter("elsewhere@example.com")).url.path == "/confirmation"


def test_a_proof_that_is_none_lets_nobody_through(house: House) -> None:
    last = heat(house)
    proof = json.loads(base64.b64decode(solve(ask(last).text)))
    house.clock.forward(minutes=1)
    other, unsigned = {**proof, "number": proof["number"] + 1}, {**proof, "signature": "0" * 64}
    forged: list[object] = [other, unsigned, {"challenge": 1}, [], None]
    for wrong in [*(base64.b64encode(json.dumps(one).encode()).decode() for one in forged), "x", "é", "=" * 100]:
        assert ask(last, proof=wrong).status_code == 429


def test_without_a_script_the_ballot_is_taken_and_set_aside(house: House) -> None:
    last = heat(house)
    assert ask(last, unproved="oui").url.path == "/confirmation"
    page = last.type_code()
    assert "mis de côté" in page.text
    check = house.client().get("/urne", params={"code": receipt_of(page.text)})
    assert "Sans preuve de travail" in check.text


def test_who_fills_the_trap_is_set_aside_and_told_so(house: House) -> None:
    voter = house.voter("robot@example.org")
    ask(voter, site="https://example.org")
    assert "mis de côté" in voter.type_code().text
    assert house.ballots() == {}
    assert "mis de côté" in voter.browser.get("/recu").text


def test_the_owner_of_an_address_says_that_was_not_me(house: House) -> None:
    stranger = house.voter("victime@example.org")
    stranger.choose()
    owner = house.voter("victime@example.org")
    assert NOT_ME in owner.open_link().text
    code = stranger.code()
    answer = owner.disown()
    assert (answer.status_code, "Aucun vote n’est compté" in answer.text) == (200, True)
    assert stranger.type_code(code).status_code == 410
    before = len(house.letters("victime@example.org"))
    assert house.voter("victime@example.org").choose().url.path == "/confirmation"  # told nothing, and no letter leaves
    assert len(house.letters("victime@example.org")) == before
    again = owner.browser.post(f"{owner.link()}/pas-moi", data={"again": "oui"})
    assert again.status_code == 200
    owner.choose()
    assert len(house.letters("victime@example.org")) == before + 1


def test_that_was_not_me_after_a_vote_says_that_it_stands(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    shown = voter.open_link()
    other = house.voter("marie@example.org")
    assert voter.press_button().status_code == 200
    assert shown.status_code == 200
    assert "il reste compté" in other.disown().text
    assert house.ballots() == {"ilot-femmes": 1}


def test_a_scanner_that_presses_every_button_at_once_changes_nothing(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    scanner = house.client()
    page = scanner.get(voter.link())
    assert scanner.post(voter.link(), data={}).status_code == 422
    shown = re.search(r'name="shown" value="([^"]+)"', page.text)
    assert shown
    for form in ({}, {"shown": shown.group(1)}, {"shown": "x"}):
        assert scanner.post(f"{voter.link()}/pas-moi", data=form).status_code == 422
    with house.database.reading() as session:
        assert session.scalars(select(Disowned)).all() == []
        assert session.scalars(select(Verification.expires_at)).one() > house.clock.now()
    assert receipt_of(voter.type_code().text)


def held(house: House) -> str:
    """One ballot set aside; answers its receipt code."""
    voter = house.voter("somebody@yopmail.com")
    voter.choose("permis-de-construire")
    return receipt_of(voter.type_code().text)


def decide(officer: Member, verdict: str, reason: str = "Adresses jetables") -> Response:
    page = officer.client.get("/bureau").text
    suspicion = re.search(r'name="suspicion" value="(\w+)"', page)
    assert suspicion
    form = {"suspicion": suspicion.group(1), "verdict": verdict, "reason": reason}
    return officer.client.post("/bureau/bulletins", data=form)


def test_officers_see_groups_and_never_a_choice_or_an_address(house: House) -> None:
    held(house)
    page = house.officer().client.get("/bureau").text
    assert "yopmail.com" in page
    assert "Adresses jetables" in page
    assert "somebody@" not in page
    above_the_minutes = page.partition('id="minutes"')[0].lower()
    assert "permis de construire" not in above_the_minutes.replace("-", " ")


def test_a_rejection_is_a_minute_and_the_receipt_says_why(house: House) -> None:
    code, officer = held(house), house.officer()
    assert decide(officer, "reject").status_code == 200
    answer = house.client().get("/urne", params={"code": code})
    assert (answer.status_code, "Adresses jetables" in answer.text, "rejeté" in answer.text) == (200, True, True)
    with house.database.reading() as session:
        line = minutes.read(session, CONTEST)[-1]
        assert session.scalars(select(Envelope)).all() == []
    assert (line.act, line.why) == (Act.REJECTION, "Adresses jetables")


def test_an_admission_counts_the_ballot(house: House) -> None:
    held(house)
    decide(house.officer(), "admit", "Erreur de la liste")
    assert house.ballots() == {"permis-de-construire": 1}


def test_a_decision_without_verdict_or_reason_is_asked_again(house: House) -> None:
    held(house)
    officer = house.officer()
    refused = decide(officer, "", "")
    assert refused.status_code == 422
    assert "admis ou rejetés" in refused.text
    assert "Donnez la raison" in refused.text


def test_results_and_record_tell_the_rejected(house: House) -> None:
    house.voter("marie@example.org").vote()
    held(house)
    officer = house.officer()
    officer.close()
    assert officer.publish().status_code == 409
    decide(officer, "reject")
    officer.publish()
    figures = house.client().get("/resultats.json").json()
    assert (figures["votes"], figures["turnout"], figures["set_aside"], figures["rejected"]) == (1, 2, 0, 1)
    assert "1 bulletin a été rejeté" in house.client().get("/resultats").text
    assert house.client().get("/proces-verbal").status_code == 200
    assert "Bulletins rejetés sans être ouverts : 1." in printed(house, "/proces-verbal.pdf")
    minutes = printed(house, "/en/proces-verbal.pdf")
    for told in ("Minutes of the Coup de Cœur Prize", "2 signatures, 1 ballot in the box.", "unopened: 1."):
        assert told in minutes
    assert "Procès-verbal du" not in minutes


def printed(house: House, path: str) -> str:
    """The words of a PDF."""
    content = house.client().get(path).content
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
    # Each ends by itself, before the line's end that follows it, which may look like its last byte.
    page = b"".join(zlib.decompressobj().decompress(stream) for stream in streams).decode("windows-1252")
    return " ".join(re.findall(r"\((.*?)(?<!\\)\) Tj", page, re.DOTALL))


def test_officers_are_told_by_letter_when_a_suspicion_opens(house: House) -> None:
    officer = house.enter(role=house.officer().role, address="dominique@example.org")
    held(house)
    assert decisions.alert(house.database, CONTEST, house.clock.now()) >= 1
    assert decisions.alert(house.database, CONTEST, house.clock.now()) == 0
    (letter,) = house.letters(officer.typed)
    assert "1 bulletin est mis de côté" in text_of(letter)


def test_the_rules_page_names_every_rule_with_its_figures(house: House) -> None:
    page = house.client().get("/reglement").text
    for words in ("Adresses jetables", "Rythme de machine", "40 votes en dix minutes ou 150 en un jour"):
        assert words in page


def test_an_inspection_on_demand_is_told_by_the_tile(house: House) -> None:
    officer = house.officer()
    assert "Tout concorde" in officer.client.post("/bureau/controle", data={}).text


def test_the_mail_domain_is_forgotten_with_the_verification(house: House) -> None:
    house.voter("marie@example.org").vote()
    house.clock.moment += timedelta(hours=2)
    worker.tidy(house.database, house.clock)
    assert "example.org" not in repr(house.contents()["verifications"])
