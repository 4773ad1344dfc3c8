"""The press: sets pages and letters from the templates, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from vote import languages, words
from vote.editions import Text
from vote.settings import ROOT


def print_out(lang: str, template: str, **context: Any) -> str:
    return _press(lang).get_template(template).render(lang=lang, **context)


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
    environment.filters["qr"] = _qr
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
    ):
        environment.filters[name] = _in_language(getattr(words, name), lang)
    return environment


def _qr(text: str) -> Markup:
    """A QR code (ISO/IEC 18004) as an SVG element that scales with its box; styled by class only."""
    picture = segno.make(text, error="m", micro=False)
    return Markup(picture.svg_inline(omitsize=True, svgclass="qr", lineclass=None, border=2, dark="#000", light="#fff"))  # noqa: S704


def _in(text: Text | str, lang: str) -> str:
    """A text of the edition, or one of ours that was kept in French, as in the minutes."""
    return languages.said(text, lang) if isinstance(text, str) else text.in_(lang)


def _in_language(function: Callable[..., str], lang: str) -> Callable[[Any], str]:
    return lambda value: function(value, lang)
