"""The page of an officer's passkeys: those there are, a new one, one less."""

from __future__ import annotations

from starlette.responses import Response

from vote import passkeys
from vote.web.sign_in import again, freshly, wants_proof
from vote.web.visits import Visit


def keys(visit: Visit) -> Response:
    assert visit.member is not None  # noqa: S101
    if wants_proof(visit):
        return again(visit)
    with visit.station.database.reading() as session:
        held = passkeys.held(session, visit.member.address)
    return visit.page("bureau/passkeys.html", passkeys=held)


@freshly
def add(visit: Visit) -> Response:
    """Ask the browser for a key first, then enter the one it made."""
    assert visit.member is not None  # noqa: S101
    station, name, answer = visit.station, visit.form["name"], visit.form["made"]
    database, site = station.database, station.settings.public_url
    if not answer:
        question = passkeys.ask_to_add(database, site, visit.member, name, visit.at)
        return visit.page("bureau/new_passkey.html", question=question, kept={"name": name}, answer="made")
    passkeys.add(database, station.contest, site, visit.member, name, answer, visit.at)
    station.letter_posted()
    return visit.lead_to("/bureau/cles")


@freshly
def remove(visit: Visit) -> Response:
    assert visit.member is not None  # noqa: S101
    station, member, name = visit.station, visit.member, visit.form["name"]
    database, own = station.database, member.session
    passkeys.remove(database, station.contest, member.address, name, who=member.name, at=visit.at, but=own)
    station.letter_posted()
    return visit.lead_to("/bureau/cles")
