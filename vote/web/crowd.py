"""What is said at the door to whoever comes when too many are inside: set beforehand, so that saying it is no work."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from vote import languages, line
from vote.errors import Unavailable
from vote.languages import LANGUAGES
from vote.station import Station
from vote.web import doors, pages
from vote.web.forms import Form
from vote.web.guards import House
from vote.web.posters import NOBODY, answer_of, sheet_of
from vote.web.visits import Visit

AGAIN_SECONDS = 5
# Who asks here keeps the house: a proxy that were refused would take a crowd for a death.
LET_IN = frozenset({"/sante", "/pret", "/metrics"})


class Apology:
    """The page that says so, in each language, as a request for the home page would be refused.

    `posted` says which addresses are public pages: these are set once for all who ask, and never too much. Staff are
    let in: they are few, a vote may have to be closed in just such an hour, and a browser that were refused would
    follow the count no more.
    """

    def __init__(self, station: Station, posted: Callable[[str], bool]) -> None:
        self._station, self._posted = station, posted
        self._set_for: object = None
        self._wires: dict[str, tuple[bytes, bytes]] = {}

    def at_once(self, path: str) -> tuple[bytes, bytes] | None:
        """What answers this address, as HTTP/1.1 has it, a date to be added; None for who is let in all the same."""
        asked, query, _ = path.partition("?")
        in_a_room = doors.keeper(languages.plain(asked)) is not None
        if asked in LET_IN or in_a_room or (not query and self._posted(asked)):
            return None
        return self._wires.get(languages.language_of(asked))

    async def keep_up(self) -> None:
        """Set it anew if anything on it may have changed."""
        moment = self._station.clock.now().replace(second=0, microsecond=0)
        state = (self._station.noticeboard.version, moment)
        if state != self._set_for:
            self._wires = {lang: await self._set(languages.address("/", lang)) for lang in LANGUAGES}
            self._set_for = state

    async def _set(self, path: str) -> tuple[bytes, bytes]:
        station, scope = self._station, {**NOBODY, "type": "http", "path": path}
        visit = Visit(scope, station, station.clock.now(), Form())
        answer = await pages.refuse(visit, Unavailable(line.FULL, retry_after=AGAIN_SECONDS))
        start, body = await answer_of(House(answer, secure=station.settings.secure), scope)
        return sheet_of(HTTPStatus.SERVICE_UNAVAILABLE, start["headers"], body).wire
