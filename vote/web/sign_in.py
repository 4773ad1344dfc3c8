"""The staff entrance: a mailed code or link, a session that can be revoked, and a fresh code for an act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps

from starlette.responses import Response

from vote import addresses, staff
from vote.errors import Expired
from vote.tokens import decode, encode
from vote.web import doors
from vote.web.pages import STAFF_COOKIE, Visit, who

ENTRANCE_COOKIE = "entree"
ANSWER_SECONDS = 0.1  # longer than it takes to post a letter


def ask(visit: Visit) -> Response:
    return visit.page("sign_in/ask.html")


async def send(visit: Visit) -> Response:
    """The same answer, after the same time, whether or not the address is a member's."""
    answered = asyncio.get_running_loop().time() + ANSWER_SECONDS
    response = await visit.in_thread(_send)
    await asyncio.sleep(answered - asyncio.get_running_loop().time())
    return response


def _send(visit: Visit) -> Response:
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
    database, keys = visit.station.database, visit.station.keys
    return _enter(visit, staff.enter_by_code(database, keys, identifier, visit.form["code"], visit.at, visit.lang))


def link(visit: Visit) -> Response:
    """Opening the link shows a button; only the button opens the session."""
    token = visit.request.path_params["token"]
    with visit.station.database.reading() as session:
        if not staff.link_is_usable(session, visit.station.keys, token, visit.at):
            raise Expired(staff.LATE)
    return visit.page("sign_in/link.html", action=visit.request.url.path)


def enter_by_link(visit: Visit) -> Response:
    token = visit.request.path_params["token"]
    database, keys = visit.station.database, visit.station.keys
    return _enter(visit, staff.enter_by_link(database, keys, token, visit.at, visit.lang))


def leave(visit: Visit) -> Response:
    staff.leave(visit.station.database, visit.request.cookies.get(visit.cookie_name(STAFF_COOKIE)), visit.at)
    response = visit.lead_to("/")
    visit.set_cookie(response, STAFF_COOKIE, "", 0)
    return response


def freshly(act: Callable[[Visit], Response]) -> Callable[[Visit], Response]:
    """An officer's act, done if they proved their mailbox a moment ago; else a code is mailed and asked for first.

    The page that asks keeps what was typed and posts to the same address. Raises Invalid on its `code`, for `again`.
    """

    @wraps(act)
    def asked_first(visit: Visit) -> Response:
        assert visit.member is not None  # noqa: S101
        station, member = visit.station, visit.member
        if visit.at - member.opened_at > staff.FRESH_FOR:
            if not visit.form["letter"]:
                identifier = staff.ask(station.database, addresses.parse(member.address), visit.at, visit.lang)
                station.letter_posted()
                visit.form.values["letter"] = encode(identifier).decode()
                visit.status = 403
                return again(visit)
            letter = _identifier(visit.form["letter"])
            staff.prove_again(station.database, station.keys, member, letter, visit.form["code"], visit.at)
        return act(visit)

    return asked_first


def again(visit: Visit) -> Response:
    kept = {name: value for name, value in visit.form.values.items() if name != "code"}
    return visit.page("sign_in/again.html", action=visit.request.url.path, kept=kept)


def _enter(visit: Visit, cookie: str) -> Response:
    if (old := visit.request.cookies.get(visit.cookie_name(STAFF_COOKIE))) is not None:
        staff.leave(visit.station.database, old, visit.at)
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
