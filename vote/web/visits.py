"""A visit: one request with all that a handler may want to know about it, and the pages that it prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from vote import contests, envelope, languages, marks, press, staff
from vote.editions import Edition
from vote.envelope import FilledBallot
from vote.errors import Refusal
from vote.languages import LANGUAGES
from vote.models import Contest
from vote.press import Forme
from vote.staff import Member
from vote.station import Notice, StandingForme, Station
from vote.web import shelf
from vote.web.forms import Form

BALLOT_COOKIE = "bulletin"
STAFF_COOKIE = "salle"
COOKIE_SECONDS = 24 * 3600
MOST_FORMES = 500

Result = TypeVar("Result")


@dataclass
class Visit:
    scope: Scope
    station: Station
    at: datetime
    form: Form
    member: Member | None = None
    status: int = 200
    refusal: Refusal | None = None
    headers: Mapping[bytes, bytes] = field(init=False)  # the first of a name counts

    def __post_init__(self) -> None:
        self.headers = dict(reversed(self.scope["headers"]))

    @cached_property
    def request(self) -> Request:
        """As Starlette has it; made for those who ask."""
        return Request(self.scope)

    @cached_property
    def contest(self) -> Contest:
        """The contest as it is now; asks the database."""
        return self.seen.contest

    @cached_property
    def seen(self) -> Notice:
        """The contest and its box as they are now; asks the database."""
        return self.station.noticeboard.look()

    @property
    def edition(self) -> Edition:
        """The edition as last read; asks nothing."""
        return contests.edition_of(self.station.noticeboard.latest().edition)

    @cached_property
    def ballot(self) -> FilledBallot | None:
        """The ballot that this browser holds."""
        return envelope.unseal(self.station.keys, self.station.contest, self.cookie(BALLOT_COOKIE))

    @property
    def networks(self) -> tuple[bytes, ...]:
        """The marks of the networks that this request comes from, narrowest first."""
        return marks.networks(self.station.keys, self._host, self.at)

    @property
    def network(self) -> bytes | None:
        """The mark of the widest of them, if any."""
        return marks.network(self.station.keys, self._host, self.at)

    @property
    def _host(self) -> str | None:
        client = self.scope["client"]
        return client[0] if client else None

    @property
    def _query(self) -> str:
        query: bytes = self.scope["query_string"]
        return query.decode("latin-1")

    @property
    def lang(self) -> str:
        """The language of the page asked for, and of everything that comes of it."""
        return languages.language_of(self.scope["path"])

    @property
    def plain_path(self) -> str:
        """The path without its language."""
        return languages.plain(self.scope["path"])

    def url(self, path: str) -> str:
        """A page's address in this visit's language."""
        return languages.address(path, self.lang)

    def lead_to(self, path: str) -> Response:
        return Printed(303, (b"location", self.url(path).encode("ascii")))

    def translations(self) -> dict[str, str]:
        """The address of this same page in each language; where it answers forms alone, of the page it belongs to."""
        route, path, query = self.scope.get("route"), self.plain_path, self._query
        if route is not None and "GET" not in (route.methods or ()):
            path, query = path.rpartition("/")[0] or "/", ""
        here = _here(path, query)
        return {lang: languages.address(here, lang) for lang in LANGUAGES}

    def cookie_name(self, name: str) -> str:
        return f"__Host-{name}" if self.station.settings.secure else name

    def cookie(self, name: str) -> str | None:
        """What this browser holds under a name of ours, last of all: a token, which is not quoted (RFC 6265, 5.4)."""
        wanted = f"{self.cookie_name(name)}="
        for held in reversed(self.headers.get(b"cookie", b"").decode("latin-1").split(";")):
            if (pair := held.lstrip()).startswith(wanted):
                return pair[len(wanted) :]
        return None

    def page(self, template: str, **context: Any) -> HTMLResponse:
        """A page set from a template, with the status this visit has come to."""
        return HTMLResponse(self.print_out(template, **context), self.status)

    def form_page(self, template: str, blanks: Mapping[str, str | bytes], **context: Any) -> Response:
        """The same, set once for everybody whose page differs in the blanks only. What is given is not mutable."""
        board, formes, scope = self.station.noticeboard, self.station.formes, self.scope
        # Of the values, only the choice is set with the page: it is one of few.
        choice = self.form["laureate"] and (
            self.form["laureate"] if self.edition.laureate(self.form["laureate"]) else "?"
        )
        errors = tuple(self.form.errors.items())
        somewhere = bool(scope["path_params"] or scope["query_string"])
        key = (template, scope["route"].path, somewhere, choice, errors, *blanks, *context.items())
        standing = formes.get(key)
        if standing is None or not standing.spell.holds(board.version, self.at):
            if len(formes) >= MOST_FORMES:
                formes.clear()
            spell = board.spell(self.at)
            own = {
                "checkpoint": board.notice().checkpoint,
                "form": Form({"laureate": choice}, dict(errors)),
                "path": "" if scope["path_params"] else scope["path"],
            }
            if somewhere:
                here = press.blank("here")
                own["translations"] = {lang: languages.address(here, lang) for lang in LANGUAGES}
            everything = self.shared(board.latest()) | own | context
            forme = Forme(self.lang, template, (*blanks, "here"), **everything)
            standing = formes[key] = StandingForme(forme, spell)
        if somewhere:
            blanks = {**blanks, "here": _here(self.plain_path, self._query)}
        kind = b"content-type", b"text/html; charset=utf-8"
        return Printed(self.status, kind, standing.forme.fill(blanks))

    def print_out(self, template: str, contest: Contest | None = None, **context: Any) -> str:
        # What reads the database also says which box it saw.
        checkpoint = None if contest else self.seen.checkpoint
        own = {"form": self.form, "checkpoint": checkpoint, **context}
        return press.print_out(self.lang, template, **{**self.shared(contest or self.contest), **own})

    def shared(self, contest: Contest) -> dict[str, Any]:
        """What every page may speak of."""
        edition = contests.edition_of(contest.edition)
        return {
            "edition": edition,
            "laureates": edition.in_turn(self.at),
            "on_shelf": shelf.items(),
            "contest": contest,
            "state": str(contest.state(self.at)),
            "at": self.at,
            "demo": self.station.settings.demo,
            "static": shelf.address,
            "path": self.scope["path"],
            "url": self.url,
            "site": self.station.settings.public_url,
            "translations": self.translations(),
            "language_names": LANGUAGES,
            "staff": self.member,
        }

    async def in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """A plain part of an async handler, which may print and read."""
        return await run_in_threadpool(function, self, *arguments)

    def give(self, response: Response, ballot: FilledBallot) -> Response:
        """Hand the ballot to the voter's browser."""
        value = envelope.seal(self.station.keys, self.station.contest, ballot)
        self.set_cookie(response, BALLOT_COOKIE, value, COOKIE_SECONDS)
        return response

    def set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        """A cookie for this site alone; without a value it is taken back."""
        secure = "; Secure" if self.station.settings.secure else ""
        cookie = f"{self.cookie_name(name)}={value}; HttpOnly; Max-Age={seconds}; Path=/; SameSite=lax{secure}"
        response.raw_headers.append((b"set-cookie", cookie.encode("latin-1")))


class Printed(Response):
    """An answer that is there as bytes, with the headers that Starlette would give it."""

    def __init__(self, status: int, header: tuple[bytes, bytes], body: bytes = b"") -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), header]


def who(station: Station, cookie: str | None, at: datetime) -> Member | None:
    with station.database.reading() as session:
        return staff.member(session, cookie, at)


def _here(path: str, query: str) -> str:
    # Nobody's path may turn into the address of another house ("//example.org").
    return quote("/" + path.lstrip("/")) + (f"?{query}" if query else "")
