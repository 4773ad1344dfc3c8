"""A ballot that cannot be used comes back with all that was typed, and nothing is kept of it."""

from urllib.parse import urlencode

from pages_inspector import Page
from people import House

FORM = "application/x-www-form-urlencoded"
SOMEBODY = "marie@example.org"
CHOSEN = "permis-de-construire"

MISTAKES = [
    ("no laureate", "", SOMEBODY, "laureate", "aucune n’est cochée"),
    ("an unknown laureate", "les-autres", SOMEBODY, "laureate", "n’est pas sur le bulletin"),
    ("a laureate in capitals", CHOSEN.upper(), SOMEBODY, "laureate", "n’est pas sur le bulletin"),
    ("no address", CHOSEN, "", "email", "Indiquez votre adresse"),
    ("an address of blanks", CHOSEN, "  \t ", "email", "Indiquez votre adresse"),
    ("half an address", CHOSEN, "marie@", "email", "incomplète ou contient une faute"),
    ("an address of 10 kB", CHOSEN, f"{'m' * 10_000}@example.org", "email", "trop longue"),
    ("a bell", CHOSEN, "marie\a@example.org", "email", "caractère invisible"),
    ("the end of a C string", CHOSEN, "marie\0@example.org", "email", "caractère invisible"),
    ("half a pair", CHOSEN, "marie\ud800@example.org", "email", "caractère invisible"),
    ("another header", CHOSEN, f"{SOMEBODY}\r\nBcc: paul@example.org", "email", "caractère invisible"),
    ("another header, shorter", CHOSEN, f"{SOMEBODY}\nBcc:paul@example.org", "email", "caractère invisible"),
    ("a second recipient", CHOSEN, f"{SOMEBODY}, paul@example.org", "email", "une seule adresse"),
    ("a second recipient, shorter", CHOSEN, f"{SOMEBODY};paul@example.org", "email", "une seule adresse"),
    ("a name around it", CHOSEN, f"Marie <{SOMEBODY}>", "email", "une seule adresse"),
    ("markup", CHOSEN, '"><script>alert(1)</script>', "email", "sans nom"),
]


def test_a_mistake_is_named_beside_its_field_and_what_was_typed_is_kept(house: House) -> None:
    before = house.contents()
    for name, laureate, email, wrong, sentence in MISTAKES:
        typed = urlencode({"laureate": laureate, "email": email}, errors="surrogatepass")
        answer = house.client().post("/bulletin", content=typed, headers={"Content-Type": FORM})
        page = Page(answer.text)
        kept = email.replace("\0", "\ufffd").replace("\a", "\ufffd").replace("\ud800", "\ufffd" * 3)
        assert answer.status_code == 422, name
        assert sentence in page.text_of(f"{wrong}-error"), name
        assert page.wrong_fields() == [wrong], name
        assert page.text("title").startswith("Erreur"), name
        assert page.field("email").attributes["value"] == kept, name
        assert page.chosen() == [laureate] * (laureate == CHOSEN), name
        assert "set-cookie" not in answer.headers, name
    assert house.contents() == before


def test_two_mistakes_are_told_at_once(house: House) -> None:
    answer = house.client().post("/bulletin", data={})
    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.wrong_fields() == ["laureate", "email"]
    assert {element.attributes["href"] for element in page.all("a")} >= {"#laureate", "#email"}


def test_a_wrong_correction_of_the_address_keeps_the_choice_and_the_letter_on_its_way(house: House) -> None:
    voter = house.voter(SOMEBODY)
    voter.choose(CHOSEN)
    answer = voter.choose(CHOSEN, address="marie@exemple,org")
    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.chosen() == [CHOSEN]
    assert page.field("email").attributes["value"] == "marie@exemple,org"
    voter.type_code()
    assert house.ballots() == {CHOSEN: 1}


def test_a_laureate_who_is_not_there_is_not_found(house: House) -> None:
    answer = house.client().get("/laureats/les-autres")
    assert answer.status_code == 404
    assert Page(answer.text).text("h1") == "Aucune structure lauréate ne porte ce nom."
