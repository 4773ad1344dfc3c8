"""What the public votes on, read from an edition file: next year's prize is a new file, not new code."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from zoneinfo import available_timezones

from vote.editions.documents import built, plain, revived, wrong
from vote.errors import Misuse

SHIPPED = Path(__file__).with_name("2019.toml")

# A type, what must hold of its values, and what is said when it does not.
Slug = Annotated[str, re.compile(r"[a-z0-9-]{1,40}").fullmatch, "may hold only a-z, 0-9 and -, at most 40 of them"]
# It becomes a link on a page, where no other scheme may stand.
WebAddress = Annotated[str, re.compile(r"https?://[^\s<>\"']+").fullmatch, "must be an http or https address"]
TimeZone = Annotated[str, lambda name: name in available_timezones(), "is not a known time zone, such as Europe/Paris"]
Category = Literal["ecologie", "egalite", "utilite"]
Count = Annotated[int, lambda number: 1 <= number <= 100_000_000, "must be from 1 to 100 million"]


@dataclass(frozen=True, slots=True)
class Text:
    fr: str
    en: str

    def in_(self, lang: str) -> str:
        """English for "en"; French, the language of the contest, for anything else."""
        return self.en if lang == "en" else self.fr


@dataclass(frozen=True, slots=True)
class Source:
    title: str
    publisher: str
    url: WebAddress | None
    date: date | None


@dataclass(frozen=True, slots=True)
class Rule:
    title: Text
    text: Text


@dataclass(frozen=True, slots=True)
class Laureate:
    """`category` names the drawn illustration; `help` is for readers who may themselves be in need."""

    slug: Slug
    name: str
    carrier: Text | None
    prize: Text
    category: Category
    place: Text
    summary: Text
    story: Annotated[tuple[Text, ...], len, "is empty"]
    help: Text | None
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """The figures of the rules against cheating, fixed before the opening and told on the rules page.

    A pair is a limit in ten minutes and in a day, or in a night. `hot` is what a network, a private domain and the
    contest ask for in ten minutes before a proof of work is wanted. The rest are votes from which a rule takes notice:
    of one network, of one private domain, of one mail host, of the whole contest; shares are percentages.
    """

    letters_per_address: tuple[Count, ...] = (4, 12)
    asked_per_network: tuple[Count, ...] = (600, 12_000)
    asked_in_all: tuple[Count, ...] = (200_000, 6_000_000)
    hot: tuple[Count, ...] = (200, 60, 60_000)
    per_browser: Count = 6
    machine: Count = 25
    machine_share: Count = 90
    quick: Count = 20
    quick_share: Count = 3
    stored: Count = 15
    stored_share: Count = 50
    domains: Count = 40
    domains_share: Count = 60
    domains_least: Count = 8
    domains_each: Count = 3
    hosts: Count = 20
    hosts_least: Count = 8
    hosts_share: Count = 10
    surge: tuple[Count, ...] = (40, 150)
    night: tuple[Count, ...] = (4, 6)


@dataclass(frozen=True, slots=True)
class Legal:
    """What the law asks an organiser to say, and only they can: where it is silent, so are the pages."""

    basis: Text | None
    contact: Text | None
    director: Text | None
    host: Text | None


@dataclass(frozen=True, slots=True)
class Edition:
    """The instants are aware, in UTC; voting is open while `opens_at <= at < closes_at`."""

    contest: Slug
    title: Text
    prize: Text
    question: Text
    introduction: Annotated[tuple[Text, ...], len, "is empty"]
    organiser: Text
    timezone: TimeZone
    opens_at: datetime
    closes_at: datetime
    mail_sender: Text
    approvals: Literal[1, 2] | None
    screening: Screening | None
    rules: Annotated[tuple[Rule, ...], len, "is empty"]
    laureates: Annotated[tuple[Laureate, ...], lambda found: len(found) > 1, "must hold at least two laureates"]
    sources: tuple[Source, ...]
    legal: Legal | None

    def laureate(self, slug: str) -> Laureate | None:
        for laureate in self.laureates:
            if laureate.slug == slug:
                return laureate
        return None

    def in_turn(self, at: datetime) -> tuple[Laureate, ...]:
        """The laureates in the order of this minute: each stands in each place, and before each other, equally often.

        The same all through a minute, so that a page may be kept for it. Forwards, then backwards, from each in turn.
        """
        turns, start = divmod(int(at.timestamp()) // 60, len(self.laureates))
        turned = self.laureates[start:] + self.laureates[:start]
        return turned[::-1] if turns % 2 else turned

    @property
    def people_to_act(self) -> int:
        """How many officers an act takes: one, or one who proposes and another who approves."""
        return self.approvals or 1

    @property
    def figures(self) -> Screening:
        """The figures of screening; those shipped where the edition gives none."""
        return self.screening or SHIPPED_FIGURES

    def document(self) -> dict[str, Any]:
        """JSON-ready; `from_document` is its inverse."""
        return cast(dict[str, Any], plain(self))

    def canonical(self) -> str:
        """The document as JSON that is the same for equal editions: sorted keys, no spaces, no escapes."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the canonical JSON in UTF-8."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


SHIPPED_FIGURES = Screening()


def read(path: Path) -> Edition:
    """The edition that a file describes; Misuse, naming file, key and reason, at the first thing wrong."""
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{path} is not valid TOML: {error}.") from error
    try:
        edition = cast(Edition, built(Edition, raw, ""))
        _agree(edition)
    except Misuse as error:
        raise Misuse(f"{path}: {error}.") from None
    return edition


def from_document(document: dict[str, Any]) -> Edition:
    """The edition that gave this document, which is trusted: nothing is validated again. A key it lacks is younger."""
    return cast(Edition, revived(Edition, document))


def _agree(edition: Edition) -> None:
    """What no field can tell alone."""
    for name in ("letters_per_address", "asked_per_network", "asked_in_all", "hot", "surge", "night"):
        wanted = len(getattr(SHIPPED_FIGURES, name))
        if len(getattr(edition.figures, name)) != wanted:
            raise wrong(f"screening.{name}", f"must hold {wanted} numbers")
    if edition.closes_at <= edition.opens_at:
        raise wrong("closes_at", "must come after `opens_at`")
    slugs = [laureate.slug for laureate in edition.laureates]
    for n, slug in enumerate(slugs):
        if slug in slugs[:n]:
            raise wrong(f"laureates[{n}].slug", f"repeats {slug}, which names another laureate")
