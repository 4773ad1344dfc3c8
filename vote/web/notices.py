"""What is posted for everybody to read: the results, the rules, and how the house works."""

from __future__ import annotations

import csv
import io

from starlette.responses import JSONResponse, PlainTextResponse, Response

from vote import results
from vote.errors import Conflict
from vote.web.pages import Visit

NOT_YET = "Les résultats ne sont pas encore proclamés."
ACTS = {
    "edition": "Édition",
    "staff": "Inscription",
    "consultation": "Consultation du décompte",
    "extension": "Prolongation",
    "closure": "Clôture",
    "publication": "Proclamation",
}


def show_results(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        published, turnout, lines = results.read(session, visit.contest)
    return visit.page("results/results.html", results=published, turnout=turnout, minutes=lines, act_names=ACTS)


def results_json(visit: Visit) -> Response:
    with visit.station.database.reading() as session:
        published, _, lines = results.read(session, visit.contest)
    if published is None:
        raise Conflict(NOT_YET)
    return JSONResponse(results.document(published, lines))


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


def rules(visit: Visit) -> Response:
    return visit.page("pages/rules.html")


def privacy(visit: Visit) -> Response:
    return visit.page("pages/privacy.html")


def accessibility(visit: Visit) -> Response:
    return visit.page("pages/accessibility.html")


def alive(visit: Visit) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n")


def ready(visit: Visit) -> Response:
    """This process can take votes: its database answers."""
    visit.station.noticeboard.read()
    return PlainTextResponse("ok\n")
