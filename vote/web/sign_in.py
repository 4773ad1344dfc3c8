"""The staff entrance: a mailed code or link, and a session that can be revoked."""

from __future__ import annotations

from starlette.responses import Response

from vote import addresses, staff
from vote.errors import Expired
from vote.tokens import decode, encode
from vote.web import doors
from vote.web.pages import STAFF_COOKIE, Visit, who

ENTRANCE_COOKIE = "entree"


def ask(visit: Visit) -> Response:
    return visit.page("sign_in/ask.html")


def send(visit: Visit) -> Response:
    """The same answer whether or not the address is a member's."""
    address = addresses.parse(visit.form["email"])
    identifier = staff.ask(visit.station.database, address, visit.at, visit.lang)
    visit.station.letter_posted()
    response = visit.lead_to("/entrer/code")
    seconds = int(staff.SIGN_IN_LASTS.total_seconds())
    visit.set_cookie(response, ENTRANCE_COOKIE, encode(identifier).decode(), seconds)
    return response


def code(visit: Visit) -> Response:
    return visit.page("sign_in/code.html")


def enter_by_code(visit: Visit) -> Response:
    identifier = _identifier(visit.request.cookies.get(visit.cookie_name(ENTRANCE_COOKIE), ""))
    station = visit.station
    return _enter(visit, staff.enter_by_code(station.database, station.keys, identifier, visit.form["code"], visit.at))


def link(visit: Visit) -> Response:
    """Opening the link shows a button; only the button opens the session."""
    token = visit.request.path_params["token"]
    with visit.station.database.reading() as session:
        if not staff.link_is_usable(session, visit.station.keys, token, visit.at):
            raise Expired(staff.LATE)
    return visit.page("sign_in/link.html", action=visit.request.url.path)


def enter_by_link(visit: Visit) -> Response:
    token = visit.request.path_params["token"]
    return _enter(visit, staff.enter_by_link(visit.station.database, visit.station.keys, token, visit.at))


def leave(visit: Visit) -> Response:
    staff.leave(visit.station.database, visit.request.cookies.get(visit.cookie_name(STAFF_COOKIE)), visit.at)
    response = visit.lead_to("/")
    visit.set_cookie(response, STAFF_COOKIE, "", 0)
    return response


def _enter(visit: Visit, cookie: str) -> Response:
    member = who(visit.station, cookie, visit.at)
    room = next((room for room, role in doors.ROOMS.items() if member and member.role is role), "/")
    response = visit.lead_to(room)
    visit.set_cookie(response, STAFF_COOKIE, cookie, int(staff.SESSION_LASTS.total_seconds()))
    visit.set_cookie(response, ENTRANCE_COOKIE, "", 0)
    return response


def _identifier(cookie: str) -> bytes:
    try:
        return decode(cookie)
    except ValueError:
        return b""
