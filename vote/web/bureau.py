"""The bureau: officers see turnout, balance and minutes, and act on the contest; they see no count of anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from vote import contests, minutes, outbox, tally, words
from vote.errors import Invalid
from vote.web.notices import ACTS
from vote.web.pages import Visit, gather

FORMS = {"/bureau/cloture": "closure", "/bureau/prolongation": "extension", "/bureau/proclamation": "publication"}


@dataclass(frozen=True, slots=True)
class LetterCount:
    waiting: int
    sent: int
    refused: int


def desk(visit: Visit) -> Response:
    slug = visit.station.contest
    with visit.station.database.reading() as session:
        balance = tally.balance(session, slug)
        lines = minutes.read(session, slug)
        letters = LetterCount(outbox.waiting(session), *outbox.recent(session))
    return visit.page(
        "bureau/desk.html",
        turnout=balance.signatures,
        balance=balance,
        minutes=lines,
        act_names=ACTS,
        letters=letters,
        form_name=FORMS.get(visit.request.url.path, ""),
    )


def close(visit: Visit) -> Response:
    _check(visit, "CLORE")
    contests.close(
        visit.station.database, visit.station.contest, who=_who(visit), why=visit.form["reason"], at=visit.at
    )
    return RedirectResponse("/bureau", 303)


def extend(visit: Visit) -> Response:
    until = words.read_local_input(visit.form["until"])
    _check(visit, "PROLONGER", lambda: _require(until is not None, "until", "Donnez la date et l’heure, à Paris."))
    assert until is not None  # noqa: S101
    contests.extend(
        visit.station.database,
        visit.station.contest,
        until=until,
        who=_who(visit),
        why=visit.form["reason"],
        at=visit.at,
    )
    return RedirectResponse("/bureau", 303)


def publish(visit: Visit) -> Response:
    _check(visit, "PROCLAMER")
    contests.publish(
        visit.station.database, visit.station.contest, who=_who(visit), why=visit.form["reason"], at=visit.at
    )
    return RedirectResponse("/resultats", 303)


def _check(visit: Visit, word: str, *more: Callable[[], None]) -> None:
    """What every act asks for, all of it told at once. Raises Invalid."""
    gather(
        *more,
        lambda: contests.check_reason(visit.form["reason"]),
        lambda: _require(visit.form["word"].strip() == word, "word", f"Tapez {word}, en capitales, pour confirmer."),
    )


def _require(holds: bool, name: str, sentence: str) -> None:
    if not holds:
        raise Invalid(sentence, field=name)


def _who(visit: Visit) -> str:
    assert visit.member is not None  # noqa: S101
    return visit.member.name
