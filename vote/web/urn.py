"""The urn: anybody checks a receipt, the box and its past; nobody learns for whom."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from vote import ballot_box, envelope, receipts
from vote.errors import Invalid, Unknown
from vote.languages import Sentence
from vote.notes import encode_proof
from vote.receipts import Answer, Whereabouts
from vote.web.forms import UNHOLDABLE
from vote.web.visits import Visit

UNREADABLE = Sentence("Un code de suivi a seize lettres et chiffres, en quatre groupes : relisez le vôtre.")
NOT_SEALED = Sentence("Aucun bulletin scellé ne porte ce code.")
NO_SUCH_BOX = Sentence(
    "Donnez deux tailles de l’urne, de=N puis a=M, la première la plus petite, la seconde déjà atteinte."
)


def check(visit: Visit) -> Response:
    """Where the ballot of a receipt code is. The proof is there for the page's script, and for people in words."""
    typed = UNHOLDABLE.sub("\ufffd", visit.request.query_params.get("code", "")[:100])
    visit.form.values["code"] = typed
    ballot_code = envelope.read_receipt_code(typed)
    if ballot_code is None and typed.strip():
        visit.status = 422
        visit.form.errors["code"] = UNREADABLE.in_(visit.lang)
    station = visit.station
    with station.database.reading() as session:
        signed = ballot_box.last_checkpoint(session, station.contest)
        answer = receipts.ask(session, station.contest, ballot_code, station.booth.mixing) if ballot_code else None
    if answer is not None and answer.whereabouts is Whereabouts.UNKNOWN:
        visit.status = 404
    code = envelope.receipt_code(ballot_code) if ballot_code else ""
    return visit.page("urn/check.html", answer=answer, code=code, checkpoint=signed, proof=_proof(answer))


def proof(visit: Visit) -> Response:
    ballot_code = envelope.read_receipt_code(visit.request.path_params["code"])
    with visit.station.database.reading() as session:
        place = ballot_box.find(session, visit.station.contest, ballot_code) if ballot_code else None
    if place is None:
        raise Unknown(NOT_SEALED)
    return JSONResponse(_proof(Answer(Whereabouts.SEALED, place=place)))


def consistency(visit: Visit) -> Response:
    """The RFC 6962 consistency proof between two sizes of the box."""
    old, new = (visit.request.query_params.get(name, "") for name in ("de", "a"))
    if not all(size.isascii() and size.isdigit() and len(size) < 16 for size in (old, new)):
        raise Invalid(NO_SUCH_BOX)
    with visit.station.database.reading() as session:
        try:
            steps = ballot_box.consistency(session, visit.station.contest, int(old), int(new))
        except ValueError as problem:
            raise Invalid(NO_SUCH_BOX) from problem
    return JSONResponse({"from": int(old), "to": int(new), "proof": encode_proof(steps)})


def checkpoint(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        signed = ballot_box.last_checkpoint(session, visit.station.contest)
    if signed is None:
        raise Unknown("L’urne n’a pas encore d’empreinte.")
    return PlainTextResponse(signed.note)


def key(visit: Visit) -> Response:
    return PlainTextResponse(f"{visit.station.sealer.signer.verifier.text()}\n")


def public_list(visit: Visit) -> Response:
    def lines() -> Iterator[str]:
        # A view of its own for each part: somebody who reads slowly holds no connection to the database meanwhile.
        part, start = "", 0
        while start == 0 or part:
            with visit.station.database.reading() as session:
                part = "".join(ballot_box.public_lines(session, visit.station.contest, start, ballot_box.CHUNK))
            start += ballot_box.CHUNK
            yield part

    return StreamingResponse(lines(), media_type="text/plain")


def _proof(answer: Answer | None) -> dict[str, object] | None:
    if answer is None or answer.place is None:
        return None
    place = answer.place
    return {
        "code": envelope.receipt_code(place.code),
        "commitment": place.commitment.hex(),
        "position": place.position,
        "size": place.size,
        "proof": encode_proof(place.proof),
        "checkpoint": place.note,
    }
