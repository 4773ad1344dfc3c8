"""The bureau: officers act with a reason and a typed word, on the record, and see no count of anybody."""

from __future__ import annotations

import re

import pytest
from httpx2 import Response
from people import CONTEST, EDITION, House, Member
from sqlalchemy import insert, select

from vote import contests, minutes, tally
from vote.models import Act, Contest, Envelope, Minute, Signature

LATER = "2019-11-24T23:59"
PLANTED = (793, 684, 557)


@pytest.fixture
def officer(house: House) -> Member:
    return house.officer()


def contest(house: House) -> Contest:
    with house.database.reading() as session:
        return contests.read(session, CONTEST)


def plant(house: House) -> None:
    """A whole vote whose counts would be recognised anywhere."""
    votes = dict(zip((laureate.slug for laureate in EDITION.laureates), PLANTED, strict=True))
    slugs = [slug for slug, number in votes.items() for _ in range(number)]
    common = {"contest": CONTEST, "salt": b"", "window_at": house.clock.now()}
    ballots = [{"ballot_code": n.to_bytes(10), "laureate": slug, **common} for n, slug in enumerate(slugs)]
    with house.database.writing() as session:
        session.execute(insert(Envelope), ballots)
        session.execute(
            insert(Signature), [{"contest": CONTEST, "voter_key": n.to_bytes(32)} for n in range(len(slugs))]
        )
        tally.move(session, CONTEST, 0, votes, sum(votes.values()), house.clock.now())


def last_minute(house: House) -> Minute:
    with house.database.reading() as session:
        return minutes.read(session, CONTEST)[-1]


def field(page: str, identifier: str) -> str:
    """The tag of a field."""
    found = re.search(rf'<input id="{identifier}"[^>]*>', page)
    assert found, identifier
    return found.group()


def test_a_closure_is_a_minute_with_who_when_and_why(house: House, officer: Member) -> None:
    page = officer.close(reason="  Panne  générale\r\ndu réseau. ")
    assert (page.status_code, page.url.path) == (200, "/bureau")
    assert "Le vote est <strong>clos</strong>" in page.text
    assert "Panne générale du réseau." in page.text
    line = last_minute(house)
    assert (line.act, line.who, line.why) == (Act.CLOSURE, "Camille (officer)", "Panne générale du réseau.")
    assert line.at == contest(house).closed_at == house.clock.now()
    assert line.before == {"closes_at": "2019-11-21T23:00:00+00:00"}


def test_an_extension_is_told_in_paris_time(house: House, officer: Member) -> None:
    page = officer.extend(LATER)
    assert page.status_code == 200
    assert contest(house).closes_at.isoformat() == "2019-11-24T23:00:00+00:00"
    assert "dimanche 24\u00a0novembre\u00a02019 à\u00a023\u00a0h\u00a059" in page.text
    assert last_minute(house).after == {"closes_at": "2019-11-24T23:00:00+00:00"}
    house.clock.moment = EDITION.closes_at
    assert house.voter("marie@example.org").vote()


def test_the_results_are_published_by_the_bureau_and_read_by_all(house: House, officer: Member) -> None:
    house.voter("marie@example.org").vote("ilot-femmes")
    officer.close()
    page = officer.publish(reason="Fin du dépouillement")
    assert (page.status_code, page.url.path) == (200, "/resultats")
    assert "Fin du dépouillement" in house.client().get("/resultats").text
    assert "proclamés</strong> depuis le" in officer.client.get("/bureau").text
    assert last_minute(house).after == {"votes": {"ilot-femmes": 1}, "signatures": 1, "ballots": 1}


@pytest.mark.parametrize(
    ("address", "word", "form"),
    [
        ("/bureau/cloture", "CLORE", "closure"),
        ("/bureau/prolongation", "PROLONGER", "extension"),
        ("/bureau/proclamation", "PROCLAMER", "publication"),
    ],
)
def test_an_act_asks_for_a_reason_and_its_word_and_keeps_what_was_typed(
    house: House, officer: Member, address: str, word: str, form: str
) -> None:
    if form == "publication":
        officer.close()
    before = house.contents()

    page = officer.client.post(address, data={"until": LATER, "reason": "", "word": f"{word} oui"})
    assert page.status_code == 422
    assert page.text.count('aria-invalid="true"') == 2
    assert 'aria-invalid="true"' in field(page.text, f"{form}-reason")
    assert f'value="{word} oui"' in field(page.text, f"{form}-word")
    assert f'href="#{form}-word"' in page.text

    page = officer.client.post(address, data={"until": LATER, "reason": 'Un "motif" <b>', "word": word.lower()})
    assert page.status_code == 422
    assert 'value="Un &#34;motif&#34; &lt;b&gt;"' in field(page.text, f"{form}-reason")
    if form == "extension":
        assert f'value="{LATER}"' in field(page.text, "extension-until")

    page = officer.client.post(address, data={"until": LATER, "reason": "x" * 501, "word": word})
    assert "trop longue" in page.text
    assert house.contents() == before


def test_a_deadline_that_cannot_be_is_told_beside_its_field(house: House, officer: Member) -> None:
    for until, sentence in {
        "": "Donnez la date",
        "demain": "Donnez la date",
        "2019-11-21T12:00": "doit suivre celle d’aujourd’hui",
        "2019-11-21T23:59": "doit suivre celle d’aujourd’hui",
        "2020-01-18T00:00": "soixante jours au plus",
        "0001-01-01T00:00": "doit suivre",
        "9999-12-31T23:59": "soixante jours au plus",
    }.items():
        page = officer.extend(until)
        assert page.status_code == 422
        assert sentence in page.text, until
        assert 'aria-invalid="true"' in field(page.text, "extension-until")
        assert 'value="Essai"' in field(page.text, "extension-reason")
    assert contest(house).closes_at == EDITION.closes_at


def test_acts_are_refused_in_the_wrong_state(house: House, officer: Member) -> None:
    def refused(*answers: Response) -> str:
        assert [answer.status_code for answer in answers] == [409] * len(answers)
        return answers[-1].text

    morning, house.clock.moment = house.clock.moment, EDITION.opens_at
    house.clock.forward(seconds=-1)
    early = house.officer()
    assert "il ouvre le" in refused(early.close(), early.extend(LATER), early.publish())
    house.clock.moment = morning
    assert "La proclamation attend la clôture" in refused(officer.publish())
    officer.close()
    assert "il est clos" in refused(officer.close(), officer.extend(LATER))
    officer.publish()
    before = house.contents()
    assert "déjà proclamés" in refused(officer.close(), officer.extend(LATER), officer.publish())
    assert house.contents() == before


def test_only_the_acts_that_are_possible_are_offered(house: House, officer: Member) -> None:
    def offered() -> list[str]:
        return re.findall(r'action="/bureau/(\w+)"', officer.client.get("/bureau").text)

    assert offered() == ["controle", "prolongation", "cloture"]
    officer.close()
    assert offered() == ["controle", "proclamation"]
    officer.publish()
    assert offered() == ["controle"]


def test_publication_is_refused_while_the_counts_disagree(house: House, officer: Member) -> None:
    house.voter("marie@example.org").vote()
    officer.close()
    with house.database.writing() as session:
        session.delete(session.scalars(select(Envelope)).one())
    page = officer.publish()
    assert page.status_code == 409
    assert "ne concordent pas" in page.text
    assert "Le décompte en cours n’est pas celui des bulletins." in page.text
    house.officer().client.post("/bureau/controle", data={})
    for room, told in (
        ("/bureau", "Le décompte en cours n’est pas celui des bulletins."),
        ("/en/bureau", "The running count is not that of the ballots."),
    ):
        assert told in officer.client.get(room).text
    assert contest(house).published_at is None
    desk = officer.client.get("/bureau").text
    assert "ÉCART" in desk
    assert "1 signature, 0 bulletin :" in desk


def test_the_desk_tells_turnout_balance_letters_and_minutes(house: House, officer: Member) -> None:
    house.voter("marie@example.org").vote()
    house.voter("paul@example.org").choose()
    page = re.sub(r"\s+", " ", officer.client.get("/bureau").text)
    assert "<strong>1</strong> votant" in page
    assert "l’urne est équilibrée" in page
    assert "Lettres en attente : 1, parties : 1, refusées par leur fournisseur : 0." in page
    numbers = [int(number) for number in re.findall(r"<tr> <td>(\d+)</td>", page)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "Première publication de l’édition." in page


def test_no_page_of_the_officers_tells_a_count_by_laureate(house: House, officer: Member) -> None:
    plant(house)
    pages = [officer.client.get("/bureau"), officer.extend("x"), officer.extend(LATER), officer.close(word="")]
    pages += [officer.close(), officer.publish(word=""), officer.client.get("/jury"), officer.client.get("/resultats")]
    for page in pages:
        assert not re.findall(rf"\b(?:{'|'.join(map(str, PLANTED))})\b", f"{page.headers}{page.text}")
    assert f"{sum(PLANTED):,} signatures".replace(",", "\u202f") in pages[0].text
    published = officer.publish().text
    assert all(f">{votes}<" in published for votes in PLANTED)
