"""The staff entrance: a mailed code or link, a passkey of who has one, a session that can be revoked, fresh proofs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps

from starlette.responses import Response

from vote import addresses, passkeys, staff
from vote.errors import Expired
from vote.staff import Member
from vote.tokens import decode, encode
from vote.web import doors
from vote.web.visits import STAFF_COOKIE, Visit, who

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
    identifier = _identifier(_cookie(visit))
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


def key(visit: Visit) -> Response:
    """The second half of a sign-in, for whoever has passkeys."""
    question = passkeys.pending(visit.station.database, visit.station.settings.public_url, _cookie(visit), visit.at)
    return visit.page("sign_in/passkey.html", question=question, kept={}, answer="passkey")


def enter_by_key(visit: Visit) -> Response:
    database, site = visit.station.database, visit.station.settings.public_url
    return _enter(visit, passkeys.enter(database, site, _cookie(visit), visit.form["passkey"], visit.at))


def anew(visit: Visit) -> Response:
    """A challenge serves once: what went wrong is told where the next letter is asked for."""
    visit.form.errors = {"": " ".join(visit.form.errors.values())}
    return ask(visit)


def leave(visit: Visit) -> Response:
    staff.leave(visit.station.database, visit.cookie(STAFF_COOKIE), visit.at)
    response = visit.lead_to("/")
    visit.set_cookie(response, STAFF_COOKIE, "", 0)
    return response


def freshly(act: Callable[[Visit], Response]) -> Callable[[Visit], Response]:
    """An officer's act, done if they proved to be there a moment ago; else they are asked to prove it again first.

    By one of their passkeys, or by a code that is mailed where they have none. The page that asks keeps what was typed
    and posts to the same address. Where `wants_proof` says so of a refusal, `again` is the page that shows it.
    """

    @wraps(act)
    def asked_first(visit: Visit) -> Response:
        assert visit.member is not None  # noqa: S101
        if visit.at - visit.member.opened_at > staff.FRESH_FOR and not _proved(visit, visit.member):
            visit.status = 403
            return again(visit)
        return act(visit)

    return asked_first


def _proved(visit: Visit, member: Member) -> bool:
    """Whether the form brought a proof, which is then checked; a letter leaves for whoever needs one."""
    station, form = visit.station, visit.form
    with station.database.reading() as session:
        by_key = staff.holds_passkeys(session, member.address)
    if by_key and form["passkey"]:
        passkeys.prove(station.database, station.settings.public_url, member, form["passkey"], visit.at)
        return True
    if not by_key and form["letter"]:
        letter = _identifier(form["letter"])
        staff.prove_again(station.database, station.keys, member, letter, form["code"], visit.at)
        return True
    if not by_key:
        identifier = staff.ask(station.database, addresses.parse(member.address), visit.at, visit.lang)
        station.letter_posted()
        form.values["letter"] = encode(identifier).decode()
    return False


def wants_proof(visit: Visit) -> bool:
    """Whether what was refused is the proof of who acts, not the act."""
    return not visit.form.errors.keys().isdisjoint({"code", "passkey"})


def again(visit: Visit) -> Response:
    assert visit.member is not None  # noqa: S101
    kept = {name: value for name, value in visit.form.values.items() if name not in {"code", "passkey"}}
    site = visit.station.settings.public_url
    question = passkeys.ask_again(visit.station.database, site, visit.member, visit.at)
    path = visit.request.url.path
    return visit.page("sign_in/again.html", action=path, kept=kept, question=question, answer="passkey")


def _enter(visit: Visit, cookie: str) -> Response:
    member = who(visit.station, cookie, visit.at)
    if member is None:  # a passkey is asked for first
        response = visit.lead_to("/entrer/cle")
        visit.set_cookie(response, ENTRANCE_COOKIE, cookie, int(staff.CHALLENGE_LASTS.total_seconds()))
        return response
    if (old := visit.cookie(STAFF_COOKIE)) is not None:
        staff.leave(visit.station.database, old, visit.at)
    room = next((room for room, role in doors.ROOMS.items() if member.role is role), "/")
    response = visit.lead_to(room)
    visit.set_cookie(response, STAFF_COOKIE, cookie, int(staff.SESSION_LASTS.total_seconds()))
    visit.set_cookie(response, ENTRANCE_COOKIE, "", 0)
    return response


def _cookie(visit: Visit) -> str:
    return visit.cookie(ENTRANCE_COOKIE) or ""


def _identifier(cookie: str) -> bytes:
    try:
        return decode(cookie)
    except ValueError:
        return b""
