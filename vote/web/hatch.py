"""The hatch: a form that has come as a whole is handed in to its page and the answer handed out, with nobody between.

What a form meets here is what it meets on the way of every request, in the same order: the number in the log, whom a
trusted proxy speaks for, the page, the headers of the house. Only the messages in between are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from vote import logbook
from vote.web.guards import House
from vote.web.pages import Page
from vote.web.routes import Directory


class Hatch:
    """Where the doorstep hands in forms. `proxies` are those that may speak for others, as uvicorn is told them."""

    def __init__(self, app: ASGIApp, directory: Directory, house: House, proxies: Sequence[str]) -> None:
        self._app, self._directory, self._house = app, directory, house
        self._proxies = ProxyHeadersMiddleware(_nothing, list(proxies)) if proxies else None

    def takes(self, scope: Scope) -> bool:
        """Whether what comes with this scope is handed in here, once it is there as a whole."""
        return scope["method"] == "POST" and isinstance(self._directory.find(scope), Page)

    async def hand_in(self, scope: Scope, receive: Receive) -> tuple[bytes, bytes]:
        """What answers a scope that is taken here, as HTTP/1.1 has it: status and headers, to which a date may be
        added, and body."""
        number = logbook.number()
        scope["app"] = self._app
        if self._proxies is not None:
            await self._proxies(scope, receive, _nothing)  # type: ignore[arg-type]
        response = await scope["route"].app.answer(Request(scope, receive))
        return self._house.head(scope, response.status_code, response.raw_headers, number), response.body


async def _nothing(*_: object) -> None:
    """In the place of an application, and of where it sends, as only the scope is wanted."""
