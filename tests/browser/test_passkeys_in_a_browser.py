"""A passkey in Chromium, with the authenticator that its DevTools simulate: made, presented, and asked for again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from commands import Command, free_port, running
from operators import SETTINGS
from people import CONTEST, MORNING, prepare
from playwright.sync_api import Browser, CDPSession, expect
from stage import Visitor, chromium

from vote import addresses, staff
from vote.db import Database
from vote.models import Role
from vote.tokens import Keys

OFFICER = addresses.parse("officer@example.org")
DEVICE = {
    **{"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True},
    **{"hasUserVerification": True, "isUserVerified": True},
}
NARROWEST = 320
SENTENCE_WITHOUT_SCRIPT = "Une clé d’accès ne peut répondre que par un script de cette page"


class Site:
    """A station under a name, as keys ask for one; its clock is set whenever it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://localhost:{self.port}"
        self.database = f"sqlite:///{folder / 'vote.db'}"
        prepare(self.database)
        with closing(Database(self.database)) as database:
            staff.add(database, CONTEST, OFFICER, "Omar", Role.OFFICER, MORNING, "les tests")

    def open(self, minutes: int = 0) -> AbstractContextManager[Command]:
        settings = {
            **{name: value for name, value in SETTINGS.items() if name != "SMTP_URL"},
            **{"DATABASE_URL": self.database, "PORT": str(self.port), "VOTE_PUBLIC_URL": self.url, "VOTE_DEMO": "1"},
            **{"VOTE_CLOCK": (MORNING + timedelta(minutes=minutes)).isoformat()},
            **{"VOTE_PIGEONHOLE": str(self.folder / "letters")},
        }
        return running("serve", "--host", "127.0.0.1", settings=settings, folder=self.folder)

    def invitation(self) -> str:
        with closing(Database(self.database)) as database:
            return f"/entrer/{staff.invite(database, Keys((SETTINGS['VOTE_SECRET'],)), OFFICER, MORNING)}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def give_a_device(visitor: Visitor) -> tuple[CDPSession, str]:
    tools = visitor.context.new_cdp_session(visitor.page)
    tools.send("WebAuthn.enable")
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return tools, str(made["authenticatorId"])


def sign_in(visitor: Visitor, site: Site) -> None:
    visitor.open(site.invitation())
    visitor.press("Entrer")


def name_a_key(visitor: Visitor) -> None:
    visitor.write("Nom de la clé", "téléphone")
    visitor.press("Continuer")


def test_an_officer_makes_a_passkey_signs_in_with_it_and_acts_by_it(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path)
    officer = Visitor(browser, site.url, width=NARROWEST)
    tools, device = give_a_device(officer)
    page = officer.page
    with site.open() as serve:
        serve.wait_until_up(site.url)
        sign_in(officer, site)
        officer.follow("Vos clés d’accès")
        name_a_key(officer)
        officer.press("Créer la clé")
        expect(page.get_by_role("region", name="Vos clés")).to_contain_text("téléphone")
        officer.press("Sortir")

        sign_in(officer, site)
        expect(page.get_by_role("heading", level=1)).to_have_text("Entrer avec votre clé d’accès")
        # The device does not know who holds it: nothing is sent, and one may try again.
        tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
        page.get_by_role("button", name="Présenter ma clé").click()
        expect(page.get_by_role("status")).to_have_text("Aucune clé n’a répondu. Vous pouvez recommencer.")
        tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
        officer.press("Présenter ma clé")
        expect(page).to_have_url(f"{site.url}/bureau")

        silent = Visitor(browser, site.url, scripts=False, width=NARROWEST)
        sign_in(silent, site)
        expect(silent.page.get_by_role("status")).to_contain_text(SENTENCE_WITHOUT_SCRIPT)
        expect(silent.page.get_by_role("button", name="Présenter ma clé")).to_have_count(0)
    with site.open(minutes=16) as serve:
        serve.wait_until_up(site.url)
        officer.open("/bureau")
        officer.act("Clore le vote avant la date", "La salle ferme plus tôt.", "CLORE")
        expect(page.get_by_role("main")).to_contain_text("rien n’est encore fait")
        officer.press("Confirmer l’acte avec ma clé")
        expect(page.get_by_role("main")).to_contain_text("Le vote est clos.")
        officer.open("/bureau/cles")
        officer.press("Retirer téléphone")
        expect(page.get_by_role("main")).to_contain_text("Vous n’avez pas de clé d’accès")
    assert officer.complaints + silent.complaints == []


def test_at_an_address_without_a_name_the_page_says_that_keys_need_one(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.url = f"http://127.0.0.1:{site.port}"
    officer = Visitor(browser, site.url, width=NARROWEST)
    give_a_device(officer)
    with site.open() as serve:
        serve.wait_until_up(site.url)
        sign_in(officer, site)
        officer.open("/bureau/cles")
        name_a_key(officer)
        officer.page.get_by_role("button", name="Créer la clé").click()
        expect(officer.page.get_by_role("status")).to_have_text(re.compile("un site qui a un nom"))
    assert officer.complaints == []
