"""The voting day in Chromium, against the demonstration as a newcomer starts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect
from stage import Demonstration, Visitor, chromium, demonstration

ILOT, MEDICAL, PERMIS = "L’Îlot Femmes", "Bien-être médical", "Permis de Construire"
NOT_YET = "Votre vote n’est pas encore compté."
COUNTED = "Merci, votre vote est compté"
NARROWEST = 320
PUBLIC = (
    *("/laureats/ilot-femmes", "/laureats/bien-etre-medical", "/laureats/permis-de-construire", "/laureats/personne"),
    *("/confirmation", "/confirmation/abc", "/recu", "/urne", "/urne?code=abc", "/urne?code=0000-0000-0000-0000"),
    *("/resultats", "/reglement", "/donnees-personnelles", "/accessibilite", "/entrer", "/entrer/code", "/nulle-part"),
)
# The whole card of a choice shows the focus of its radio button.
SEES_FOCUS = """element => [element, element.closest(".choice")].some(shown => {
    const style = shown && getComputedStyle(shown);
    return style && style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 3;
})"""

Welcome = Callable[..., Visitor]


# Not for the session: while Playwright runs, nobody else in this process can start an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demonstration]:
    with demonstration(tmp_path) as running:
        yield running


@pytest.fixture
def welcome(browser: Browser, demo: Demonstration) -> Iterator[Welcome]:
    """Lets a visitor in, with the narrowest window; in the end none may have found anything to complain of."""
    visitors: list[Visitor] = []

    def come(*, scripts: bool = True) -> Visitor:
        visitors.append(Visitor(browser, demo.url, scripts=scripts, width=NARROWEST))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
    complaints = "\n".join(complaint for visitor in visitors for complaint in visitor.complaints)
    assert not complaints, complaints


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_people_play_the_whole_day(welcome: Welcome, demo: Demonstration, scripts: bool) -> None:
    juror, officer, marie, paul, lea = (welcome(scripts=scripts) for _ in range(5))
    enter(juror, demo.juror)
    assert votes_seen(juror) == "0"

    receipt = vote_by_code(marie, ILOT, "ab@gmail.com")
    vote_by_link(paul, PERMIS, "paul@example.org")
    lea.ask_for_a_letter(MEDICAL, "lea@example.org")
    vote_in_another_browser(welcome(scripts=scripts), ILOT, "lea@example.org")
    try_again(marie, PERMIS, "a.b+x@gmail.com")
    watch_the_count_move(juror, scripts=scripts)

    # Somebody of the same household is late: the code is there, the officers are quicker.
    late = lea
    late.ask_for_a_letter(MEDICAL, "late@example.org")
    late.write("Le code à 6 chiffres", late.read_code("late@example.org"))
    enter(officer, demo.officer)
    expect(officer.page.get_by_role("main")).to_contain_text("3 signatures, 3 bulletins : l’urne est équilibrée.")
    officer.act("Clore le vote avant la date", "La salle ferme plus tôt.", "CLORE")
    expect(officer.page.get_by_role("main")).to_contain_text("Le vote est clos.")
    page = late.press("Je confirme mon vote")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ce bulletin n’a pas été compté")
    expect(late.open("/").get_by_role("main")).to_contain_text("les résultats paraîtront ici")

    officer.act("Proclamer les résultats", "Le compte est bon.", "PROCLAMER")
    page = marie.open("/resultats")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{ILOT} reçoit le Prix Coup de Cœur")
    expect(page.get_by_role("row", name=ILOT)).to_contain_text("66,7")
    expect(page.get_by_role("listitem").filter(has_text="Clôture")).to_contain_text("La salle ferme plus tôt.")
    page = marie.follow("Vérifier un code de suivi")
    marie.write("Votre code de suivi", receipt)
    marie.press("Vérifier")
    expect(page.get_by_role("status").first).to_contain_text("Ce bulletin est dans l’urne.")
    if scripts:
        expect(page.get_by_role("status").last).to_contain_text("Vérifié par votre navigateur")


def test_somebody_without_a_mouse_votes_and_checks_the_receipt(welcome: Welcome) -> None:
    voter = welcome()
    page = voter.open("/")
    tab_to(page.get_by_role("link", name="Aller au contenu"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    # An empty ballot first: what is wrong has the focus, and leads to the fields.
    tab_to(page.get_by_role("button", name="Recevoir mon code"))
    voter.strike("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    tab_to(page.get_by_role("alert").get_by_role("link").first)
    page.keyboard.press("Enter")
    # Whichever laureates stand first and second in this minute.
    first, second = page.get_by_role("radio").nth(0), page.get_by_role("radio").nth(1)
    expect(first).to_be_focused()
    page.keyboard.press("Space")
    expect(first).to_be_checked()
    page.keyboard.press("ArrowDown")
    expect(second).to_be_checked()
    tab_to(page.get_by_label("Votre adresse électronique"))
    page.keyboard.type("marie@example.org")
    voter.strike("Enter")
    code = voter.read_code("marie@example.org")
    tab_to(page.get_by_label("Le code à 6 chiffres"))
    page.keyboard.type(code)
    voter.strike("Enter")
    receipt = read_receipt(voter)
    tab_to(page.get_by_role("main").get_by_role("link", name="Vérifier"))
    voter.strike("Enter")
    tab_to(page.get_by_label("Votre code de suivi"))
    page.keyboard.type(receipt.lower())
    voter.strike("Enter")
    expect(page.get_by_role("status")).to_contain_text("Ce bulletin est compté.")


def test_no_public_page_is_wider_than_the_narrowest_telephone(welcome: Welcome) -> None:
    """Nor are the ones that say no. The visitor complains of what sticks out."""
    visitor = welcome()
    for address in PUBLIC:
        expect(visitor.open(address).get_by_role("heading", level=1)).to_have_count(1)


def enter(member: Visitor, link: str) -> None:
    member.open(link)
    member.press("Entrer")


def vote_by_code(voter: Visitor, laureate: str, address: str) -> str:
    page = voter.ask_for_a_letter(laureate, address)
    expect(page.get_by_role("main")).to_contain_text(NOT_YET)
    expect(page.get_by_role("main")).to_contain_text(f"Votre choix : {laureate}")
    voter.type_code(voter.read_code(address))
    return read_receipt(voter)


def vote_by_link(voter: Visitor, laureate: str, address: str) -> None:
    """In the browser that holds the ballot, one press is enough."""
    voter.ask_for_a_letter(laureate, address)
    page = voter.open_letter_link(address)
    expect(page.get_by_role("main")).to_contain_text(NOT_YET)
    expect(page.get_by_role("main")).to_contain_text(f"Vous avez choisi {laureate}")
    voter.press("Je confirme mon vote")
    read_receipt(voter)


def vote_in_another_browser(voter: Visitor, laureate: str, address: str) -> None:
    """Here nothing is chosen, and who presses the button without choosing is asked again."""
    page = voter.open_letter_link(address)
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page = voter.press("Je confirme mon vote")
    expect(page.get_by_role("alert")).to_contain_text("aucune n’est cochée")
    voter.choose(laureate)
    voter.press("Je confirme mon vote")
    read_receipt(voter)


def try_again(voter: Visitor, laureate: str, address: str) -> None:
    """The page says what it says to everybody; only the mailbox learns that its vote is counted."""
    page = voter.ask_for_a_letter(laureate, address)
    expect(page.get_by_role("main")).to_contain_text(NOT_YET)
    letter = voter.open_mailbox(address).get_by_role("article")
    expect(letter).to_have_count(1)
    expect(letter.get_by_role("heading")).to_have_text("Votre vote est déjà compté")
    expect(letter.get_by_role("link")).to_have_count(0)


def watch_the_count_move(juror: Visitor, *, scripts: bool) -> None:
    """With scripts by itself; without, by reloading."""
    if not scripts:
        assert votes_seen(juror) == "0"
        juror.reload()
    expect(juror.page.locator(".figure strong")).to_have_text("3")
    expect(juror.page.get_by_role("row", name=ILOT)).to_contain_text("66,7")
    expect(juror.page.get_by_role("status")).to_have_text(
        "à jour" if scripts else "Rechargez la page pour des chiffres plus récents."
    )


def votes_seen(juror: Visitor) -> str:
    return juror.page.locator(".figure strong").inner_text()


def read_receipt(voter: Visitor) -> str:
    expect(voter.page.get_by_role("heading", level=1)).to_have_text(COUNTED)
    return voter.receipt()


def tab_to(wanted: Locator) -> None:
    """Like somebody who sees where the focus is, at every stop on the way."""
    page = wanted.page
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count():
            assert focused.evaluate(SEES_FOCUS), focused.evaluate("element => element.outerHTML")
            if wanted.evaluate("element => element === document.activeElement"):
                return
    raise AssertionError(f"never reached by the Tab key: {wanted}")
