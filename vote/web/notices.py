"""What is posted for everybody to read: the results, the rules, and how the house works."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from starlette.responses import JSONResponse, PlainTextResponse, Response

from vote import ballot_box, bundle, record, results
from vote.errors import Conflict
from vote.languages import Sentence
from vote.models import VERIFICATION_LASTS
from vote.web.visits import Visit

NOT_YET = Sentence("Les résultats ne sont pas encore proclamés.")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of the RGAA 4.1; `outcome` is C where it is met, D where it is not, N where nothing asks for it."""

    number: str
    theme: str
    title: str
    outcome: str
    how: str


@cache
def criteria() -> tuple[Criterion, ...]:
    text = Path(__file__).with_name("rgaa.txt").read_text(encoding="utf-8")
    rows = (line.split("|") for line in text.splitlines() if "|" in line and not line.startswith("#"))
    return tuple(Criterion(*(cell.strip() for cell in row)) for row in rows)


def show_results(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        published, turnout, lines = results.read(session, visit.contest)
    return visit.page(
        "results/results.html",
        results=published,
        turnout=turnout,
        minutes=lines,
        act_names=record.act_names(visit.lang),
    )


def results_card(visit: Visit) -> Response:
    """The results in a small frame, for other sites."""
    with visit.station.database.reading() as session:
        published, _, _ = results.read(session, visit.contest)
    return visit.page("results/card.html", results=published)


def results_json(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        published, _, lines = results.read(session, visit.contest)
        signed = ballot_box.last_checkpoint(session, visit.station.contest)
    if published is None or signed is None:
        raise Conflict(NOT_YET)
    return JSONResponse(results.document(published, lines, signed.note))


def results_csv(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        published, _, _ = results.read(session, visit.contest)
    if published is None:
        raise Conflict(NOT_YET)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["slug", "name", "votes", "share"])
    for row in published.laureates:
        writer.writerow([row.laureate.slug, row.laureate.name, row.votes, f"{row.tenths / 10:.1f}"])
    return PlainTextResponse(table.getvalue(), media_type="text/csv")


def show_record(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        found = record.read(session, visit.contest)
    return visit.page("results/record.html", record=found, act_names=record.act_names(visit.lang))


def record_pdf(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        found = record.read(session, visit.contest)
    return Response(record.pdf(found, visit.lang), media_type="application/pdf")


def public_bundle(visit: Visit) -> Response:
    """Everything that anybody needs to audit the contest, in one file."""
    station = visit.station
    if visit.contest.published_at is None:
        raise Conflict(NOT_YET)
    with station.database.reading() as session:
        content = bundle.write(session, station.contest, station.sealer.signer, for_scrutineers=False)
    name = f'attachment; filename="{station.contest}.zip"'
    return Response(content, media_type="application/zip", headers={"Content-Disposition": name})


def rules(visit: Visit) -> Response:
    return visit.page("pages/rules.html")


def privacy(visit: Visit) -> Response:
    lasts = VERIFICATION_LASTS // timedelta(minutes=1)
    mixing = visit.station.settings.mixing_minutes
    return visit.page("pages/privacy.html", letter_minutes=lasts, mixing_minutes=mixing)


def legal(visit: Visit) -> Response:
    return visit.page("pages/legal.html")


def accessibility(visit: Visit) -> Response:
    return visit.page("pages/accessibility.html", criteria=criteria())
