"""Under pressure: the proof of work in a real browser, with its script and without; and "that was not me"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect
from stage import Demonstration, Visitor, chromium, demonstration

VILLAGE = "village.example.org"
COUNTED, ASIDE = "Merci, votre vote est compté", "Votre bulletin est mis de côté"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """A demonstration in which a small domain has just asked for many letters."""
    folder: Path = tmp_path_factory.mktemp("hot")
    with demonstration(folder) as running:
        for number in range(60):
            form = urlencode({"laureate": "ilot-femmes", "email": f"membre{number}@{VILLAGE}"}).encode()
            with urlopen(Request(f"{running.url}/bulletin", form)) as answer:
                assert answer.status == 200
        yield running


@pytest.mark.parametrize(("scripts", "told"), [(True, COUNTED), (False, ASIDE)], ids=["scripts", "no scripts"])
def test_a_voter_of_a_hot_domain_votes_all_the_same(
    browser: Browser, hot: Demonstration, scripts: bool, told: str
) -> None:
    visitor = Visitor(browser, hot.url, scripts=scripts, width=320)
    address = f"marie-{scripts}@{VILLAGE}"
    page = visitor.open("/")
    page.get_by_label("Permis de Construire").check()
    page.get_by_label("Votre adresse électronique").fill(address)
    page.get_by_role("button", name="Recevoir mon code").click()
    if not scripts:
        expect(page.get_by_role("heading", level=1)).to_have_text("Une petite vérification")
        page.get_by_role("button", name="Continuer sans le calcul").click()
    page.wait_for_url("**/confirmation", timeout=20_000)
    page.get_by_label("Le code à 6 chiffres").fill(visitor.read_code(address))
    page.get_by_role("button", name="Je confirme mon vote").click()
    expect(page.get_by_role("main")).to_contain_text(told)
    visitor.context.close()
    # The page of the proof is a 429 and says so; nothing else may have gone wrong.
    assert [complaint for complaint in visitor.complaints if "429" not in complaint] == []
