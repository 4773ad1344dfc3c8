"""The async edge: reads a request, calls a plain handler in a thread, and turns refusals into pages."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NoReturn, cast

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vote.errors import Conflict, Expired, Forbidden, Invalid, Refusal, TooMany, Unavailable, Unknown
from vote.languages import Sentence
from vote.models import Role
from vote.station import Station
from vote.web import forms, guards
from vote.web.forms import Form
from vote.web.visits import STAFF_COOKIE, Visit, who

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

log = logging.getLogger(__name__)

AsyncHandler = Callable[[Visit], Awaitable[Response]]
Handler = Callable[[Visit], Response] | AsyncHandler


class Page:
    """One address, as an ASGI application. `form` shows the page whose form `post` reads; a refused form is shown
    again. `keeper` is the role that its room asks for."""

    def __init__(
        self, get: Handler | None, post: Handler | None, form: Handler | None, keeper: Role | None = None
    ) -> None:
        self._handlers = {
            method: _async(handler) for method, handler in (("POST", post), ("GET", get), ("HEAD", get)) if handler
        }
        self._form = _async(form) if form else None
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.answer(scope, receive)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The page that answers a request, whatever happens. Raises ClientDisconnect."""
        station: Station = scope["app"].state.station
        visit = Visit(scope, station, station.clock.now(), Form())
        try:
            return await self._answer(visit, receive)
        except Refusal as refusal:
            return await refuse(visit, refusal, self._form)
        except HTTPException as problem:
            return await refuse_http(visit.request, problem)
        except ClientDisconnect:
            raise
        except Exception as fault:
            log.exception("a fault of ours at %s", scope["route"].path)
            return await refuse_http(visit.request, fault)

    async def _answer(self, visit: Visit, receive: Receive) -> Response:
        method = visit.scope["method"]
        sent = method == "POST"
        if sent:
            guards.require_same_site(visit.headers)
            visit.form = await forms.read(visit.scope, visit.headers, receive)
        if self._keeper is not None and (turned_away := await _enter(visit, self._keeper)) is not None:
            return turned_away
        response = await self._handlers[method](visit)
        if sent and visit.member is not None:
            with suppress(Unavailable):  # done is done, and is not to be called nothing
                await run_in_threadpool(visit.station.noticeboard.keep_up)  # their act shows at once
        return response


async def refuse(visit: Visit, refusal: Refusal, form: AsyncHandler | None = None) -> Response:
    """The page of a refusal: the form again with what was typed, where typing better helps; else a page of its own."""
    # Where it was raised says nothing, and would hold the whole visit until the collector of cycles comes by.
    refusal.__traceback__ = None
    visit.status = next(status for kind, status in STATUS.items() if isinstance(refusal, kind))
    if form is not None and isinstance(refusal, Invalid | Expired | TooMany):
        visit.refusal = refusal
        visit.form.errors = {name: sentence.in_(visit.lang) for name, sentence in refusal.errors.items()}
        try:
            response = await form(visit)
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
    visit = Visit(request.scope, station, station.clock.now(), Form())
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


async def at_hand() -> NoReturn:
    """Instead of what receives: whoever has come as a whole sends nothing more."""
    raise ClientDisconnect


def _async(handler: Handler) -> AsyncHandler:
    """A handler as it is called here: a plain one, which may print and read, in a thread."""
    if inspect.iscoroutinefunction(handler):
        return handler
    plain = cast(Callable[[Visit], Response], handler)
    return lambda visit: run_in_threadpool(plain, visit)


async def _enter(visit: Visit, role: Role) -> Response | None:
    """Let a visitor of a room in, or answer instead. Raises Forbidden."""
    visit.member = await run_in_threadpool(who, visit.station, visit.cookie(STAFF_COOKIE), visit.at)
    if visit.member is None:
        if visit.scope["method"] == "POST":
            raise Forbidden("Votre session est terminée : entrez de nouveau, puis recommencez.")
        return visit.lead_to("/entrer")
    if visit.member.role is not role:
        raise Forbidden("Cette salle n’est pas la vôtre.")
    return None
