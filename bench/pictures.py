"""Pictures of every main page and state, telephone and desktop, light and dark, into pictures/: for eyes to look at."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path
from typing import Literal

import crowd
from playwright.sync_api import Browser
from stage import DESKTOP, PHONE, Demonstration, Visitor, chromium, demonstration

ALBUM = Path("pictures")
WIDTHS = {"phone": PHONE, "desktop": DESKTOP}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LAST_HOUR = "2019-11-21T23:20:00+01:00"
TOO_EARLY, EVE, MORNING = "2019-11-06T18:30:00+01:00", "2019-11-17", "2019-11-18T10:00:00+01:00"
DOUBTFUL = "somebody@yopmail.com"
# Voters by the hour of the eve, so that the chart of the jury has a shape.
EVENING = {17: 2, 18: 5, 20: 9, 21: 14, 22: 6}
ILOT, MEDICAL, PERMIS = "L’Îlot Femmes", "Bien-être médical", "Permis de Construire"


def main() -> None:
    shutil.rmtree(ALBUM, ignore_errors=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other, chromium() as browser:
        show_a_day(browser, Path(one))
        show_a_tie(browser, Path(other))
    print(f"{len(list(ALBUM.iterdir()))} pictures in {ALBUM}/ after {time.monotonic() - began:.0f} s.")


def show_a_day(browser: Browser, folder: Path) -> None:
    with demonstration_at(folder, TOO_EARLY) as demo:
        Photographer(browser, demo).see("home-before", "/")
    last = folder / "last"
    last.mkdir()
    with demonstration_at(last, LAST_HOUR) as demo:
        Photographer(browser, demo).see("home-last-hour", "/")
    for hour, voters in EVENING.items():
        # They vote as fast as machines, which screening would see.
        evening = demonstration_at(folder, f"{EVE}T{hour}:00:00+01:00", "--no-screening")
        with evening as demo, ThreadPoolExecutor(4) as pool:
            list(pool.map(partial(come, demo), (f"voter-{hour}-{number}" for number in range(voters))))
    with demonstration_at(folder, MORNING) as demo:
        show_voting(browser, demo, folder)
        show_letters(browser, demo, folder)
        show_notices(browser, demo)
        show_rooms(browser, demo)
        show_passkeys(browser, demo, folder)


def show_voting(browser: Browser, demo: Demonstration, folder: Path) -> None:
    voter = Photographer(browser, demo)
    voter.see("home", "/")
    voter.press("Recevoir mon code")
    voter.shoot("home-empty-ballot")
    voter.ask_for_a_letter(ILOT, "marie@example.org")
    code = voter.read_code("marie@example.org")
    voter.shoot("waiting")
    mistaken = Photographer(browser, demo)
    mistaken.ask_for_a_letter(ILOT, "marie@ornge.fr")
    mistaken.shoot("likelier-address")
    mistaken.press("Non, garder l’adresse tapée")
    mistaken.shoot("waiting-likelier-address")
    voter.page.get_by_text("Changer mon choix").click()
    voter.shoot("waiting-other-choice")
    voter.type_code("000000" if code != "000 000" else "111111")
    voter.shoot("waiting-wrong-code")
    refuse_letters(folder)
    voter.see("waiting-letter-refused", "/confirmation")
    voter.open_letter_link("marie@example.org")
    voter.shoot("link")
    link = voter.page.url
    elsewhere = Photographer(browser, demo)
    elsewhere.see("waiting-without-ballot", "/confirmation")
    elsewhere.see("link-elsewhere", link)
    elsewhere.press("Je confirme mon vote")
    elsewhere.shoot("link-elsewhere-nothing-chosen")
    voter.press("Je confirme mon vote")
    voter.shoot("receipt")
    voter.page.emulate_media(media="print")
    voter.page.screenshot(path=ALBUM / "receipt-printed.png", full_page=True)
    voter.page.emulate_media(media="screen")
    receipt = voter.receipt()
    elsewhere.open(link)
    elsewhere.choose(MEDICAL)
    elsewhere.press("Je confirme mon vote")
    elsewhere.shoot("already-counted")
    doubtful = Photographer(browser, demo)
    doubtful.ask_for_a_letter(PERMIS, DOUBTFUL)
    doubtful.type_code(doubtful.read_code(DOUBTFUL))
    doubtful.shoot("receipt-set-aside")
    doubtful.see("check-set-aside", f"/urne?code={doubtful.receipt()}")
    voter.see("check", "/urne")
    voter.see("check-counted", f"/urne?code={receipt}")
    voter.see("check-unknown", "/urne?code=0000-0000-0000-0000")
    voter.see("check-unreadable", "/urne?code=abc")


def show_letters(browser: Browser, demo: Demonstration, folder: Path) -> None:
    reader = Photographer(browser, demo)
    reader.ask_for_a_letter(PERMIS, "marie@example.org")
    reader.open("/entrer")
    reader.write("Votre adresse électronique", "jury@example.org")
    reader.press("Recevoir mon code")
    reader.shoot("sign-in-code")
    reader.open_mailbox("jury@example.org")
    reader.open_mailbox("marie@example.org")
    reader.shoot("mailbox")
    reader.see("mailbox-empty", "/demo/courrier?a=personne@example.org")
    for path in (folder / "letters").glob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = message.get_body(("html",))
        if body is not None and message["To"] in {"marie@example.org", "jury@example.org"}:
            reader.page.goto("about:blank")  # out of reach of our own content policy, as in a mail client
            reader.page.set_content(body.get_content())
            reader.shoot(f"letter-{message['Message-ID'].partition('.')[2].partition('@')[0]}")


def show_notices(browser: Browser, demo: Demonstration) -> None:
    reader = Photographer(browser, demo)
    for name, address in (
        ("laureate-ilot-femmes", "/laureats/ilot-femmes"),
        ("laureate-bien-etre-medical", "/laureats/bien-etre-medical"),
        ("laureate-permis-de-construire", "/laureats/permis-de-construire"),
        ("results-not-yet", "/resultats"),
        ("rules", "/reglement"),
        ("privacy", "/donnees-personnelles"),
        ("accessibility", "/accessibilite"),
        ("legal", "/mentions-legales"),
        ("card-not-yet", "/resultats/carte"),
        ("home-english", "/en/"),
        ("not-found", "/nulle-part"),
        ("link-damaged", "/confirmation/abc"),
        ("sign-in", "/entrer"),
    ):
        reader.see(name, address)
    reader.page.emulate_media(forced_colors="active")
    reader.open("/")
    reader.choose(MEDICAL)
    reader.page.screenshot(path=ALBUM / "home-forced-colours.png", full_page=True)


def show_rooms(browser: Browser, demo: Demonstration) -> None:
    juror, officer, late = (Photographer(browser, demo) for _ in range(3))
    juror.see("sign-in-link", demo.juror)
    juror.press("Entrer")
    juror.page.get_by_role("status").get_by_text("à jour").wait_for()
    juror.shoot("jury")
    juror.page.get_by_text("Les mêmes chiffres en tableau").click()
    juror.shoot("jury-table")
    officer.open(demo.officer)
    officer.press("Entrer")
    officer.shoot("bureau-open")
    officer.see("forbidden", "/jury")
    officer.open("/bureau")
    officer.act("Clore le vote avant la date", "", "clore")
    officer.shoot("bureau-refused-form")
    late.ask_for_a_letter(PERMIS, "late@example.org")
    code = late.read_code("late@example.org")
    officer.act("Clore le vote avant la date", "La salle ferme plus tôt.", "CLORE")
    officer.shoot("bureau-closed")
    group = officer.page.get_by_role("region", name="Adresses jetables")
    group.get_by_label("Rejeter ces bulletins, sans les ouvrir").check()
    group.get_by_label("Motif").fill("Adresse jetable.")
    officer.press("Décider")
    late.type_code(code)
    late.shoot("too-late")
    late.see("home-closed", "/")
    late.see("results-closed", "/resultats")
    officer.act("Proclamer les résultats", "Le compte est bon.", "PROCLAMER")
    late.see("results", "/resultats")
    late.see("card", "/resultats/carte")
    late.see("home-published", "/")
    officer.see("bureau-published", "/bureau")


def show_passkeys(browser: Browser, demo: Demonstration, folder: Path) -> None:
    officer = Photographer(browser, demo)
    officer.sign_in("bureau@example.org")
    officer.see("bureau-passkeys-none", "/bureau/cles")
    officer.write("Nom de la clé", "mon téléphone")
    officer.press("Continuer")
    officer.shoot("bureau-passkey-new")
    hold_a_passkey(folder)
    officer.see("bureau-passkeys", "/bureau/cles")
    age_sessions(folder)
    officer.press("Retirer")
    officer.shoot("passkey-again")
    officer.sign_in("bureau@example.org")
    officer.shoot("sign-in-passkey")


def show_a_tie(browser: Browser, folder: Path) -> None:
    with demonstration_at(folder, MORNING) as demo:
        come(demo, "paul", "bien-etre-medical")
        come(demo, "lea", "permis-de-construire")
        officer = Photographer(browser, demo)
        officer.open(demo.officer)
        officer.press("Entrer")
        officer.act("Clore le vote avant la date", "La salle ferme plus tôt.", "CLORE")
        officer.act("Proclamer les résultats", "Le compte est bon.", "PROCLAMER")
        officer.shoot("results-tie")


class Photographer(Visitor):
    """A visitor who keeps a picture of what they see."""

    def __init__(self, browser: Browser, demo: Demonstration) -> None:
        super().__init__(browser, demo.url)

    def see(self, name: str, address: str) -> None:
        self.open(address)
        self.shoot(name)

    def shoot(self, name: str) -> None:
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            for device, width in WIDTHS.items():
                self.page.set_viewport_size({"width": width, "height": 800})
                self.page.screenshot(
                    path=ALBUM / f"{name}-{device}-{scheme}.png", full_page=True, animations="disabled"
                )
        self.page.set_viewport_size({"width": PHONE, "height": 800})


def demonstration_at(folder: Path, instant: str, *options: str) -> AbstractContextManager[Demonstration]:
    (folder / "clock").write_text(instant, encoding="utf-8")
    return demonstration(folder, *options)


def come(demo: Demonstration, name: str, laureate: str | None = None) -> None:
    """Somebody votes, unseen."""
    crowd.vote_once(demo.url, f"{name}@example.org", lambda slugs: laureate or slugs[sum(name.encode()) % 5 % 3])


def refuse_letters(folder: Path) -> None:
    """What a provider's refusal leaves behind; the demonstration's own mailbox never refuses."""
    with closing(sqlite3.connect(folder / "vote.db")) as database, database:
        database.execute("UPDATE verifications SET delivery = 'refused' WHERE attempts > 0")


def hold_a_passkey(folder: Path, name: str = "mon téléphone") -> None:
    """What an officer's own device would leave behind; the demonstration has no name for one to answer to."""
    with closing(sqlite3.connect(folder / "vote.db")) as database, database:
        key = (b"key", "bureau@example.org", name, b"", 0, "2019-11-18 09:00:00.000000")
        database.execute(
            "INSERT INTO passkeys (id, staff, name, public, uses, added_at) VALUES (?, ?, ?, ?, ?, ?)", key
        )


def age_sessions(folder: Path) -> None:
    """As if everybody had signed in a day ago, and stayed."""
    with closing(sqlite3.connect(folder / "vote.db")) as database, database:
        database.execute("UPDATE sessions SET opened_at = datetime(opened_at, '-1 day')")


if __name__ == "__main__":
    main()
