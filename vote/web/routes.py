"""Every address of the site, in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from vote import languages
from vote.languages import LANGUAGES
from vote.web import booth, bureau, demo, doors, health, jury, notices, passkeys, shelf, sign_in, urn
from vote.web.pages import Page

# fmt: off
TABLE = (
    # address                  what it shows            what its form does        the page that holds the form
    ("/",                      booth.home,              None,                     None),
    ("/laureats/{slug}",       booth.laureate,          None,                     None),
    ("/bulletin",              booth.go_home,           booth.fill,               booth.home),
    ("/confirmation",          booth.waiting,           booth.confirm_by_code,    booth.waiting_still),
    ("/confirmation/{token}",  booth.link,              booth.confirm_by_link,    booth.link),
    ("/confirmation/{token}/pas-moi", None,             booth.disown,             booth.link),
    ("/recu",                  booth.receipt,           None,                     None),
    ("/urne",                  urn.check,               None,                     None),
    ("/urne/checkpoint",       urn.checkpoint,          None,                     None),
    ("/urne/cle",              urn.key,                 None,                     None),
    ("/urne/preuve/{code}",    urn.proof,               None,                     None),
    ("/urne/coherence",        urn.consistency,         None,                     None),
    ("/urne/bulletins.txt",    urn.public_list,         None,                     None),
    ("/resultats",             notices.show_results,    None,                     None),
    ("/resultats/carte",       notices.results_card,    None,                     None),
    ("/resultats.json",        notices.results_json,    None,                     None),
    ("/resultats.csv",         notices.results_csv,     None,                     None),
    ("/resultats/urne.zip",    notices.public_bundle,   None,                     None),
    ("/proces-verbal",         notices.show_record,     None,                     None),
    ("/proces-verbal.pdf",     notices.record_pdf,      None,                     None),
    ("/reglement",             notices.rules,           None,                     None),
    ("/donnees-personnelles",  notices.privacy,         None,                     None),
    ("/accessibilite",         notices.accessibility,   None,                     None),
    ("/mentions-legales",      notices.legal,           None,                     None),
    ("/jury",                  jury.count,              None,                     None),
    ("/jury/flux",             jury.stream,             None,                     None),
    ("/jury/temoin",           None,                    jury.witness,             None),
    ("/bureau",                bureau.desk,             None,                     None),
    ("/bureau/proces-verbal.csv", bureau.minutes_csv,   None,                     None),
    ("/bureau/cloture",        None,                    bureau.close,             bureau.desk),
    ("/bureau/prolongation",   None,                    bureau.extend,            bureau.desk),
    ("/bureau/proclamation",   None,                    bureau.publish,           bureau.desk),
    ("/bureau/controle",       None,                    bureau.inspect,           None),
    ("/bureau/bulletins",      None,                    bureau.decide,            bureau.desk),
    ("/bureau/depouillement.zip", bureau.scrutiny,      None,                     None),
    ("/bureau/approbation",    None,                    bureau.approve,           bureau.desk),
    ("/bureau/retrait",        None,                    bureau.withdraw,          bureau.desk),
    ("/bureau/cles",           passkeys.keys,           passkeys.add,             passkeys.keys),
    ("/bureau/cles/retrait",   None,                    passkeys.remove,          passkeys.keys),
    ("/entrer",                sign_in.ask,             sign_in.send,             sign_in.ask),
    ("/entrer/code",           sign_in.code,            sign_in.enter_by_code,    sign_in.code),
    ("/entrer/cle",            sign_in.key,             sign_in.enter_by_key,     sign_in.anew),
    ("/entrer/{token}",        sign_in.link,            sign_in.enter_by_link,    None),
    ("/sortir",                None,                    sign_in.leave,            None),
    ("/sante",                 health.alive,            None,                     None),
    ("/pret",                  health.ready,            None,                     None),
    ("/metrics",               health.metrics,          None,                     None),
    ("/demo/courrier",         demo.mailbox,            None,                     None),
)
# fmt: on

SHELF = "/static/{name}"
# The same for everybody, whoever asks: no cookie is read to show them.
POSTED = {
    booth.home,
    booth.laureate,
    urn.check,
    urn.checkpoint,
    urn.key,
    notices.show_results,
    notices.results_json,
    notices.results_csv,
    notices.show_record,
    notices.record_pdf,
    notices.rules,
    notices.privacy,
    notices.accessibility,
}


def routes() -> list[BaseRoute]:
    """The routes of the site, in each language. Raises Misuse where one of them has no access rule."""
    doors.check([*(path for path, *_ in TABLE), SHELF])
    found: list[BaseRoute] = [
        Route(
            languages.address(path, lang),
            Page(show, act, form, doors.keeper(path)),
            methods=[method for method, handler in (("GET", show), ("POST", act)) if handler is not None],
        )
        for lang in LANGUAGES
        for path, show, act, form in TABLE
    ]
    found.append(Route(SHELF, shelf.fetch))
    return found


class Directory:
    """In front of Starlette's routes: who asks for an address without parameters is led straight to its page."""

    def __init__(self, app: ASGIApp, found: Iterable[BaseRoute]) -> None:
        self._app = app
        self._plain = {one.path: one for one in found if isinstance(one, Route) and not one.param_convertors}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self.find(scope)
        await (page or self._app)(scope, receive, send)

    def find(self, scope: Scope) -> ASGIApp | None:
        """The page that a scope asks for at an address without parameters; the scope then says so."""
        route = self._plain.get(scope.get("path", ""))
        if route is None or scope["method"] not in (route.methods or ()):
            return None
        scope["route"], scope["path_params"] = route, {}
        return route.app


def posted(path: str) -> bool:
    """Whether a poster hangs at this address. Asked for each request while too many come."""
    plain, (whole, patterns) = languages.plain(path), _posted()
    return plain in whole or any(pattern.fullmatch(plain) for pattern in patterns)


@cache
def _posted() -> tuple[frozenset[str], list[re.Pattern[str]]]:
    """Whole paths, and patterns of those with a parameter."""
    paths = [path for path, show, _act, _form in TABLE if show in POSTED]
    patterns = {path: pattern for path in paths for pattern, _, parameters in [compile_path(path)] if parameters}
    return frozenset(paths) - patterns.keys(), [*patterns.values()]
