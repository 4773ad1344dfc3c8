"""Every page and state, for every ability: axe-core, narrow and wide windows, loose text, no colours, one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pictures import Photographer, age_sessions, demonstration_at, hold_a_passkey
from playwright.sync_api import Browser, Page
from stage import PHONE, Demonstration, Visitor, chromium

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# What WCAG 2.2 asks at A and AA, what is good practice, and the contrast of level AAA.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """([runOnly, rules]) => axe.run(document, {runOnly, rules, resultTypes: ["violations"]}).then(
    found => found.violations.flatMap(rule =>
        rule.nodes.map(node => `${rule.id}: ${node.target} (${node.html.slice(0, 120)})`)
))"""
ALL = [{"type": "tag", "values": TAGS}, {"color-contrast-enhanced": {"enabled": True}}]
WIDTHS = (320, PHONE, 768, 1280, 1920)
# A second scheme changes nothing else.
COLOURS = [{"type": "rule", "values": ["color-contrast", "color-contrast-enhanced", "link-in-text-block"]}, {}]
# WCAG 2.2, 1.4.12; the sheet is made by script, as the policy refuses one written in the page.
LOOSE = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
        * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
        p { margin-bottom: 2em !important; }`);
    document.adoptedStyleSheets = [sheet];
}"""
MORNING, TOO_EARLY, LAST_HOUR = "2019-11-18T10:00:00+01:00", "2019-11-06T18:30:00+01:00", "2019-11-21T23:20:00+01:00"
ILOT = "L’Îlot Femmes"
LAST = {"fr": "Dernière heure", "en": "Last hour"}
STILL = (
    *("/", "/laureats/ilot-femmes", "/confirmation", "/confirmation/abc", "/recu", "/urne", "/urne?code=abc"),
    *("/resultats", "/resultats/carte", "/reglement", "/donnees-personnelles", "/accessibilite"),
    *("/mentions-legales", "/entrer", "/entrer/code", "/nulle-part", "/demo/courrier"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


class Inspector(Visitor):
    """A visitor who runs axe in light and dark, and looks whether anything sticks out, and keeps what was wrong."""

    thorough = False

    def inspect(self, widths: Sequence[int] = (PHONE,)) -> Page:
        if self.page.locator("html").get_attribute("lang") != self.lang:
            self.complaints.append(f"language: {self.page.url}")
        self.page.evaluate(AXE)
        for width in WIDTHS if self.thorough else widths:
            self.page.set_viewport_size({"width": width, "height": 844})
            self._run(ALL, f"{width} light")
            if self.thorough or width == PHONE:
                self.page.emulate_media(color_scheme="dark")
                self._run(ALL if self.thorough else COLOURS, f"{width} dark")
                self.page.emulate_media(color_scheme="light")
            self._arrived()
        self.page.set_viewport_size({"width": 320, "height": 844})
        self._arrived()
        self.page.evaluate(LOOSE)
        self._arrived()
        self.page.set_viewport_size({"width": PHONE, "height": 844})
        page: Page = self.page
        return page

    def _run(self, rules: list[Any], seen: str) -> None:
        self.complaints += [f"{self.page.url} {seen}: {problem}" for problem in self.page.evaluate(RUN, rules)]

    def look(self, address: str, widths: Sequence[int] = (PHONE,)) -> Page:
        self.open(address)
        return self.inspect(widths)


@pytest.mark.parametrize(
    ("lang", "scripts", "thorough"),
    [
        pytest.param("fr", True, False, id="French"),
        pytest.param("en", False, False, id="English without scripts"),
        # `make abilities`: everything with everything.
        *(
            pytest.param(lang, scripts, True, id=f"{lang}, scripts: {scripts}", marks=pytest.mark.thorough)
            for lang in ("fr", "en")
            for scripts in (True, False)
        ),
    ],
)
def test_no_page_or_state_breaks_a_rule_of_axe(
    browser: Browser, folder: Path, lang: str, scripts: bool, thorough: bool
) -> None:
    def come(demo: Demonstration) -> Inspector:
        inspector = Inspector(browser, demo.url, lang=lang)
        inspector.thorough = thorough
        if not scripts:
            # Without ours: axe itself needs the browser's.
            nothing = {"body": "", "content_type": "text/javascript"}
            inspector.context.route("**/static/*.js*", lambda route: route.fulfill(**nothing))
        inspectors.append(inspector)
        return inspector

    inspectors: list[Inspector] = []
    with demonstration_at(folder, MORNING) as demo:
        public = come(demo)
        for address in STILL:
            public.look(address, (320, PHONE, 1920) if address == "/" else (PHONE,))
        inspect_a_vote(come(demo))
        inspect_the_rooms(come(demo), come(demo), demo)
        inspect_the_passkeys(come(demo), folder)
        for address in ("/", "/resultats", "/resultats/carte", "/proces-verbal"):
            public.look(address, (PHONE, 1920))
    for instant, name in ((TOO_EARLY, "before"), (LAST_HOUR, "last")):
        (folder / name).mkdir()
        with demonstration_at(folder / name, instant) as demo:
            assert (LAST[lang] in come(demo).look("/").inner_text("main")) == (instant == LAST_HOUR)
    complaints = [complaint for inspector in inspectors for complaint in inspector.complaints]
    assert not complaints, "\n".join(complaints)


def inspect_a_vote(voter: Inspector) -> None:
    voter.open("/")
    voter.press("Recevoir mon code")
    voter.inspect()
    voter.ask_for_a_letter(ILOT, "marie@gmial.com")
    voter.inspect()
    voter.press("Non, garder l’adresse tapée")
    voter.inspect()
    code = voter.read_code("marie@gmial.com")
    voter.type_code("000000" if code != "000 000" else "111111")
    voter.inspect()
    voter.open_letter_link("marie@gmial.com")
    voter.inspect()
    voter.press("Je confirme mon vote")
    voter.inspect((PHONE, 1920))


def inspect_the_rooms(juror: Inspector, officer: Inspector, demo: Demonstration) -> None:
    juror.look(demo.juror)
    juror.press("Entrer")
    juror.inspect((320, PHONE, 1920))
    officer.open(demo.officer)
    officer.press("Entrer")
    officer.inspect((320, PHONE, 1920))
    officer.act("Clore le vote avant la date", "", "CLORE")
    officer.inspect()
    officer.act("Clore le vote avant la date", "La salle ferme.", "CLORE")
    officer.inspect()
    officer.look("/")
    officer.open("/bureau")
    officer.act("Proclamer les résultats", "Le compte est bon.", "PROCLAMER")
    officer.look("/bureau")


def inspect_the_passkeys(officer: Inspector, folder: Path) -> None:
    officer.sign_in("bureau@example.org")
    officer.look("/bureau/cles")
    officer.press("Continuer")
    officer.inspect()
    officer.write("Nom de la clé", "clé")
    officer.press("Continuer")
    officer.inspect()
    hold_a_passkey(folder, "téléphone")
    officer.look("/bureau/cles")
    age_sessions(folder)
    officer.press("Retirer")
    officer.inspect()
    officer.sign_in("bureau@example.org")
    officer.inspect()


def test_one_screen_of_a_telephone_says_what_who_until_when_and_how(browser: Browser, folder: Path) -> None:
    with demonstration_at(folder, MORNING) as demo:
        visitor = Visitor(browser, demo.url)
        page = visitor.open("/")
        page.set_viewport_size({"width": PHONE, "height": 844})
        lead = page.locator(".lead")
        for shown in (page.get_by_role("heading", level=1), lead, page.locator(".steps"), page.locator(".card").first):
            box = shown.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 844, shown
        assert all(name in lead.inner_text() for name in (ILOT, "Bien-être médical", "Permis de Construire"))
        assert "il reste moins de 4 jours" in lead.inner_text().replace("\u00a0", " ").lower()
        heights = {round(box["height"]) for card in page.locator(".card").all() if (box := card.bounding_box())}
        assert len(heights) == 1  # equal weight


def test_a_choice_is_seen_without_colours_and_nothing_moves_unasked(browser: Browser, folder: Path) -> None:
    with demonstration_at(folder, MORNING) as demo:
        visitor = Visitor(browser, demo.url)
        page = visitor.open("/")
        page.emulate_media(forced_colors="active", reduced_motion="reduce")
        visitor.choose(ILOT)
        card = page.locator(".choice:has(:checked)")
        assert card.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        assert card.locator(".picked").is_visible()
        moving = "[...document.querySelectorAll('*')].some(e => getComputedStyle(e).transitionDuration !== '0s')"
        assert not page.evaluate(moving)
        assert page.evaluate("document.getAnimations().length") == 0


def test_the_jury_pauses_the_figures_and_puts_them_on_a_wall(browser: Browser, folder: Path) -> None:
    with demonstration_at(folder, MORNING) as demo:
        juror, voter = Photographer(browser, demo), Visitor(browser, demo.url)
        juror.open(demo.juror)
        page = juror.press("Entrer")
        page.get_by_role("status").get_by_text("à jour").wait_for()
        page.get_by_role("button", name="Mettre en pause").click()
        assert page.get_by_role("status").inner_text() == "en pause"
        voter.ask_for_a_letter(ILOT, "marie@example.org")
        voter.type_code(voter.read_code("marie@example.org"))
        page.wait_for_timeout(1200)
        assert page.locator(".figure strong").inner_text() == "0"
        assert page.get_by_role("log").inner_text() == ""  # screen readers are not told at each vote
        page.get_by_role("button", name="Mettre en pause").click()
        page.locator(".figure strong").get_by_text("1", exact=True).wait_for()
        page.get_by_role("button", name="Plein écran").click()
        page.wait_for_function("() => document.fullscreenElement !== null")
        size = page.locator(".figure strong").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 48
