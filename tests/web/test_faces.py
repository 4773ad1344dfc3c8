"""What the public is shown: equal cards, a true countdown, help with a typo, light pages, figures to share."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pages_inspector import Page
from people import EDITION, House

from vote import addresses, outbox, sealing, tally, words
from vote.models import Delivery, LetterKind
from vote.outbox import Posted
from vote.settings import ROOT
from vote.tally import Count, Hour
from vote.web import notices, shelf

MARIE = "marie@example.org"
FIRST_VISIT, SECOND_PAGE, LETTER = 30_000, 8_000, 12_000
# WCAG 2.2: text at level AAA, and what must only be told from what is beside it.
ENHANCED, NON_TEXT = 7, 3


def close_and_publish(house: House) -> None:
    officer = house.officer()
    officer.close()
    officer.publish()


def test_in_a_day_every_laureate_stands_in_every_place_and_before_every_other_equally_often() -> None:
    places: Counter[tuple[str, int]] = Counter()
    before: Counter[tuple[str, str]] = Counter()
    midnight = datetime(2019, 11, 18, tzinfo=UTC)
    for minute in range(24 * 60):
        turn = [laureate.slug for laureate in EDITION.in_turn(midnight + timedelta(minutes=minute))]
        places.update((slug, place) for place, slug in enumerate(turn))
        before.update((one, other) for place, one in enumerate(turn) for other in turn[place + 1 :])
    assert set(places.values()) == {24 * 60 // len(EDITION.laureates)}
    assert set(before.values()) == {24 * 60 // 2}


def test_the_order_is_one_for_all_in_a_minute_and_another_in_the_next(house: House) -> None:
    def order() -> list[str]:
        page = Page(house.client().get("/").text)
        return [found.attributes["value"] for found in page.all("input") if found.attributes.get("type") == "radio"]

    first = order()
    house.clock.forward(seconds=59)
    assert order() == first
    house.clock.forward(seconds=1)
    assert order() != first


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"days": 3, "hours": 1}, "moins de 4\u00a0jours"),
        ({"hours": 48}, "moins de 48\u00a0heures"),
        ({"minutes": 91}, "moins de 2\u00a0heures"),
        ({"minutes": 90}, "moins de 90\u00a0minutes"),
        ({"seconds": 61}, "moins de 2\u00a0minutes"),
        ({"seconds": 1}, "moins d’une minute"),
    ],
)
def test_what_is_said_to_be_left_stays_true_while_the_page_lies_open(left: dict[str, float], told: str) -> None:
    assert words.time_left(timedelta(**left)) == told


def test_the_last_hour_is_announced_where_people_choose_and_where_they_confirm(house: House) -> None:
    voter = house.voter(MARIE)
    house.clock.moment = EDITION.closes_at - timedelta(minutes=61)
    assert "Dernière heure" not in voter.browser.get("/").text
    house.clock.forward(minutes=1)
    pages = [voter.browser.get("/"), voter.choose(), voter.open_link()]
    assert all("au plus tard à <time" in page.text and "Dernière heure" in page.text for page in pages)
    assert all("23\u00a0h\u00a059" in Page(page.text).text("main") for page in pages)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("marie@gmial.com", "marie@gmail.com"),
        ("Marie@gmail.co", "Marie@gmail.com"),
        ("marie@hotmial.fr", "marie@hotmail.fr"),
        ("marie@ornge.fr", "marie@orange.fr"),
        ("marie@laposte.ne", "marie@laposte.net"),
        ("marie@gmail.com", None),
        ("marie@ymail.com", None),
        ("marie@mail.com", None),
        ("marie@example.org", None),
        ("marie@yahoo.de", None),
    ],
)
def test_a_slip_in_a_common_domain_is_seen_and_a_real_neighbour_is_not(typed: str, meant: str | None) -> None:
    assert addresses.probably_meant(typed) == meant


def test_the_receipt_shows_its_code_as_a_picture_too(house: House) -> None:
    voter = house.voter(MARIE)
    voter.choose()
    drawn = re.search(r'<div class="picture"[^>]*>(.*?)</div>', voter.type_code().text, re.DOTALL)
    assert drawn is not None
    assert drawn[1].startswith("<svg")


def test_a_likelier_address_is_offered_and_never_imposed(house: House) -> None:
    voter = house.voter("marie@ornge.fr")
    asked = voter.choose()
    assert (asked.status_code, house.letters("marie@ornge.fr"), house.letters("marie@orange.fr")) == (422, [], [])
    page = Page(asked.text)
    assert "Vouliez-vous écrire marie@orange.fr" in page.text("main")
    assert [found.attributes.get("value") for found in page.all("input") if found.attributes["name"] == "email"] == [
        *("marie@orange.fr", "marie@ornge.fr")
    ]
    page = Page(voter.choose(sure="oui").text)
    assert "L’adresse est-elle bien marie@ornge.fr" in page.text("main")
    assert "marie@orange.fr" in [found.attributes.get("value") for found in page.all("input")]
    assert voter.choose().request.url.path == "/confirmation"  # nobody is asked twice
    voter.type_code()  # whoever meant it votes with it
    assert house.ballots() == {"ilot-femmes": 1}
    corrected = house.voter("paul@gmial.com")
    corrected.choose(sure="oui")
    assert "est-elle bien" not in corrected.choose(address="paul@gmail.com").text


def test_a_first_visit_and_the_next_page_weigh_little(house: House) -> None:
    """As gzip packs them; a page asks for little, and for nothing elsewhere."""
    voter = house.voter(MARIE)
    home = voter.browser.get("/").text
    page = Page(home)
    asked = [link.attributes["href"] for link in page.all("link") if link.attributes["rel"] in {"stylesheet", "icon"}]
    asked += [found.attributes["src"] for found in page.all("script", "img")]
    parts = [gzip.compress(voter.browser.get(address).content) for address in asked]
    assert len(gzip.compress(home.encode())) + sum(map(len, parts)) <= FIRST_VISIT
    assert 1 + len(parts) <= 5
    for answer in (voter.browser.get("/laureats/ilot-femmes"), voter.choose(), voter.type_code()):
        assert len(gzip.compress(answer.content)) <= SECOND_PAGE
    for letter in house.letters(MARIE):
        for part in letter.walk():
            if part.get_content_maintype() == "text":
                assert len(part.get_content().encode()) <= LETTER


def test_the_palette_holds_its_contrasts_in_light_and_dark() -> None:
    style = (ROOT / "static" / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)[:2]
    )
    for palette in (light, light | dark):
        for ink in ("ink", "soft", "rose", "leaf"):
            for ground in ("paper", "card", "tint", "good"):
                assert contrast(palette[ink], palette[ground]) >= ENHANCED, (ink, ground)
        assert contrast(palette["on-rose"], palette["rose"]) >= ENHANCED
        assert all(contrast(palette["line"], palette[ground]) >= NON_TEXT for ground in ("paper", "card", "tint"))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_only_the_card_of_the_results_may_be_framed(house: House) -> None:
    house.voter(MARIE).vote()
    before = house.client().get("/resultats/carte")
    assert "voix" not in Page(before.text).text("main")
    close_and_publish(house)
    card = house.client().get("/resultats/carte")
    assert "1 voix, 100,0\u202f%" in Page(card.text).text("main")
    assert "frame-ancestors *" in card.headers["content-security-policy"]
    assert card.headers["cross-origin-resource-policy"] == "cross-origin"
    for address in ("/", "/resultats", "/urne", "/entrer"):
        assert "frame-ancestors 'none'" in house.client().get(address).headers["content-security-policy"]


def test_search_engines_read_the_published_figures_as_data(house: House) -> None:
    assert "ld+json" not in house.client().get("/resultats").text
    house.voter(MARIE).vote()
    close_and_publish(house)
    source = house.client().get("/resultats").text
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', source, re.S)
    assert found is not None
    (dataset,) = json.loads(found[1])["@graph"]
    assert dataset["@type"] == "Dataset"
    assert {row["name"]: row["value"] for row in dataset["variableMeasured"]}["L’Îlot Femmes"] == 1


def test_every_page_that_reads_the_database_says_which_box_it_saw(house: House) -> None:
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    for address in ("/", "/laureats/ilot-femmes", "/resultats", "/reglement", "/mentions-legales", "/urne"):
        page = Page(house.client().get(address).text)
        assert "Empreinte de l’urne" in page.text("footer"), address


def test_pages_that_are_shared_have_a_picture_of_their_own(house: House) -> None:
    def picture(address: str) -> str:
        metas = [meta.attributes for meta in Page(house.client().get(address).text).all("meta")]
        return next(meta["content"] for meta in metas if meta.get("property") == "og:image")

    pictures = {address: picture(address) for address in ("/", "/resultats", "/laureats/ilot-femmes")}
    assert len(set(pictures.values())) == 3
    for address in pictures.values():
        answer = house.client().get(address)
        assert answer.headers["content-type"] == "image/png"
        assert answer.content[16:24] == (1200).to_bytes(4) + (630).to_bytes(4)
        assert len(answer.content) < 20_000
    assert picture("/reglement") == pictures["/"]
    assert "icon-180.png" in shelf.items()


def test_what_the_organiser_alone_can_say_is_asked_for_and_never_invented(house: House) -> None:
    for address in ("/mentions-legales", "/donnees-personnelles"):
        page = Page(house.client().get(address).text).text("main")
        assert EDITION.organiser.fr in page
        assert "L’organisateur n’a pas encore complété cette ligne." in page


def test_all_criteria_of_the_standard_are_in_the_table_each_with_how_it_was_checked(house: House) -> None:
    found = notices.criteria()
    assert len({one.number for one in found}) == len(found) == 106
    assert all(one.outcome in "CDN" and bool(one.how) == (one.outcome != "N") for one in found)
    page = Page(house.client().get("/accessibilite").text).text("main")
    assert all(f"{one.number} {one.title}" in page for one in found)


def test_officers_find_a_line_of_the_minutes_by_its_words_and_take_them_all_home(house: House) -> None:
    officer = house.officer()
    officer.extend("2019-11-24T23:59", reason="=Panne générale du réseau")

    def lines(address: str) -> list[str]:
        page = Page(officer.client.get(address).text)
        return [page.text_in(line) for line in page.all("li") if "value" in line.attributes]

    assert [line.split()[0] for line in lines("/bureau?cherche=PANNE+prolongation")] == ["Prolongation,"]
    assert lines("/bureau?cherche=introuvable") == []
    table = list(csv.DictReader(io.StringIO(officer.client.get("/bureau/proces-verbal.csv").text)))
    assert len(table) == len(lines("/bureau"))
    assert table[-1]["why"] == "'=Panne générale du réseau"  # no spreadsheet runs it
    assert house.juror().client.get("/bureau/proces-verbal.csv").status_code == 403


def test_officers_read_how_letters_fare_at_each_big_provider_and_no_address_is_kept(house: House) -> None:
    now = house.clock.now()

    def settle(address: str, outcome: Delivery, seconds: int, tries: int = 1) -> None:
        letter = outbox.NewLetter(address.encode(), LetterKind.VOTE, address, "fr")
        with house.database.writing() as session:
            outbox.post(session, [letter], now)
        held = Posted(letter.subject, letter.kind, address, "fr", tries, now)
        outbox.settle(house.database, [(held, outcome)], now + timedelta(seconds=seconds))

    for number, seconds in enumerate((3, 12, 14, 400)):
        settle(f"voter{number}@gmail.com", Delivery.SENT, seconds)
    settle("late@orange.fr", Delivery.WAITING, 1)
    settle("lost@orange.fr", Delivery.REFUSED, 1)
    settle("somebody@small.example.org", Delivery.SENT, 1)
    with house.database.reading() as session:
        found = {one.provider: one for one in outbox.health(session)}
    assert (found["gmail.com"].accepted, found["gmail.com"].median) == (4, 15)
    assert (found["orange.fr"].delayed, found["orange.fr"].refused, found["orange.fr"].median) == (1, 1, None)
    assert found[""].accepted == 1
    assert "small" not in str(house.contents()["post_counts"])
    page = Page(house.officer().client.get("/bureau").text).text("main")
    assert "gmail.com 4 0 0 15\u00a0s au plus" in page


def test_the_hours_of_today_stand_beside_those_of_yesterday_in_paris() -> None:
    at = datetime.fromisoformat("2019-11-18T10:30:00+01:00")
    hours = [
        Hour(datetime.fromisoformat(moment), votes, 1.0)
        for moment, votes in (
            ("2019-11-16T23:00:00+01:00", 9),
            ("2019-11-17T00:00:00+01:00", 2),
            ("2019-11-17T22:00:00+00:00", 3),
            ("2019-11-18T00:00:00+01:00", 4),
            ("2019-11-18T10:00:00+01:00", 5),
        )
    ]
    pairs = Count(tally.standings(EDITION, {}), 0, 0, 0, hours, at).pairs
    assert [(pair.hour, pair.yesterday) for pair in pairs if pair.yesterday] == [(0, 2), (23, 3)]
    assert [(pair.hour, pair.today) for pair in pairs if pair.today] == [(0, 4), (10, 5)]
    assert [pair.hour for pair in pairs if pair.today is None] == list(range(11, 24))


def test_every_refusal_says_what_to_do_next(house: House) -> None:
    browser = house.client()
    for answer, advice in (
        (browser.get("/nulle-part"), "L’adresse est peut-être incomplète"),
        (house.juror().client.get("/bureau"), "s’ouvrent à leurs membres seuls"),
        (browser.get("/resultats.json"), "dit où en est le vote"),
    ):
        assert advice in Page(answer.text).text("main")
