"""The shipped edition is whole, and an edition file that is wrong is refused in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vote import editions
from vote.errors import Misuse

SHIPPED = editions.SHIPPED.read_text("utf-8")

OPENS = "opens_at = 2019-11-07T00:00:00+01:00"
CLOSES = "closes_at = 2019-11-22T00:00:00+01:00"
PLACE = 'place.en = "Nantes, Loire-Atlantique, Pays de la Loire"'
ONE_LAUREATE = SHIPPED[: SHIPPED.index('[[laureates]]\nslug = "bien-etre-medical"')]

# name -> what is replaced in the shipped text, by what, and the words the sentence must have
REFUSED = {
    "invalid TOML": ('contest = "', "contest = ", "is not valid TOML"),
    "an unknown key": ("title.en =", "titel.en =", "`titel` is not a known key"),
    "an unknown key below": (PLACE, 'place.de = "Nantes"', "`laureates[2].place.de` is not a known key"),
    "a missing key": ('timezone = "Europe/Paris"', "", "`timezone` is missing"),
    "a missing text": ("question.en =", "# question.en =", "`question.en` is missing"),
    "a missing text below": (PLACE, "", "`laureates[2].place.en` is missing"),
    "a blank text": (PLACE, 'place.en = " \u00a0\u200b"', "`laureates[2].place.en` is blank"),
    "a number for a text": (PLACE, "place.en = 44", "`laureates[2].place.en` must be text"),
    "a text for two languages": (
        'prize.fr = "Utilité sociale"\nprize.en',
        "prize",
        "`laureates[2].prize` must be a table",
    ),
    "a table for a list": ("[[introduction]]", "[introduction-]", "`introduction-` is not a known key"),
    "a control character": (PLACE, r'place.en = "Nantes\u0000"', "`laureates[2].place.en` holds a control character"),
    "a text for an instant": (OPENS, 'opens_at = "2019-11-07"', "`opens_at` must be a date with a time"),
    "a day for an instant": (OPENS, "opens_at = 2019-11-07", "`opens_at` must be a date with a time"),
    "an instant for a day": (
        "date = 2019-09-03",
        "date = 2019-09-03T00:00:00Z",
        "`laureates[0].sources[0].date` must be a date",
    ),
    "a naive date": (CLOSES, "closes_at = 2019-11-22T00:00:00", "`closes_at` needs an offset from UTC"),
    "a date beyond the calendar": (OPENS, "opens_at = 0001-01-01T00:00:00+01:00", "`opens_at` is beyond the calendar"),
    "closing at opening": (CLOSES, "closes_at = 2019-11-06T23:00:00Z", "`closes_at` must come after `opens_at`"),
    "closing before opening": (
        CLOSES,
        "closes_at = 2018-11-22T00:00:00+01:00",
        "`closes_at` must come after `opens_at`",
    ),
    "a duplicate slug": (
        'slug = "permis-de-construire"',
        'slug = "ilot-femmes"',
        "`laureates[2].slug` repeats ilot-femmes",
    ),
    "a slug with a capital": ('slug = "ilot-femmes"', 'slug = "Ilot-femmes"', "`laureates[0].slug` may hold only"),
    "a long slug": ('slug = "ilot-femmes"', f'slug = "{"i" * 41}"', "`laureates[0].slug` may hold only"),
    "an empty slug": ('contest = "coup-de-coeur-2019"', 'contest = ""', "`contest` is blank"),
    "a single laureate": (
        SHIPPED,
        ONE_LAUREATE + "[[sources]]\ntitle = 'a'\npublisher = 'b'",
        "at least two laureates",
    ),
    "an unknown category": (
        '"utilite"',
        '"sport"',
        "`laureates[2].category` must be one of ecologie, egalite, utilite",
    ),
    "an unknown time zone": ('"Europe/Paris"', '"Europe/Niort"', "`timezone` is not a known time zone"),
    "a time zone that is a folder": ('"Europe/Paris"', '"Europe"', "`timezone` is not a known time zone"),
    "a script for an address": (
        "date = 2019-09-03",
        'url = "javascript:alert(1)"',
        "`laureates[0].sources[0].url` must be an http",
    ),
}


@pytest.mark.parametrize(("old", "new", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_edition_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SHIPPED
    assert_refused(written(tmp_path, SHIPPED.replace(old, new, 1)), words)


@pytest.mark.parametrize("key", ["introduction", "rules"])
def test_an_empty_list_is_refused(tmp_path: Path, key: str) -> None:
    text = re.sub(rf"\[\[{key}\]\]\n(?:(?!\[\[).*\n)*", "", SHIPPED)
    assert_refused(written(tmp_path, f"{key} = []\n{text}"), f"`{key}` is empty")


def test_a_text_where_a_list_belongs_is_refused(tmp_path: Path) -> None:
    text = SHIPPED[: SHIPPED.index("\n[[sources]]")]
    assert_refused(written(tmp_path, f'sources = "RTES"\n{text}'), "`sources` must be a list")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "2020.toml", "cannot be read: No such file or directory")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "cannot be read: Is a directory")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "2020.toml"
    path.write_bytes(b"\xff\xfe")
    assert_refused(path, "is not valid TOML")


def test_the_shipped_edition_has_the_three_laureates() -> None:
    edition = editions.read(editions.SHIPPED)
    assert edition.contest == "coup-de-coeur-2019"
    assert [laureate.slug for laureate in edition.laureates] == [
        "ilot-femmes",
        "bien-etre-medical",
        "permis-de-construire",
    ]
    assert {laureate.category for laureate in edition.laureates} == {"ecologie", "egalite", "utilite"}


def test_the_shipped_contest_closes_at_the_end_of_21_november_in_paris() -> None:
    edition = editions.read(editions.SHIPPED)
    assert (edition.opens_at, edition.closes_at) == (
        datetime(2019, 11, 6, 23, tzinfo=UTC),
        datetime(2019, 11, 21, 23, tzinfo=UTC),
    )
    assert edition.closes_at.tzinfo is UTC


def test_a_reader_in_need_finds_the_national_number() -> None:
    laureate = editions.read(editions.SHIPPED).laureate("ilot-femmes")
    assert laureate is not None
    assert laureate.help is not None
    assert "3919" in laureate.help.fr
    assert "3919" in laureate.help.en


def test_an_unknown_slug_is_no_laureate() -> None:
    assert editions.read(editions.SHIPPED).laureate("nobody") is None


def test_every_laureate_has_sources_and_every_source_a_publisher() -> None:
    edition = editions.read(editions.SHIPPED)
    assert all(laureate.sources for laureate in edition.laureates)
    everything = [*edition.sources, *(source for laureate in edition.laureates for source in laureate.sources)]
    assert all(source.publisher for source in everything)


def test_a_text_is_french_unless_english_is_asked_for() -> None:
    text = editions.Text(fr="urne", en="ballot box")
    assert [text.in_("fr"), text.in_("en"), text.in_("br")] == ["urne", "ballot box", "urne"]


def test_french_texts_have_french_spaces_and_apostrophes() -> None:
    found = [text for text in french(editions.read(editions.SHIPPED).document()) if re.search(BAD_TYPOGRAPHY, text)]
    assert found == []


def test_a_document_gives_its_edition_back() -> None:
    edition = editions.read(editions.SHIPPED)
    assert editions.from_document(json.loads(edition.canonical())) == edition


def test_a_document_older_than_a_rule_has_the_shipped_figures_for_it() -> None:
    edition = replace(editions.read(editions.SHIPPED), screening=editions.Screening(per_browser=3))
    document = edition.document()
    for name in ("hosts", "hosts_least", "hosts_share"):
        del document["screening"][name]
    assert editions.from_document(document) == edition
    assert edition.document() == json.loads(edition.canonical())


def test_the_digest_does_not_depend_on_how_the_file_is_laid_out(tmp_path: Path) -> None:
    edition = editions.read(editions.SHIPPED)
    same = SHIPPED.replace(OPENS, "opens_at = 2019-11-06T23:00:00Z  # in UTC", 1).replace(
        "candidature.", "\n candidature.\n"
    )
    assert same.count("\n") == SHIPPED.count("\n") + 2
    assert editions.read(written(tmp_path, same)).digest == edition.digest
    assert re.fullmatch("[0-9a-f]{64}", edition.digest)


def test_the_digest_changes_with_a_word() -> None:
    edition = editions.read(editions.SHIPPED)
    assert replace(edition, question=editions.Text("Qui ?", "Who?")).digest != edition.digest


BAD_TYPOGRAPHY = "[^\u202f][;!?»]|«[^\u202f]|[^\u00a0]: |'|[0-9] (novembre|2019|h |euros|femmes|personnes)"


def french(plain: Any) -> list[str]:
    """Every French text of a document."""
    if isinstance(plain, dict):
        below = [text for value in plain.values() for text in french(value)]
        return [plain["fr"], *below] if "fr" in plain else below
    return [text for item in plain for text in french(item)] if isinstance(plain, list) else []


def written(folder: Path, text: str) -> Path:
    path = folder / "2020.toml"
    path.write_text(text, "utf-8")
    return path


def assert_refused(path: Path, words: str) -> None:
    with pytest.raises(Misuse) as refused:
        editions.read(path)
    sentence = str(refused.value)
    assert sentence.startswith(str(path))
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
