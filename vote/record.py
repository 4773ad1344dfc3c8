"""The record (procès-verbal): the whole contest on paper, from the empty box to the last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from vote import ballot_box, contests, results, words
from vote.editions import Edition
from vote.errors import Conflict
from vote.languages import Sentence
from vote.models import Act, Contest, Minute, SignedCheckpoint
from vote.results import Results

if TYPE_CHECKING:
    from fpdf import FPDF

NOT_YET = Sentence("Le procès-verbal paraît avec les résultats ; ils ne sont pas encore proclamés.")
ACTS = {
    Act.EDITION: Sentence("Édition"),
    Act.STAFF: Sentence("Inscription"),
    Act.CONSULTATION: Sentence("Consultation du décompte"),
    Act.PROPOSAL: Sentence("Proposition"),
    Act.EXTENSION: Sentence("Prolongation"),
    Act.CLOSURE: Sentence("Clôture"),
    Act.ADMISSION: Sentence("Admission de bulletins mis de côté"),
    Act.REJECTION: Sentence("Rejet de bulletins mis de côté"),
    Act.PUBLICATION: Sentence("Proclamation"),
    Act.PURGE: Sentence("Destruction des données"),
    Act.RESTORATION: Sentence("Restauration d’une sauvegarde"),
}


def act_names(lang: str) -> dict[Act, str]:
    return {act: name.in_(lang) for act, name in ACTS.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the record tells. `opening` is the first checkpoint, of the empty box; `final` the last."""

    contest: Contest
    edition: Edition
    results: Results
    minutes: Sequence[Minute]
    opening: SignedCheckpoint
    final: SignedCheckpoint


def read(session: Session, contest: Contest) -> Record:
    """The record of a published contest. Raises Conflict before."""
    published, _, lines = results.read(session, contest)
    if published is None:
        raise Conflict(NOT_YET)
    signed = ballot_box.checkpoints(session, contest.slug)
    return Record(contest, contests.edition_of(contest.edition), published, lines, signed[0], signed[-1])


def pdf(record: Record) -> bytes:
    """The record as a PDF, in French; the same bytes for the same record."""
    from fpdf import FPDF  # noqa: PLC0415 (24 MB, wanted once in a contest)

    page = FPDF()
    page.core_fonts_encoding = "windows-1252"
    page.set_creation_date(record.final.at)
    page.set_title("Procès-verbal")
    page.set_lang("fr")
    page.set_auto_page_break(True, margin=18)
    page.add_page()
    _heading(page, f"Procès-verbal du {record.edition.title.fr}", 20)
    _paragraph(page, f"{record.edition.prize.fr}. Organisé par {record.edition.organiser.fr}.")
    _heading(page, "L’ouverture")
    _paragraph(
        page, f"Vote ouvert le {words.instant(record.contest.opens_at)} (heure de Paris), sur l’édition d’empreinte :"
    )
    _code(page, record.edition.digest)
    _paragraph(page, f"Urne à l’ouverture : {words.number(record.opening.size)} bulletin, selon l’empreinte signée :")
    _code(page, record.opening.note)
    _heading(page, "Le résultat")
    _paragraph(page, f"Vote terminé le {words.last_moment(record.contest.ended_at)} (heure de Paris).")
    figures = record.results
    _paragraph(page, f"{words.number(figures.turnout)} signatures, {words.number(figures.votes)} bulletins comptés.")
    for row in figures.laureates:
        _paragraph(
            page, f"{row.rank}. {row.laureate.name} : {words.number(row.votes)} voix, {words.percent(row.share)}"
        )
    _paragraph(page, "Bulletins mis de côté en attente : 0. Bulletins écartés : 0.")
    _heading(page, "Les actes")
    for line in record.minutes:
        act = ACTS[Act(line.act)]
        _paragraph(page, f"{line.number}. {words.instant(line.at)}. {act}, {line.who}. {line.why}{_facts(line)}")
    _heading(page, "La dernière empreinte")
    _code(page, record.final.note)
    return bytes(page.output())


def _facts(line: Minute) -> str:
    """The dates before and after, for the acts that move one; how many ballots, by which rule, for decisions."""
    told = {name: value for facts in (line.before, line.after) for name, value in (facts or {}).items()}
    dates = [f"{name} {value}" for name, value in told.items() if name.endswith("_at") or name in {"count", "rule"}]
    return f" ({', '.join(dates)})" if dates else ""


def _heading(page: FPDF, text: str, size: int = 14) -> None:
    page.ln(4)
    page.set_font("Helvetica", "B", size)
    page.multi_cell(0, size / 2, _plain(text), new_x="LMARGIN", new_y="NEXT")
    page.ln(1)


def _paragraph(page: FPDF, text: str) -> None:
    page.set_font("Helvetica", "", 10)
    page.multi_cell(0, 5.5, _plain(text), new_x="LMARGIN", new_y="NEXT")


def _code(page: FPDF, text: str) -> None:
    page.set_font("Courier", "", 7.5)
    page.multi_cell(0, 4, _plain(text.strip()), new_x="LMARGIN", new_y="NEXT", wrapmode="CHAR")  # type: ignore[arg-type]


def _plain(text: str) -> str:
    """What the built-in fonts can show; a character they lack becomes a question mark."""
    return text.replace(words.NARROW, words.FIXED).encode("windows-1252", "replace").decode("windows-1252")
