"""English: a whole voting day under /en, in which no page, letter or refusal falls back into French."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from httpx2 import Response
from pages_inspector import Page, french
from people import EDITION, MORNING, House, Member, text_of

from vote import worker
from vote.languages import address as in_language
from vote.web import doors
from vote.web.routes import TABLE

MARIE = "marie@example.org"
LAUREATES = [f"/laureats/{laureate.slug}" for laureate in EDITION.laureates]
LINKS = ("/confirmation/", "/entrer/")
UNKNOWN_CODE = "/urne?code=0000-0000-0000-0000"
PUBLIC = ["/", *LAUREATES, "/confirmation", "/recu", "/urne", "/urne?code=x", "/resultats", "/reglement"]
PUBLIC += ["/donnees-personnelles", "/accessibilite", "/entrer", "/entrer/code", "/demo/courrier", "/proces-verbal"]


def english(answer: Response) -> str:
    """The words of a page that came in English; the inspector has looked for French in it."""
    page = Page(answer.text)
    assert answer.request.url.path.startswith("/en/"), answer.request.url
    assert page.all("html")[0].attributes["lang"] == "en"
    wrong = [
        a.attributes["href"] for a in page.all("a") if french_page(a.attributes["href"]) and "lang" not in a.attributes
    ]
    assert wrong == [], answer.request.url
    actions = [form.attributes["action"] for form in page.all("form")]
    assert [action for action in actions if french_page(action) or action.startswith(LINKS)] == []
    return page.text()


def french_page(link: str) -> bool:
    """Whether this leads from an English page to a French one; files and proofs have one address for all."""
    path = link.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].removeprefix("http://testserver")
    shown = {path for path, *_ in TABLE if "." not in path and not path.startswith(("/urne/", "/sante", "/pret"))}
    return path in shown or path.startswith("/laureats/")


def test_a_whole_voting_day_in_english(house: House) -> None:
    voter = house.voter(MARIE, "en")
    assert "Which laureate has won your heart?" in english(voter.browser.get("/en/"))
    assert "Choose one of the laureates: none is ticked." in english(voter.browser.post("/en/bulletin", data={}))
    assert "Open the e-mail, confirm your vote" in english(voter.choose())
    letter = voter.letter()
    assert letter["Subject"] == "Your code to confirm your vote"
    assert letter["Content-Language"] == "en"
    assert all(not french().search(part.get_content()) for part in letter.iter_parts())
    assert "The vote is organised by" in text_of(letter)
    assert voter.link().startswith("/en/confirmation/")
    assert "read it again, you have 4 tries left" in english(voter.type_code("000000"))
    assert "This link works until " in english(voter.open_link())
    receipt = voter.type_code()
    assert "Thank you, your vote is counted" in english(receipt)
    assert "http://testserver/en/urne?code=" in receipt.text
    assert "Thank you, your vote is counted" in english(voter.browser.get("/en/confirmation"))
    code = re.search(r"/en/urne\?code=([\w-]+)", receipt.text)
    assert code
    assert "This ballot is counted." in english(voter.browser.get(code.group()))
    again = house.voter(MARIE, "en")
    again.choose()
    assert again.letter()["Subject"] == "Your vote is already counted"
    assert not french().search(text_of(again.letter()))


def test_the_staff_work_in_english(house: House) -> None:
    house.voter(MARIE).vote()
    juror, officer = house.juror().client, house.officer().client
    assert "Running count" in english(juror.get("/en/jury"))
    assert "You are a witness" in english(juror.post("/en/jury/temoin", data={"wanted": "oui"}))
    assert "Voting is open" in english(officer.get("/en/bureau"))
    form = {"reason": "", "word": "CLORE"}
    assert "Type CLOSE, in capitals, to confirm." in english(officer.post("/en/bureau/cloture", data=form))
    until = {"reason": "x", "word": "EXTEND", "until": "2019-11-01T00:00"}
    assert "must come after today’s" in english(officer.post("/en/bureau/prolongation", data=until))
    assert "Publication awaits the close; it is open until" in english(
        officer.post("/en/bureau/proclamation", data={"reason": "x", "word": "PUBLISH"})
    )
    closed = officer.post("/en/bureau/cloture", data={"reason": "The prize is given today.", "word": "CLOSE"})
    assert "Voting is closed. The results are still to be published." in english(closed)
    assert "not counted" in english(house.voter("late@example.org", "en").choose())
    published = officer.post("/en/bureau/proclamation", data={"reason": "All is counted.", "word": "PUBLISH"})
    assert published.request.url.path == "/en/resultats"
    assert "L’Îlot Femmes receives the Coup de Cœur Prize" in english(published)
    for path in (*PUBLIC, "/bureau"):
        english(officer.get(f"/en{path}"))
    assert "This room is not yours." in english(officer.get("/en/jury"))
    assert english(officer.post("/en/sortir"))
    assert officer.get("/en/bureau").request.url.path == "/en/entrer"


def test_a_member_is_written_to_in_the_language_of_the_page(house: House) -> None:
    address = house.enter(doors.ROOMS["/jury"])
    client = house.client()
    english(client.post("/en/entrer", data={"email": address.typed}))
    letter = house.letters(address.typed)[0]
    assert letter["Subject"] == "Your code to sign in"
    assert not french().search(text_of(letter))
    link = re.search(r"/en/entrer/\S+", text_of(letter))
    assert link
    english(client.get(link.group()))
    assert client.post(link.group()).request.url.path == "/en/jury"
    assert "no longer works" in english(client.get(link.group()))


def test_the_staff_are_written_to_in_the_language_by_which_they_last_came_in(house: House) -> None:
    juror, _ = house.juror("en"), house.officer("en")
    juror.client.post("/en/jury/temoin", data={"wanted": "oui"})
    house.voter("somebody@yopmail.com").vote()
    worker.make_round(house.database, house.clock, house.station.sealer)
    (kept,), (alert,) = house.letters("juror@example.org"), house.letters("officer@example.org")
    for letter, subject in ((kept, "Checkpoint of the ballot box, to keep"), (alert, "Ballots are set aside")):
        assert (letter["Subject"], letter["Content-Language"]) == (subject, "en")
        assert not french().search(re.sub(r"http\S+", "", text_of(letter)))
    assert "http://testserver/en/bureau\n" in text_of(alert)
    house.juror("fr")
    house.clock.forward(hours=1)
    worker.make_round(house.database, house.clock, house.station.sealer)
    assert house.letters("juror@example.org")[0]["Content-Language"] == "fr"


@pytest.mark.parametrize("after", [timedelta(days=-30), timedelta(0), EDITION.closes_at - MORNING])
def test_no_page_falls_back_into_french(house: House, after: timedelta) -> None:
    house.clock.forward(seconds=after.total_seconds())
    client = house.client()
    for path in (
        *PUBLIC,
        "/nowhere",
        "/confirmation/abc",
        "/entrer/abc",
        "/laureats/x",
        "/urne?code=0000-0000-0000-0000",
    ):
        english(client.get(f"/en{path}"))
    for path in ("/confirmation", "/bulletin", "/entrer", "/bureau/cloture", "/entrer/code", "/reglement"):
        english(client.post(f"/en{path}", data={"code": "1", "email": "à"}))
        english(client.post(f"/en{path}", json={}))
        english(client.post(f"/en{path}", data={}, headers={"Sec-Fetch-Site": "cross-site"}))


def test_the_language_of_the_last_page_wins_where_the_same_letter_is_asked_again(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    voter.lang = "en"
    voter.choose()
    assert voter.letter()["Content-Language"] == "en"
    assert len(house.letters(MARIE)) == 1


def switch(answer: Response) -> str:
    """Where the page's switch of language leads."""
    page = Page(answer.text)
    links = [a.attributes for a in page.all("a") if a.attributes.get("class") == "language"]
    alternates = {
        link.attributes["hreflang"]: link.attributes["href"]
        for link in page.all("link")
        if "hreflang" in link.attributes
    }
    assert len(links) == 1
    assert alternates[links[0]["hreflang"]] == "http://testserver" + links[0]["href"]
    assert set(alternates) == {"fr", "en"}
    return links[0]["href"]


def test_the_switch_keeps_the_place(house: House) -> None:
    client = house.client()
    for path in (*PUBLIC, f"{UNKNOWN_CODE}&a=%2F%3F", "/nowhere%3Fx"):
        french_one = client.get(path)
        if french_one.history:
            continue
        there = switch(french_one)
        assert there == f"/en{path}"
        assert switch(client.get(there)) == path


def test_after_a_form_the_switch_leads_to_a_page_that_can_be_opened(house: House) -> None:
    voter, officer = house.voter(MARIE), house.officer()
    answers = [
        voter.browser.post("/bulletin", data={}),
        voter.choose(),
        voter.type_code("1"),
        voter.press_button(laureate="x"),
    ]
    answers += [
        officer.client.post(path, data={}) for path in ("/bureau/cloture", "/bureau/retrait", "/bureau/approbation")
    ]
    answers += [officer.client.post("/jury/temoin", data={}), voter.type_code()]
    for answer in answers:
        client = officer.client if "/bureau" in answer.request.url.path else voter.browser
        assert client.get(switch(answer)).status_code == 200, answer.request.url


def test_the_switch_never_leads_out_of_the_house(house: House) -> None:
    client = house.client()
    for path in (
        "//example.org/",
        "/en//example.org/",
        "/en/%2F%2Fexample.org",
        "/%5Cexample.org",
        "/en/%5C%5Cexample.org",
    ):
        there = switch(client.get(f"http://testserver{path}"))
        assert re.match(r"/(?![/\\])", there), (path, there)


def test_rooms_have_doors_in_english_too(house: House) -> None:
    client, juror = house.client(), house.juror()
    for path, show, act, _ in TABLE:
        if doors.keeper(path):
            there = in_language(path, "en")
            if show:
                assert client.get(there, follow_redirects=False).headers["location"] == "/en/entrer"
            if act:
                assert client.post(there, data={}).status_code == 403
            if path.startswith("/bureau"):
                assert (juror.client.get(there) if show else juror.client.post(there)).status_code == 403


def test_the_root_of_the_language_leads_to_its_home_page(house: House) -> None:
    assert house.client().get("/en").request.url.path == "/en/"


def test_one_session_serves_both_languages(house: House) -> None:
    officer: Member = house.officer()
    assert officer.client.get("/bureau").status_code == officer.client.get("/en/bureau").status_code == 200
