"""The async edge: reads a request, calls a plain handler in a thread, and turns refusals into pages."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from vote import contests, envelope, languages, marks, press, staff
from vote.editions import Edition
from vote.envelope import FilledBallot
from vote.errors import Conflict, Expired, Forbidden, Invalid, Refusal, TooMany, Unavailable, Unknown
from vote.languages import LANGUAGES, Sentence
from vote.models import Contest
from vote.press import Forme
from vote.staff import Member
from vote.station import Notice, Station
from vote.web import doors, forms, guards, shelf
from vote.web.forms import Form

STATUS: Mapping[type[Refusal], int] = {
    Invalid: 422,
    Unknown: 404,
    Forbidden: 403,
    Conflict: 409,
    Expired: 410,
    TooMany: 429,
    Unavailable: 503,
}

HTTP_SENTENCES = {
    400: Sentence("Ce formulaire n’a pas pu être lu : revenez à la page et envoyez-le de nouveau."),
    404: Sentence("Cette page n’existe pas, ou n’existe plus."),
    405: Sentence("Cette adresse ne répond pas à cette demande : partez de la page d’accueil."),
    408: Sentence(
        "Cet envoi n’est pas arrivé à temps : vérifiez votre connexion, revenez à la page et remplissez-la de nouveau."
    ),
    413: Sentence("Cet envoi est trop lourd pour un bulletin : revenez à la page et remplissez-la de nouveau."),
    415: Sentence("Cet envoi n’est pas un formulaire : utilisez celui de la page."),
    500: Sentence(
        "Une erreur s’est produite de notre côté. Si vous veniez de confirmer, recommencez : "
        "un vote n’est jamais compté deux fois."
    ),
}

BALLOT_COOKIE = "bulletin"
STAFF_COOKIE = "salle"
COOKIE_SECONDS = 24 * 3600
MOST_FORMES = 500

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Answer = Response | Awaitable[Response]
Handler = Callable[["Visit"], Answer]


@dataclass
class Visit:
    """One request, with all that a handler may want to know about it."""

    request: Request
    station: Station
    at: datetime
    form: Form
    member: Member | None = None
    status: int = 200
    refusal: Refusal | None = None

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
        cookie = self.request.cookies.get(self.cookie_name(BALLOT_COOKIE))
        return envelope.unseal(self.station.keys, self.station.contest, cookie)

    @cached_property
    def networks(self) -> tuple[bytes, ...]:
        """The marks of the networks that this request comes from, narrowest first."""
        client = self.request.client
        return marks.networks(self.station.keys, client.host if client else None, self.at)

    @property
    def network(self) -> bytes | None:
        """The mark of the widest of them, if any."""
        client = self.request.client
        return marks.network(self.station.keys, client.host if client else None, self.at)

    @cached_property
    def lang(self) -> str:
        """The language of the page asked for, and of everything that comes of it."""
        return languages.language_of(self.request.scope["path"])

    @property
    def plain_path(self) -> str:
        """The path without its language."""
        return languages.plain(self.request.scope["path"])

    def url(self, path: str) -> str:
        """A page's address in this visit's language."""
        return languages.address(path, self.lang)

    def lead_to(self, path: str) -> RedirectResponse:
        return RedirectResponse(self.url(path), 303)

    def translations(self) -> dict[str, str]:
        """The address of this same page in each language; where it answers forms alone, of the page it belongs to."""
        route, path, query = self.request.scope.get("route"), self.plain_path, self.request.url.query
        if route is not None and "GET" not in (route.methods or ()):
            path, query = path.rpartition("/")[0] or "/", ""
        here = _here(path, query)
        return {lang: languages.address(here, lang) for lang in LANGUAGES}

    def cookie_name(self, name: str) -> str:
        return f"__Host-{name}" if self.station.settings.secure else name

    def page(self, template: str, **context: Any) -> HTMLResponse:
        """A page set from a template, with the status this visit has come to."""
        return HTMLResponse(self.print_out(template, **context), self.status)

    def form_page(self, template: str, blanks: Mapping[str, str], **context: Any) -> HTMLResponse:
        """The same, set once for everybody whose page differs in the blanks only. What is given is not mutable."""
        board = self.station.noticeboard
        contest, minute = board.latest(), self.at.replace(second=0, microsecond=0)
        # Of the values, only the choice is set with the page: it is one of few.
        choice = self.form["laureate"] and (
            self.form["laureate"] if self.edition.laureate(self.form["laureate"]) else "?"
        )
        errors = tuple(self.form.errors.items())
        scope = self.request.scope
        key = (template, scope["route"].path, board.version, contest.state(self.at), minute, choice, errors)
        key += (*blanks, *context.items())
        forme = self.station.formes.get(key)
        if forme is None:
            if len(self.station.formes) >= MOST_FORMES:
                self.station.formes.clear()
            own = {
                "checkpoint": board.notice().checkpoint,
                "form": Form({"laureate": choice}, dict(errors)),
                "path": "" if scope["path_params"] else scope["path"],
                "translations": {lang: languages.address(press.blank("here"), lang) for lang in LANGUAGES},
            }
            everything = self.shared(contest) | own | context
            forme = self.station.formes[key] = Forme(self.lang, template, (*blanks, "here"), **everything)
        here = _here(self.plain_path, scope["query_string"].decode("latin-1"))
        return HTMLResponse(forme.fill({**blanks, "here": here}), self.status)

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
            "path": self.request.scope["path"],
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
        response.headers.append("Set-Cookie", cookie)


class Page:
    """One address, as an ASGI application. `form` shows the page whose form `post` reads; a refused form is shown
    again."""

    def __init__(self, get: Handler | None, post: Handler | None, form: Handler | None) -> None:
        self._handlers = {"POST": post, "GET": get, "HEAD": get}
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        station: Station = scope["app"].state.station
        visit = Visit(request, station, station.clock.now(), Form())
        try:
            response = await self._answer(visit)
        except Refusal as refusal:
            response = await refuse(visit, refusal, self._form)
        except HTTPException as problem:
            response = await refuse_http(request, problem)
        except ClientDisconnect:
            return
        except Exception as fault:
            log.exception("a fault of ours at %s", scope["route"].path)
            response = await refuse_http(request, fault)
        await response(scope, receive, send)

    async def _answer(self, visit: Visit) -> Response:
        handler = self._handlers[visit.request.method]
        assert handler is not None  # noqa: S101 (the route takes no other method)
        sent = visit.request.method == "POST"
        if sent:
            guards.require_same_site(visit.request)
            visit.form = await forms.read(visit.request)
        if (turned_away := await _enter(visit)) is not None:
            return turned_away
        response = await _call(handler, visit)
        if sent and visit.member is not None:
            with suppress(Unavailable):  # done is done, and is not to be called nothing
                await run_in_threadpool(visit.station.noticeboard.keep_up)  # their act shows at once
        return response


async def refuse(visit: Visit, refusal: Refusal, form: Handler | None = None) -> Response:
    """The page of a refusal: the form again with what was typed, where typing better helps; else a page of its own."""
    visit.status = next(status for kind, status in STATUS.items() if isinstance(refusal, kind))
    if form is not None and isinstance(refusal, Invalid | Expired | TooMany):
        visit.refusal = refusal
        visit.form.errors = {name: sentence.in_(visit.lang) for name, sentence in refusal.errors.items()}
        try:
            response = await _call(form, visit)
        except Refusal as second:
            return await refuse(visit, second)
    else:
        response = await run_in_threadpool(refusal_page, visit, refusal.sentence)
    if isinstance(refusal, TooMany | Unavailable):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


async def refuse_http(request: Request, problem: Exception) -> Response:
    """Starlette's own refusals, and our own faults, in the words of the house."""
    station: Station = request.app.state.station
    visit = Visit(request, station, station.clock.now(), Form())
    visit.status = problem.status_code if isinstance(problem, HTTPException) else 500
    sentence = HTTP_SENTENCES.get(visit.status, HTTP_SENTENCES[400])
    response = await run_in_threadpool(refusal_page, visit, sentence)
    if isinstance(problem, HTTPException) and problem.headers:
        response.headers.update(problem.headers)
    return response


def refusal_page(visit: Visit, sentence: Sentence) -> Response:
    # The board as last read: the database may be the very thing that is away.
    contest = visit.station.noticeboard.latest()
    return visit.page("refusal.html", contest=contest, status=visit.status, sentence=sentence.in_(visit.lang))


def _here(path: str, query: str) -> str:
    # Nobody's path may turn into the address of another house ("//example.org").
    return quote("/" + path.lstrip("/")) + (f"?{query}" if query else "")


def gather(*checks: Callable[[], Any]) -> list[Any]:
    """What every check answers; where some refuse, one refusal with all that was wrong. Raises Invalid."""
    answers: list[Any] = []
    errors: dict[str, Sentence] = {}
    for check in checks:
        try:
            answers.append(check())
        except Invalid as refusal:
            errors.update(refusal.errors)
    if errors:
        raise Invalid.of(errors)
    return answers


async def _call(handler: Handler, visit: Visit) -> Response:
    if inspect.iscoroutinefunction(handler):
        answer: Response = await handler(visit)
        return answer
    result = await run_in_threadpool(handler, visit)
    assert isinstance(result, Response)  # noqa: S101
    return result


async def _enter(visit: Visit) -> Response | None:
    """Let a visitor of a room in, or answer instead. Raises Forbidden."""
    role = doors.keeper(languages.plain(visit.request.scope["route"].path))
    if role is None:
        return None
    cookie = visit.request.cookies.get(visit.cookie_name(STAFF_COOKIE))
    visit.member = await run_in_threadpool(who, visit.station, cookie, visit.at)
    if visit.member is None:
        if visit.request.method == "POST":
            raise Forbidden("Votre session est terminée : entrez de nouveau, puis recommencez.")
        return visit.lead_to("/entrer")
    if visit.member.role is not role:
        raise Forbidden("Cette salle n’est pas la vôtre.")
    return None


def who(station: Station, cookie: str | None, at: datetime) -> Member | None:
    with station.database.reading() as session:
        return staff.member(session, cookie, at)
