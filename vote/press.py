"""The press: sets pages and letters from the templates, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from vote import languages, words
from vote.editions import Text
from vote.settings import ROOT

MARK = "\ue000"  # private use


def print_out(lang: str, template: str, **context: Any) -> str:
    return _press(lang).get_template(template).render(lang=lang, **context)


def blank(name: str) -> str:
    """What stands in a forme for a blank of this name."""
    return f"{MARK}{name}{MARK}"


class Forme:
    """A page set once, with blanks for what differs from one reader to the next."""

    def __init__(self, lang: str, template: str, blanks: Iterable[str], **context: Any) -> None:
        marked = {name: blank(name) for name in blanks}
        # Every second part is the name of a blank: a mark is a character that no text of ours holds.
        parts = print_out(lang, template, **{**context, **marked}).split(MARK)
        self._parts = [part.encode() for part in parts]
        self._blanks = [(place, parts[place]) for place in range(1, len(parts), 2)]

    def fill(self, blanks: Mapping[str, str | bytes], *, escaped: bool = True) -> bytes:
        """The page in UTF-8; what is filled in is escaped unless it is bytes, which are markup of ours, or the page is
        plain text."""
        texts = {
            name: text if isinstance(text, bytes) else str(escape(text) if escaped else text).encode()
            for name, text in blanks.items()
        }
        parts = self._parts.copy()
        for place, name in self._blanks:
            parts[place] = texts[name]
        return b"".join(parts)


@cache
def _press(lang: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.install_gettext_translations(languages.catalogue(lang), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["t"] = lambda text: _in(text, lang)
    environment.filters["from_iso"] = datetime.fromisoformat
    environment.filters["iso"] = lambda at: at.isoformat(timespec="seconds")
    environment.filters["local_input"] = words.local_input
    for name in (
        "instant",
        "last_moment",
        "day",
        "hour",
        "clock_time",
        "last_clock_time",
        "time_left",
        "number",
        "percent",
        "ballots",
        "signatures",
        "votes",
    ):
        environment.filters[name] = _in_language(getattr(words, name), lang)
    return environment


def _in(text: Text | str, lang: str) -> str:
    """A text of the edition, or one of ours that was kept in French, as in the minutes."""
    return languages.said(text, lang) if isinstance(text, str) else text.in_(lang)


def _in_language(function: Callable[..., str], lang: str) -> Callable[[Any], str]:
    return lambda value: function(value, lang)
