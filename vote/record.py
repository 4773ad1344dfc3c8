"""The record (procès-verbal): the whole contest on paper, from the empty box to the last checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from vote import ballot_box, contests, results, words
from vote.editions import Edition
from vote.errors import Conflict
from vote.languages import Sentence, said
from vote.models import Act, Contest, Minute, SignedCheckpoint
from vote.results import Results

if TYPE_CHECKING:
    from fpdf import FPDF

NOT_YET = Sentence("Le procès-verbal paraît avec les résultats ; ils ne sont pas encore proclamés.")
ACTS = {
    Act.EDITION: Sentence("Édition"),
    Act.STAFF: Sentence("Inscription"),
    Act.PASSKEY: Sentence("Clé d’accès"),
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


def pdf(record: Record, lang: str = "fr") -> bytes:
    """The record as a PDF; the same bytes for the same record and language."""
    from fpdf import FPDF  # noqa: PLC0415 (24 MB, wanted once in a contest)

    page, edition = FPDF(), record.edition
    heading = Sentence("Procès-verbal du {title}", title=edition.title.in_(lang))
    page.core_fonts_encoding = "windows-1252"
    page.set_creation_date(record.final.at)
    page.set_title(heading.in_(lang))
    page.set_lang(lang)
    page.set_auto_page_break(True, margin=18)
    page.add_page()
    _heading(page, heading.in_(lang), 20)
    parts: list[tuple[Sentence, list[Sentence], str]] = [
        (Sentence("L’ouverture"), _opening(record, lang), record.opening.note),
        (Sentence("Le résultat"), _result(record), ""),
        (Sentence("Les actes"), [_act(line, lang) for line in record.minutes], ""),
        (Sentence("La dernière empreinte"), [], record.final.note),
    ]
    for title, sentences, code in parts:
        _heading(page, title.in_(lang))
        for sentence in sentences:
            _paragraph(page, sentence.in_(lang))
        if code:
            _code(page, code)
    return bytes(page.output())


def _opening(record: Record, lang: str) -> list[Sentence]:
    edition = record.edition
    return [
        Sentence("{prize}. Organisé par {who}.", prize=edition.prize.in_(lang), who=edition.organiser.in_(lang)),
        Sentence("Vote ouvert le {at:instant} (heure de Paris).", at=record.contest.opens_at),
        Sentence("Empreinte de l’édition : {digest}", digest=edition.digest),
        Sentence("Urne à l’ouverture : {n:ballots}, selon l’empreinte signée qui suit.", n=record.opening.size),
    ]


def _result(record: Record) -> list[Sentence]:
    closed_at, closes_at, figures = record.contest.closed_at, record.contest.closes_at, record.results
    ended = Sentence("Vote terminé le {at:last_moment} (heure de Paris).", at=closes_at)
    return [
        Sentence("Vote clos avant la date le {at:instant} (heure de Paris).", at=closed_at) if closed_at else ended,
        Sentence("{signed:signatures}, {n:ballots} dans l’urne.", signed=figures.turnout, n=figures.votes),
        *(
            Sentence(
                "{rank}. {name} : {n:votes}, {share:percent}",
                rank=row.rank,
                name=row.laureate.name,
                n=row.votes,
                share=row.share,
            )
            for row in figures.laureates
        ),
        Sentence("Bulletins rejetés sans être ouverts : {n:number}. Encore mis de côté : 0.", n=figures.rejected),
    ]


def _act(line: Minute, lang: str) -> Sentence:
    return Sentence(
        "{number}. {at:instant}. {act}, {who}. {why}{facts}",
        number=line.number,
        at=line.at,
        act=ACTS[Act(line.act)],
        who=said(line.who, lang),
        why=said(line.why, lang),
        facts="".join(f" ({fact.in_(lang)})" for facts in (line.before, line.after) for fact in _facts(facts or {})),
    )


def _facts(facts: Mapping[str, Any]) -> list[Sentence]:
    """The dates, for the acts that move one; how many ballots, by which rule, for decisions."""
    read = {
        "closes_at": lambda value: Sentence("date limite : {at:last_moment}", at=datetime.fromisoformat(value)),
        "closed_at": lambda value: Sentence("clôture : {at:instant}", at=datetime.fromisoformat(value)),
        "count": lambda value: Sentence("{n:ballots}", n=value),
        "passkeys": lambda value: Sentence("clés d’accès : {n:number}", n=value),
        "rule": lambda value: Sentence("règle : {rule}", rule=value),
    }
    return [read[name](value) for name, value in facts.items() if name in read]


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
