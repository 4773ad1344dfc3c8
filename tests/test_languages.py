"""Languages: nothing that people read is left in French alone, and French is set as French is."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from people import EDITION

from vote import languages, words
from vote.errors import Conflict, Invalid
from vote.languages import CATALOGUES, Sentence
from vote.settings import ROOT

CATALOGUE = Path("en") / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+(?::\w+)?\}")
FRENCH = re.compile("[àâçéèêëîïôùûœ’«]|\u202f|\u00a0")
TABLES = {"words.py", "languages.py"}  # which know each language by themselves

# What no French text may hold, once what is no text is taken out of it.
NO_TEXT = re.compile(r"<code.*?</code>|<[^>]*>|%\(\w+\)s|\{\w+(?::\w+)?\}|&\w+;|\d\d:\d\d")
MISSET = re.compile(
    r"(?<!\u202f)[;!?»]"  # a narrow no-break space before
    r"|«(?!\u202f)"  # and after
    r"|(?<!\u00a0):"  # a no-break space
    r"|'"  # the apostrophe is ’
    r"|\b1\s(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
    r"|\.\.\."
)


def messages(folder: Path = CATALOGUES) -> list[Message]:
    with (folder / CATALOGUE / "vote.po").open("rb") as file:
        return list(read_po(file))[1:]


def forms(text: object) -> tuple[str, ...]:
    """Singular and plural of what may have both."""
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text or ""),)


def test_the_catalogue_is_complete_and_compiled(tmp_path: Path) -> None:
    """Extracting and compiling again changes nothing, and every message found is translated."""
    shutil.copytree(CATALOGUES, tmp_path / "locale")
    make = [
        "make",
        "-o",
        ".venv/.checks",
        "words",
        f"LOCALE={tmp_path / 'locale'}",
        f"BIN={Path(sys.executable).parent}",
    ]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    assert [m.id for m in messages(tmp_path / "locale") if m.fuzzy or not all(forms(m.string))] == []
    for name in ("vote.po", "vote.mo"):
        again, kept = tmp_path / "locale" / CATALOGUE / name, CATALOGUES / CATALOGUE / name
        assert again.read_bytes() == kept.read_bytes(), f"{name} is behind: run `make words`"


def test_a_translation_holds_what_the_sentence_holds() -> None:
    for message in messages():
        for french, english in zip(forms(message.id), forms(message.string), strict=True):
            assert sorted(set(PLACEHOLDER.findall(french))) == sorted(set(PLACEHOLDER.findall(english))), french
            assert re.findall(r"</?\w+", french) == re.findall(r"</?\w+", english), french
            assert not re.search(r"[\u202f\u00a0«»]| [;:!?]", english), english


def test_every_french_sentence_of_the_code_is_in_the_catalogue() -> None:
    known = {form for message in messages() for form in forms(message.id)}
    strays = {
        (path.name, text)
        for path in (ROOT / "vote").rglob("*.py")
        if path.name not in TABLES
        for text in french_in(path)
        if text not in known and FRENCH.search(text) and re.search(r"\w", text)
    }
    assert strays == set()


def french_in(path: Path) -> Iterator[str]:
    """The strings of a file, its docstrings left out."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        waiting += [] if told else ast.iter_child_nodes(node)


def test_french_is_set_as_french_is() -> None:
    for wrong in ("Quoi ?", "Quoi?", "Quoi\u00a0?", "«Oui»", "Lui : elle", "Lui: elle", "l'urne", "le 1 mai", "bon..."):
        assert MISSET.search(wrong), wrong
    texts = [form for message in messages() for form in forms(message.id)]
    texts += list(in_the_edition(EDITION.document()))
    assert [text for text in texts if MISSET.search(NO_TEXT.sub("x", text))] == []


def in_the_edition(plain: object) -> Iterator[str]:
    if isinstance(plain, dict):
        if isinstance(plain.get("fr"), str):
            yield plain["fr"]
        for value in plain.values():
            yield from in_the_edition(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from in_the_edition(value)


def test_a_refusal_is_french_to_the_logs_and_the_readers_own_language_on_the_page() -> None:
    refusal = Conflict(
        "Le vote n’est pas encore ouvert\u00a0: il ouvre le {opens_at:instant}.", opens_at=EDITION.opens_at
    )
    assert str(refusal) == (
        "Le vote n’est pas encore ouvert\u00a0: il ouvre le jeudi 7\u00a0novembre\u00a02019 à\u00a00\u00a0h\u00a000."
    )
    assert refusal.sentence.in_("en") == (
        "Voting is not open yet: it opens on Thursday 7\u00a0November\u00a02019 at 00:00."
    )
    long = Invalid("La raison est trop longue\u00a0: {most:number} caractères au plus.", field="reason", most=1500)
    assert long.errors["reason"].in_("en") == "The reason is too long: at most 1,500 characters."
    both = Invalid.of(
        {"word": Sentence("Tapez {word}, en capitales, pour confirmer.", word=Sentence("CLORE")), **long.errors}
    )
    assert both.sentence.in_("en").startswith("Type CLOSE, in capitals, to confirm. The reason")


def test_every_form_of_a_value_is_known() -> None:
    for message in messages():
        for text in (*forms(message.id), *forms(message.string)):
            if "python-brace-format" in message.flags:
                for _, name, form, _ in Formatter().parse(text):
                    assert not form or callable(getattr(words, form)), (name, text)


def test_none_is_singular_in_french_and_plural_in_english() -> None:
    french, english = languages.catalogue("fr"), languages.catalogue("en")
    assert [french.ngettext("votant", "votants", n) for n in (0, 1, 2)] == ["votant", "votant", "votants"]
    assert [english.ngettext("votant", "votants", n) for n in (0, 1, 2)] == ["voters", "voter", "voters"]


def test_an_address_knows_its_language_and_finds_its_way_back() -> None:
    for plain in ("/", "/jury", "/laureats/en", "/english", "/entrer", "/enfin/en/", "*"):
        assert languages.language_of(plain) == "fr"
        assert languages.plain(plain) == plain
    for plain in ("/", "/jury", "/en/"):
        assert languages.language_of(languages.address(plain, "en")) == "en"
        assert languages.plain(languages.address(plain, "en")) == plain


def test_a_text_that_is_nobodys_stays_as_it_is() -> None:
    for text in ("", "Une raison à 100 %", "{words} %s"):
        assert languages.said(text, "en") == text
