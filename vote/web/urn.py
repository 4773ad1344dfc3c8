"""The urn: anybody checks that a receipt code is counted; nobody learns for whom."""

from __future__ import annotations

from starlette.responses import Response

from vote import casting, envelope
from vote.web.pages import Visit

UNREADABLE = "Un code de suivi a seize lettres et chiffres, en quatre groupes : relisez le vôtre."


def check(visit: Visit) -> Response:
    typed = visit.request.query_params.get("code", "")[:100]
    visit.form.values["code"] = typed
    if not typed.strip():
        return visit.page("urn/check.html", answer=None, code="")
    ballot_code = envelope.read_receipt_code(typed)
    if ballot_code is None:
        visit.status = 422
        visit.form.errors["code"] = UNREADABLE
        return visit.page("urn/check.html", answer=None, code="")
    with visit.station.database.reading() as session:
        counted = casting.is_cast(session, ballot_code)
    visit.status = 200 if counted else 404
    code = envelope.receipt_code(ballot_code)
    return visit.page("urn/check.html", answer="counted" if counted else "unknown", code=code)
