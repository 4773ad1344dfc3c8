"""An inspector who reads every page that the tests receive, for what no page may lack and no page may hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

from babel.messages.pofile import read_po
from html5lib import HTMLParser as HTMLParserOfTheStandard
from html5lib.html5parser import ParseError
from httpx2 import Response

from vote.languages import CATALOGUES

# https://html.spec.whatwg.org/multipage/syntax.html#void-elements
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
NAMED_BY_A_LABEL = {"input", "select", "textarea"}
SAID = {"aria-label", "alt", "content", "placeholder", "title"}
REFERENCES = ("aria-describedby", "aria-labelledby", "aria-controls", "for")


@dataclass(frozen=True, eq=False)
class Element:
    name: str
    attributes: dict[str, str]
    around: tuple[Element, ...]  # the nearest last


@dataclass
class Page(HTMLParser):
    """A page as its elements and its texts, in order."""

    source: str = field(repr=False)
    elements: list[Element] = field(default_factory=list, repr=False)
    faults: list[str] = field(default_factory=list, repr=False)
    _open: list[Element] = field(default_factory=list, repr=False)
    _texts: list[tuple[tuple[Element, ...], str]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()
        self.faults += [f"<{element.name}> is never closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = Counter(name for name, _ in attrs)
        self.faults += [f"<{tag}> says {name} twice" for name, times in names.items() if times > 1]
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        latest = self._open[-1].name if self._open else "nothing"
        if latest == tag:
            self._open.pop()
        else:
            self.faults.append(f"</{tag}> closes <{latest}>")

    def handle_data(self, data: str) -> None:
        self._texts.append((tuple(self._open), data))

    def all(self, *names: str) -> list[Element]:
        return [element for element in self.elements if element.name in names]

    def words_in(self, lang: str) -> str:
        """All that people read or hear in this language: texts, titles, and attributes that are said."""
        found = [text for around, text in self._texts if _language(around) == lang]
        for element in self.elements:
            if _language((*element.around, element)) == lang:
                found += [
                    value for name, value in element.attributes.items() if name in SAID or name.startswith("data-")
                ]
        return "\n".join(found)

    def text(self, name: str = "body") -> str:
        """What people read in the elements of this name, white space as one blank."""
        return self._text(lambda element: element.name == name)

    def text_in(self, element: Element) -> str:
        return self._text(lambda found: found is element)

    def text_of(self, identifier: str) -> str:
        """What people read in the element with this id."""
        return self._text(lambda element: element.attributes.get("id") == identifier)

    def field(self, name: str) -> Element:
        """The first field of a form under this name."""
        return next(found for found in self.all("input") if found.attributes.get("name") == name)

    def hidden(self) -> dict[str, str]:
        """What a page's hidden fields would send."""
        hidden = (field.attributes for field in self.all("input") if field.attributes.get("type") == "hidden")
        return {field["name"]: field["value"] for field in hidden}

    def wrong_fields(self) -> list[str]:
        """Names of the fields marked as wrong, after what explains them."""
        marked = (found.attributes for found in self.elements if found.attributes.get("aria-invalid") == "true")
        return [attributes["aria-describedby"].split()[-1].removesuffix("-error") for attributes in marked]

    def chosen(self) -> list[str]:
        """The slugs of what is ticked."""
        return [found.attributes["value"] for found in self.all("input") if "checked" in found.attributes]

    def _text(self, wanted: Callable[[Element], bool]) -> str:
        # Only blanks that a browser folds: the fixed ones of French typography stay.
        found = "".join(text for around, text in self._texts if any(wanted(element) for element in around))
        return re.sub(r"[ \t\r\n\f]+", " ", found).strip(" ")


def visit(response: Response) -> None:
    """Read an answer as it arrives, if it is a page. Raises AssertionError naming what is wrong with it."""
    if response.headers.get("content-type", "").startswith("text/html") and response.request.method != "HEAD":
        response.read()
        found = faults(response.text)
        assert not found, f"{response.request.method} {response.request.url}: {'; '.join(found)}"


def faults(source: str) -> list[str]:
    page = Page(source)
    return (
        _validity(source)
        + page.faults
        + _frame(page)
        + _identities(page)
        + _names(page)
        + _promises(page)
        + _foreign(page)
    )


@cache
def _validity(source: str) -> list[str]:
    """What the parser of the HTML standard, made strict, cannot take as it is."""
    parser = HTMLParserOfTheStandard(strict=True)
    try:
        parser.parse(source)
    except ParseError as problem:
        return [f"not valid: {problem}"]
    return []


def _frame(page: Page) -> list[str]:
    found = [f"{len(page.all(name))} <{name}>" for name in ("h1", "title", "main", "html") if len(page.all(name)) != 1]
    found += [f"nothing is written in <{name}>" for name in ("h1", "title") if not page.text(name)]
    levels = [int(element.name[1]) for element in page.all("h1", "h2", "h3", "h4")]
    found += [f"<h{after}> follows <h{before}>" for before, after in pairwise(levels) if after > before + 1]
    if not page.source.lstrip().lower().startswith("<!doctype html>"):
        found.append("no doctype")
    return found + ["no language" for root in page.all("html") if not root.attributes.get("lang")]


def _identities(page: Page) -> list[str]:
    identities = Counter(element.attributes["id"] for element in page.elements if "id" in element.attributes)
    found = [f"the id {name!r} is there {times} times" for name, times in identities.items() if times > 1]
    for element in page.elements:
        wanted = [word for name in REFERENCES for word in element.attributes.get(name, "").split()]
        address = element.attributes.get("href", "")
        wanted += [address[1:]] if address.startswith("#") else []
        found += [
            f"<{element.name}> points to #{name}, which is not there" for name in wanted if name not in identities
        ]
    return found


def _names(page: Page) -> list[str]:
    """Whatever people fill or press has a name that a screen reader can say."""
    labelled = {element.attributes.get("for") for element in page.all("label")}
    found = []
    for element in page.all(*NAMED_BY_A_LABEL):
        attributes = element.attributes
        hidden = attributes.get("type") == "hidden"
        if not hidden and attributes.get("id") not in labelled and "aria-label" not in attributes:
            found.append(f"the field {attributes.get('name')!r} has no label")
        if attributes.get("aria-invalid") == "true" and "-error" not in attributes.get("aria-describedby", ""):
            found.append(f"the field {attributes.get('name')!r} is wrong without a reason")
    for outer, inner in (("fieldset", "legend"), ("details", "summary"), ("table", "th")):
        within = sum(any(above.name == outer for above in element.around) for element in page.all(inner))
        if within < len(page.all(outer)):
            found.append(f"a <{outer}> has no <{inner}>")
    return found


def _promises(page: Page) -> list[str]:
    """What the Content-Security-Policy would block, and what a template forgot."""
    found = []
    for element in page.elements:
        attributes = element.attributes
        found += [f"<{element.name}> has {name}" for name in attributes if name == "style" or name.startswith("on")]
        runs = element.name == "script" and attributes.get("type") not in {"application/json", "application/ld+json"}
        if element.name == "style" or (runs and not attributes.get("src")):
            found.append(f"<{element.name}> is written in the page")
        if element.name == "form" and attributes.get("method", "get") not in {"get", "post"}:
            found.append("a form with a strange method")
        for name in ("src", "action"):
            if "//" in attributes.get(name, ""):
                found.append(f"{name} leaves the house: {attributes[name]}")
    text = page.text()
    return found + [
        f"{word!r} is in the text" for word in ("{{", "{%", "None", "Undefined", "&lt;", "&amp;") if word in text
    ]


def _foreign(page: Page) -> list[str]:
    """French that stayed on a page in another language; what is said to be in French may stay."""
    if any(root.attributes.get("lang") == "fr" for root in page.all("html")):
        return []
    return [f"in French: {found.group()!r}" for found in french().finditer(page.words_in("en"))]


@cache
def french() -> re.Pattern[str]:
    """Every piece of every sentence that has another wording in English, and words that no English sentence holds."""
    with (CATALOGUES / "en" / "LC_MESSAGES" / "vote.po").open("rb") as file:
        messages = list(read_po(file))[1:]
    pieces = {
        piece.strip()
        for message in messages
        for text in (message.id if isinstance(message.id, tuple | list) else (message.id,))
        for piece in re.split(r"%\(\w+\)s|\{[\w:]+\}|<[^>]*>|\n", text)
        if len(piece.strip()) > 4 and piece.strip().lower() not in str(message.string).lower()
    }
    words = "vous|votre|vos|est|sont|sera|dans|avec|cette|une|pas|aux|elle|nous|leur|bulletin|voix"
    longest_first = sorted(pieces, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{words}|{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _language(around: tuple[Element, ...]) -> str | None:
    return next((element.attributes["lang"] for element in reversed(around) if "lang" in element.attributes), None)
