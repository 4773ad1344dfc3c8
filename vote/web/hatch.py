"""The hatch: a form that has come as a whole is handed in to its page and the answer handed out, with nobody between.

What a form meets here is what it meets on the way of every request, in the same order: the number in the log, the page,
the headers of the house. Only the messages in between are left out.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Scope

from vote import logbook
from vote.web.guards import House
from vote.web.pages import Page, at_hand
from vote.web.routes import Directory


class Hatch:
    """Where the doorstep hands in forms."""

    def __init__(self, app: ASGIApp, directory: Directory, house: House) -> None:
        self._app, self._directory, self._house = app, directory, house

    def takes(self, scope: Scope) -> bool:
        """Whether what comes with this scope is handed in here, once it is there as a whole."""
        return scope["method"] == "POST" and isinstance(self._directory.find(scope), Page)

    async def hand_in(self, scope: Scope) -> tuple[bytes, bytes]:
        """What answers a scope that is taken here and has come as a whole, as HTTP/1.1 has it: status and headers, to
        which a date may be added, and body."""
        number = logbook.number()
        scope["app"] = self._app
        response = await scope["route"].app.answer(scope, at_hand)
        return self._house.head(scope, response.status_code, response.raw_headers, number), response.body
