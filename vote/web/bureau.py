"""The bureau: officers see turnout, balance and minutes, and act on the contest; they see no count of anybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.responses import PlainTextResponse, Response

from vote import approvals, audit, bundle, contests, decisions, minutes, outbox, tally, words
from vote.approvals import Officer
from vote.errors import Invalid
from vote.languages import Sentence
from vote.models import Act, Minute
from vote.record import act_names
from vote.web.forms import gather
from vote.web.sign_in import again, freshly, wants_proof
from vote.web.visits import Visit

FIELDS = ("number", "at", "act", "who", "why", "before", "after", "hash")
FORMS = {"/bureau/cloture": "closure", "/bureau/prolongation": "extension", "/bureau/proclamation": "publication"}

CLOSE, EXTEND, PUBLISH = Sentence("CLORE"), Sentence("PROLONGER"), Sentence("PROCLAMER")
WHICH = Sentence("Donnez la date et l’heure, à Paris.")
VERDICT = Sentence("Dites si ces bulletins sont admis ou rejetés.")


@dataclass(frozen=True, slots=True)
class LetterCount:
    waiting: int
    sent: int
    refused: int


def desk(visit: Visit) -> Response:
    if wants_proof(visit):
        return again(visit)
    slug = visit.station.contest
    with visit.station.database.reading() as session:
        balance = tally.glance(session, slug)
        lines = minutes.read(session, slug)
        inspection = audit.last_inspection(session, slug)
        groups = decisions.groups(session, slug)
        proposals = approvals.waiting(session, slug)
        letters = LetterCount(outbox.waiting(session), *outbox.recent(session))
        health = outbox.health(session)
    return visit.page(
        "bureau/desk.html",
        turnout=balance.signatures,
        balance=balance,
        inspection=inspection,
        groups=groups,
        proposals=proposals,
        minutes=_matching(visit, lines, visit.request.query_params.get("cherche", "")),
        wanted=visit.request.query_params.get("cherche", ""),
        act_names=act_names(visit.lang),
        letters=letters,
        health=health,
        form_name=FORMS.get(visit.plain_path, ""),
    )


def minutes_csv(visit: Visit) -> Response:
    """The minutes as a table, for a spreadsheet."""
    with visit.station.database.reading() as session:
        lines = [minutes.document(line) for line in minutes.read(session, visit.station.contest)]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, FIELDS, extrasaction="ignore")
    writer.writeheader()
    # A cell that begins like a formula would be run by a spreadsheet.
    safe = ({name: f"'{cell}" if str(cell)[:1] in "=+-@" else cell for name, cell in line.items()} for line in lines)
    writer.writerows(safe)
    return PlainTextResponse(table.getvalue(), media_type="text/csv")


def _matching(visit: Visit, lines: Sequence[Minute], wanted: str) -> list[Minute]:
    """Those that tell of every word of `wanted`, however it is capitalised."""
    words_wanted = wanted.casefold().split()
    names = act_names(visit.lang)
    told = ((line, f"{names[line.act]} {line.who} {line.why}".casefold()) for line in lines)
    return [line for line, text in told if all(word in text for word in words_wanted)]


@freshly
def close(visit: Visit) -> Response:
    _check(visit, CLOSE)
    return _act(visit, Act.CLOSURE, {})


@freshly
def extend(visit: Visit) -> Response:
    until = words.read_last_minute(visit.form["until"])
    _check(visit, EXTEND, lambda: _ask(until is not None, "until", WHICH))
    assert until is not None  # noqa: S101
    return _act(visit, Act.EXTENSION, {"until": until.isoformat()})


@freshly
def publish(visit: Visit) -> Response:
    _check(visit, PUBLISH)
    return _act(visit, Act.PUBLICATION, {})


def inspect(visit: Visit) -> Response:
    """Audit the database now, rather than within the hour; the tile of the page tells what was found."""
    station = visit.station
    audit.inspect(station.database, station.contest, station.sealer.signer.verifier, visit.at)
    return visit.lead_to("/bureau")


@freshly
def decide(visit: Visit) -> Response:
    """Admit or reject the ballots of one suspicion, all of them, unseen."""
    kind = {"admit": Act.ADMISSION, "reject": Act.REJECTION}.get(visit.form["verdict"])
    gather(
        lambda: contests.check_reason(visit.form["reason"]),
        lambda: _ask(kind is not None, "verdict", VERDICT),
    )
    assert kind is not None  # noqa: S101
    return _act(visit, kind, {"suspicion": _identifier(visit, "suspicion").hex()})


def scrutiny(visit: Visit) -> Response:
    """The scrutineers' bundle, with the salts and laureates of all ballots."""
    station = visit.station
    with station.database.reading() as session:
        content = bundle.write(session, station.contest, station.sealer.signer, for_scrutineers=True)
    name = f'attachment; filename="{station.contest}-depouillement.zip"'
    return Response(content, media_type="application/zip", headers={"Content-Disposition": name})


@freshly
def approve(visit: Visit) -> Response:
    station = visit.station
    approvals.approve(station.database, station.sealer, _identifier(visit, "proposal"), by=_officer(visit), at=visit.at)
    return visit.lead_to("/bureau")


@freshly
def withdraw(visit: Visit) -> Response:
    why = visit.form["reason"]
    station, proposal = visit.station, _identifier(visit, "proposal")
    approvals.withdraw(station.database, station.contest, proposal, by=_officer(visit), why=why, at=visit.at)
    return visit.lead_to("/bureau")


def _act(visit: Visit, kind: Act, terms: dict[str, str]) -> Response:
    station = visit.station
    done = approvals.act(
        station.database,
        station.sealer,
        kind,
        terms,
        by=_officer(visit),
        why=visit.form["reason"],
        at=visit.at,
    )
    return visit.lead_to("/resultats" if done and kind is Act.PUBLICATION else "/bureau")


def _check(visit: Visit, word: Sentence, *more: Callable[[], None]) -> None:
    """What every act asks for, all of it told at once. Raises Invalid."""
    asked = word.in_(visit.lang)
    gather(
        *more,
        lambda: contests.check_reason(visit.form["reason"]),
        lambda: _ask(
            visit.form["word"].strip() == asked,
            "word",
            Sentence("Tapez {word}, en capitales, pour confirmer.", word=word),
        ),
    )


def _ask(holds: bool, name: str, sentence: Sentence) -> None:
    if not holds:
        raise Invalid(sentence, field=name)


def _officer(visit: Visit) -> Officer:
    assert visit.member is not None  # noqa: S101
    return Officer(visit.member.name, visit.member.address)


def _identifier(visit: Visit, name: str) -> bytes:
    try:
        return bytes.fromhex(visit.form[name])
    except ValueError:
        return b""
