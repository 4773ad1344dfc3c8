"""The jury's room: the count as it stands, and a minute for every look at it."""

from __future__ import annotations

import re

from pages_inspector import Page
from people import CONTEST, EDITION, House
from sqlalchemy import delete

from vote import minutes, tally
from vote.models import Act, RunningCount, Signature

NAME = "Camille (juror)"


def consultations(house: House) -> list[str]:
    with house.database.reading() as session:
        return [line.who for line in minutes.read(session, CONTEST) if line.act == Act.CONSULTATION]


def rows(page: str) -> list[tuple[str, str, str]]:
    """Name, votes and share of each laureate, as the table has them."""
    found = re.findall(
        r'<th scope="row">\s*([^<]+?)\s*<svg.*?<td class="number">(.*?)</td>\s*<td class="number">(.*?)</td>',
        page,
        re.S,
    )
    return [(name, votes, share) for name, votes, share in found]


def test_every_opening_of_the_page_is_a_minute_with_the_jurors_name(house: House) -> None:
    juror = house.juror()
    for opened in range(1, 4):
        assert juror.client.get("/jury").status_code == 200
        assert consultations(house) == [NAME] * opened


def test_a_look_at_the_live_figures_alone_is_a_minute_too(house: House) -> None:
    juror = house.juror()
    for _ in range(2):
        assert juror.client.head("/jury/flux").status_code == 200
    assert consultations(house) == [NAME]
    juror.client.get("/jury")
    juror.client.head("/jury/flux")
    assert consultations(house) == [NAME] * 2


def test_nobody_else_leaves_a_minute(house: House) -> None:
    house.client().get("/jury")
    house.officer().client.get("/jury")
    assert consultations(house) == []


def test_the_page_shows_every_laureate_in_the_order_of_the_ballot(house: House) -> None:
    names = [laureate.name for laureate in EDITION.laureates]
    slugs = [laureate.slug for laureate in EDITION.laureates]
    for number, slug in enumerate([slugs[2], slugs[2], slugs[0]]):
        house.voter(f"v{number}@example.org").vote(slug)
    page = house.juror().client.get("/jury").text
    assert rows(page) == [
        (names[0], "1", "33,3\u202f%"),
        (names[1], "0", "0,0\u202f%"),
        (names[2], "2", "66,7\u202f%"),
    ]
    assert "3 signatures, 3 bulletins\u00a0:" in page
    assert "l’urne est équilibrée" in page
    assert "lundi 18\u00a0novembre\u00a02019 à\u00a010\u00a0h\u00a000" in page


def test_the_page_can_be_read_before_the_first_vote(house: House) -> None:
    page = house.juror().client.get("/jury").text
    assert [(votes, share) for _, votes, share in rows(page)] == [("0", "0,0\u202f%")] * len(EDITION.laureates)
    assert "Participation par heure" not in page


def test_turnout_is_told_by_the_hour(house: House) -> None:
    house.voter("a@example.org").vote()
    house.clock.forward(hours=2)
    house.voter("b@example.org").vote()
    house.voter("c@example.org").vote()
    page = house.juror().client.get("/jury").text
    assert re.findall(r'<rect class="(\w+)"\s+x="([\d.]+)"', page) == [("fill", "10.5"), ("fill", "12.5")]
    hours = re.findall(r"à\u00a0(\d+)\u00a0h\u00a000</time></th>\s*<td class=\"number\">(\d+)</td>", page)
    assert hours == [("12", "2"), ("10", "1")]


def test_a_gap_between_signatures_and_ballots_is_shouted(house: House) -> None:
    house.voter("a@example.org").vote()
    with house.database.writing() as session:
        session.execute(delete(Signature))
    house.officer().client.post("/bureau/controle")  # as happens by itself each hour
    found = Page(house.juror().client.get("/jury").text)
    assert any(element.attributes.get("class") == "note alert" for element in found.elements)
    assert "0 signature à la liste d’émargement, 1 bulletin," in found.text("main")


def test_a_gap_between_the_votes_and_their_count_is_shouted_at_once(house: House) -> None:
    house.voter("a@example.org").vote()
    with house.database.writing() as session:
        session.execute(delete(RunningCount))
    page = house.juror().client.get("/jury").text
    assert "0 bulletin" in page
    assert "ÉCART" in page


def test_the_page_works_after_the_closure(house: House) -> None:
    house.voter("a@example.org").vote()
    house.officer().close()
    assert rows(house.juror().client.get("/jury").text)[0][1] == "1"


def test_two_counts_say_the_same_whenever_they_were_read(house: House) -> None:
    def read() -> tally.Count:
        with house.database.reading() as session:
            return tally.count(session, CONTEST, EDITION, house.clock.now())

    first = read()
    house.clock.forward(minutes=1)
    assert read().says_the_same(first)
    house.voter("a@example.org").vote()
    assert not read().says_the_same(first)
