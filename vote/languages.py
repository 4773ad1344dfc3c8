"""The languages: where each page is in French and in English, and how a sentence written in French is said."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from string import Formatter
from typing import Any

from vote import words

LANGUAGES = {"fr": "Français", "en": "English"}
AT_THE_ROOT = "fr"  # the others lie under their own name
CATALOGUES = Path(__file__).with_name("locale")


def language_of(path: str) -> str:
    """The language of the page at this path."""
    first = path.partition("/")[2].partition("/")[0]
    return first if first in LANGUAGES and first != AT_THE_ROOT else AT_THE_ROOT


def plain(path: str) -> str:
    """The path without its language, by which rules know a page."""
    lang = language_of(path)
    return path if lang == AT_THE_ROOT else path[len(lang) + 1 :] or "/"


def address(path: str, lang: str) -> str:
    """A plain path in a language."""
    return path if lang == AT_THE_ROOT else f"/{lang}{path}"


class Sentence(str):
    """A sentence in French that can be said in any language of the site; as a `str` it is the French one.

    `{name:form}` stands for the value of that name, as the function `form` of `words` tells it; `{name}` for another
    sentence, or for a text that is the same everywhere.
    """

    text: str
    values: dict[str, Any]

    def __new__(cls, text: str, **values: object) -> Sentence:
        sentence = super().__new__(cls, _told(text, values, "fr"))
        sentence.text, sentence.values = text, values
        return sentence

    def in_(self, lang: str) -> str:
        return str(self) if lang == "fr" else _told(said(self.text, lang), self.values, lang)


def together(sentences: Iterable[str]) -> Sentence:
    """Sentences one after the other, each said in the language of the whole."""
    told = {f"s{n}": sentence for n, sentence in enumerate(sentences)}
    text = " ".join(f"{{{name}}}" for name in told)
    return Sentence(text, **told)


def said(text: str, lang: str) -> str:
    """A text of the catalogue in this language; any other text as it is."""
    return catalogue(lang).gettext(text) if text else ""  # the catalogue says nothing but its own head to an empty text


@cache
def catalogue(lang: str) -> NullTranslations:
    if lang == "fr":
        return _French()
    with (CATALOGUES / lang / "LC_MESSAGES" / "vote.mo").open("rb") as file:
        return GNUTranslations(file)


class _French(NullTranslations):
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """None is singular in French, as one is."""
        return msgid1 if abs(n) < 2 else msgid2


class _Teller(Formatter):
    def __init__(self, lang: str) -> None:
        self._lang = lang

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Sentence):
            return value.in_(self._lang)
        told: str = getattr(words, format_spec)(value, self._lang) if format_spec else str(value)
        return told


def _told(text: str, values: dict[str, Any], lang: str) -> str:
    return _Teller(lang).vformat(text, (), values) if values else text
