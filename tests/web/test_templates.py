"""The templates and the texts: every one compiles, and French is set as French is."""

import re

import pytest
from pages_inspector import Page, faults
from people import EDITION, House

from vote import press
from vote.settings import ROOT

TEMPLATES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.*"))
# An ordinary blank, or none, where a fixed one belongs; addresses and figures of time aside.
LOOSE = re.compile(r".{0,20}(?: [;:!?»]|« |[^\s\u00a0\u202f:/][!?;»](?:\s|$)|«[^\u202f]).{0,20}")
PAGES = ("/", "/confirmation", "/urne", "/urne?code=x", "/resultats", "/reglement", "/donnees-personnelles")


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name: str) -> None:
    press._press("fr").get_template(name)


def test_what_people_read_is_set_as_french_is(house: House) -> None:
    assert all(LOOSE.search(text) for text in ("Quoi ?", "Quoi?", "Oui !", "« Oui »", "« Oui »", "Lui : elle"))
    voter = house.voter("marie@example.org")
    pages = [voter.browser.get(path) for path in (*PAGES, "/accessibilite", "/entrer", "/nowhere")]
    pages += [voter.browser.get(f"/laureats/{laureate.slug}") for laureate in EDITION.laureates]
    pages += [voter.choose(), voter.open_link(), voter.browser.post("/bulletin", data={})]
    pages += [voter.type_code("000000"), voter.type_code(), voter.browser.post("/confirmation", json={})]
    for page in pages:
        assert not LOOSE.findall(Page(page.text).text()), page.request.url


def test_the_inspector_sees_what_is_wrong() -> None:
    good = '<!DOCTYPE html><html lang="fr"><title>t</title><body><main><h1>x</h1>%s</main></body></html>'
    assert faults(good % "") == []
    for wrong in (
        "<h1>y</h1>",
        "<h3>y</h3>",
        "<p>",
        "</p>",
        '<p id="a"></p><p id="a"></p>',
        '<p class="a" class="b"></p>',
        '<a href="#nowhere">y</a>',
        '<input name="a">',
        '<label for="a">y</label><input id="a" name="a" aria-invalid="true">',
        "<fieldset></fieldset>",
        '<p style="color:red"></p>',
        '<p onclick="x"></p>',
        "<script>x</script>",
        '<form method="dialog"></form>',
        '<img src="https://elsewhere.example/x">',
        "<p>None</p>",
        "<p><div>x</div></p>",
        "<table><tr><td>x</td><p>y</p></tr></table>",
        "<p>&amp;amp;</p>",
    ):
        assert faults(good % wrong), wrong
    assert set(faults("<p>x</p>")) >= {"no doctype", "0 <h1>"}
