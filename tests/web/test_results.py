"""The results: figures that add up, ties told as ties, the same on the page and for machines."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages_inspector import Page
from people import EDITION, House

from vote import contests, results, tally
from vote.editions import Laureate, Text

FIRST, SECOND, THIRD = EDITION.laureates
VOTES = st.lists(st.integers(0, 10**7), min_size=2, max_size=12)


def proclaim(house: House, *votes: int) -> None:
    """So many people vote for each laureate, the officers close and publish."""
    for laureate, number in zip(EDITION.laureates, votes, strict=False):
        for voter in range(number):
            house.voter(f"{laureate.slug}.{voter}@example.org").vote(laureate.slug)
    officer = house.officer()
    assert officer.close().status_code == 200
    assert officer.publish().status_code == 200


def rows(page: Page) -> Iterator[list[str]]:
    """The cells of the table of votes, line by line."""
    for line in page.all("tr"):
        yield [page.text_in(cell) for cell in page.all("td", "th") if line in cell.around]


def test_before_the_publication_there_is_the_turnout_and_when_the_rest_will_come(house: House) -> None:
    house.voter("marie@example.org").vote()
    house.voter("paul@example.org").vote()
    page = Page(house.client().get("/resultats").text)
    assert page.text("h1") == "Les résultats viendront après le vote"
    assert "2 votants" in page.text("main")
    assert "jeudi 21\u00a0novembre\u00a02019 à\u00a023\u00a0h\u00a059" in page.text("main")
    assert not page.all("table")
    for address in ("/resultats.json", "/resultats.csv"):
        answer = house.client().get(address)
        assert answer.status_code == 409
        assert "pas encore proclamés" in Page(answer.text).text("h1")


def test_the_published_page_names_the_winner_and_every_figure(house: House) -> None:
    proclaim(house, 1, 2, 0)
    page = Page(house.client().get("/resultats").text)
    assert page.text("h1") == f"{SECOND.name} reçoit le {EDITION.title.fr}"
    assert list(rows(page))[1:4] == [
        ["1", SECOND.name, "2", "66,7\u202f%"],
        ["2", FIRST.name, "1", "33,3\u202f%"],
        ["3", THIRD.name, "0", "0,0\u202f%"],
    ]
    text = page.text("main")
    for words in ("Bulletins comptés\u00a0: 3", "Votants 3", "Clôture", "Proclamation", "Camille (officer)"):
        assert words in text
    assert "lundi 18\u00a0novembre\u00a02019 à\u00a010\u00a0h\u00a000" in text


def test_machines_read_the_same_figures_under_stable_keys(house: House) -> None:
    proclaim(house, 1, 2, 0)
    document = house.client().get("/resultats.json").json()
    assert list(document) == [
        *("contest", "laureates", "votes", "turnout", "set_aside", "rejected", "checkpoint", "minutes"),
    ]
    assert document["laureates"] == [
        {"slug": SECOND.slug, "name": SECOND.name, "votes": 2, "share": 66.7},
        {"slug": FIRST.slug, "name": FIRST.name, "votes": 1, "share": 33.3},
        {"slug": THIRD.slug, "name": THIRD.name, "votes": 0, "share": 0.0},
    ]
    assert (document["contest"], document["votes"], document["turnout"]) == (EDITION.contest, 3, 3)
    assert [line["act"] for line in document["minutes"]][-2:] == ["closure", "publication"]
    answer = house.client().get("/resultats.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["slug", "name", "votes", "share"],
        *([row["slug"], row["name"], str(row["votes"]), str(row["share"])] for row in document["laureates"]),
    ]


@pytest.mark.parametrize(
    ("votes", "first"), [((1, 0, 1), [FIRST, THIRD]), ((1, 1, 1), [FIRST, SECOND, THIRD])], ids=["of two", "of all"]
)
def test_a_tie_is_told_as_ex_aequo(house: House, votes: tuple[int, ...], first: list[Laureate]) -> None:
    proclaim(house, *votes)
    page = Page(house.client().get("/resultats").text)
    assert page.text("h1") == "Ex æquo\u00a0: " + " et ".join(laureate.name for laureate in first)
    assert [row[0] for row in rows(page)][1:4] == ["1"] * len(first) + ["3"] * (3 - len(first))
    found = house.client().get("/resultats.json").json()["laureates"]
    assert [row["votes"] for row in found] == sorted(votes, reverse=True)
    assert sum(row["share"] for row in found) == pytest.approx(100)


def test_a_contest_in_which_nobody_voted_has_results_too(house: House) -> None:
    proclaim(house)
    assert Page(house.client().get("/resultats").text).text("h1") == "Aucun bulletin n’a été déposé"
    document = house.client().get("/resultats.json").json()
    assert [(row["votes"], row["share"]) for row in document["laureates"]] == [(0, 0)] * 3


def test_an_awkward_name_comes_through_unharmed(house: House) -> None:
    name = "Les « Deux », 'Rives'; \"et\" =1+1 <b>& la\nsuite"
    awkward = replace(FIRST, name=name, summary=Text("<script>alert(1)</script>", "x"))
    contests.load(house.database, replace(EDITION, laureates=(awkward, SECOND, THIRD)), house.clock.now(), "les tests")
    proclaim(house, 1)
    page = house.client().get("/resultats").text
    assert "<b>" not in page
    assert json.loads(house.client().get("/resultats.json").text)["laureates"][0]["name"] == name
    assert list(csv.reader(io.StringIO(house.client().get("/resultats.csv").text, newline="")))[1][1] == name
    assert "<script>alert" not in house.client().get("/").text


@settings(deadline=None)
@given(VOTES)
def test_shares_add_up_to_a_hundred_and_none_is_a_tenth_off(votes: list[int]) -> None:
    shares, total = tally.tenths_of(votes), sum(votes)
    assert sum(shares) == (1000 if total else 0)
    for number, share in zip(votes, shares, strict=True):
        assert abs(share * total - number * 1000) < max(total, 1)
        assert all(share <= other for more, other in zip(votes, shares, strict=True) if more > number)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_rank_share_and_tie_agree(votes: list[int]) -> None:
    found = tally.standings(EDITION, dict(zip((one.slug for one in EDITION.laureates), votes, strict=True)))
    told = results.Results(EDITION.contest, found, sum(votes), sum(votes))
    assert [row.rank for row in found] == [1 + sum(other > number for other in votes) for number in votes]
    assert len(told.winners) == (votes.count(max(votes)) if sum(votes) else 0)
    assert told.tie == (len(told.winners) > 1)
    assert sum(int(re.sub(",", "", row.share)) for row in found) == (1000 if sum(votes) else 0)
