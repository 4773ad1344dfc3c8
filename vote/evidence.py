"""The evidence: what a contest leaves behind to be checked, and every check of it that needs no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vote import ballot_box, merkle, minutes, tally
from vote.languages import Sentence
from vote.models import Act
from vote.notes import Checkpoint, Verifier, read_checkpoint

Ballot = tuple[int, bytes, bytes, str | None, bytes | None]
"""Position, code, commitment, and where scrutineers hold them laureate and salt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in a sentence for a juror.

    What is found in the database, pages show: that is a Sentence. What only the operator reads is in English alone.
    """

    holds: bool
    sentence: str

    def said(self, lang: str) -> str:
        return self.sentence.in_(lang) if isinstance(self.sentence, Sentence) else self.sentence


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to audit, wherever it comes from. `minutes` are documents with their `hash`, oldest first.

    `rejected` are codes of rejected ballots by suspicion; `results` are as the minute of the publication has them:
    votes by laureate's slug, ballots, signatures.
    """

    verifier: Verifier
    edition_digest: str
    minutes: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    ballots: Callable[[], Iterator[Ballot]]
    rejected: Mapping[str, Sequence[bytes]]
    results: Mapping[str, Any] | None


@dataclass(slots=True)
class Box:
    """The box as rebuilt from its ballots."""

    size: int
    tiles: dict[tuple[int, int], bytes]
    count: Counter[str]
    complaints: list[Sentence]

    def root(self, size: int) -> bytes:
        return merkle.root(lambda level, number: self.tiles.get((level, number), b""), size)


def examine(evidence: Evidence, box: Box) -> list[Finding]:
    """Every check that needs no database, in a juror's order; `box` is what the evidence's ballots rebuild to."""
    findings = [_ballots(box), _minutes(evidence.minutes), _edition(evidence)]
    findings += [*_checkpoints(evidence, box), _rejections(evidence)]
    return findings + _results(evidence, box)


def rebuild(evidence: Evidence) -> Box:
    """The tree and the count of the ballots, in memory bounded by about 150 bytes for each."""
    box = Box(0, {}, Counter(), [])
    codes: set[bytes] = set()
    lots = {checkpoint.size for note in evidence.notes if (checkpoint := checkpoint_of(evidence.verifier, note))}

    def leaves() -> Iterator[bytes]:
        before = b""
        for position, code, committed, laureate, salt in evidence.ballots():
            if position != box.size:
                stray = Sentence("Le bulletin {n} est à la place du bulletin {wanted}.", n=position, wanted=box.size)
                box.complaints.append(stray)
            if code in codes:
                box.complaints.append(Sentence("Le bulletin {n} a le code d’un autre.", n=position))
            elif code < before and box.size not in lots:
                box.complaints.append(Sentence("Le bulletin {n} n’est pas à son rang dans son lot.", n=position))
            if laureate is not None and salt is not None:
                box.count[laureate] += 1
                if ballot_box.commitment(salt, laureate) != committed:
                    box.complaints.append(Sentence("Le bulletin {n} ne s’ouvre pas sur son engagement.", n=position))
            codes.add(code)
            before = code
            box.size += 1
            yield ballot_box.leaf_hash(code, committed)

    for level, number, hashes in merkle.append(_no_tile, 0, leaves()):
        box.tiles[level, number] = hashes
    return box


def _no_tile(_level: int, _number: int) -> bytes:
    return b""


def witness(box: Box, verifier: Verifier, kept: str) -> Finding:
    """Whether the box still agrees with a checkpoint that somebody kept."""
    checkpoint = checkpoint_of(verifier, kept)
    if checkpoint is None:
        return Finding(False, f"A kept checkpoint is not signed by {verifier.name}.")
    if checkpoint.size > box.size:
        lost = f"{checkpoint.size - box.size} sealed ballots are missing"
        return Finding(False, f"A kept checkpoint has {checkpoint.size} ballots; the box has {box.size} only: {lost}.")
    same = box.root(checkpoint.size) == checkpoint.root
    verdict = "are still as they were" if same else "were changed since"
    return Finding(same, f"The {checkpoint.size} ballots of a kept checkpoint {verdict}.")


def witness_minutes(lines: Sequence[Mapping[str, Any]], verifier: Verifier, kept: str) -> Finding:
    """Whether the minutes still hold the line that a kept checkpoint is bound to."""
    checkpoint = checkpoint_of(verifier, kept)
    bound = _bound_minute(checkpoint) if checkpoint else None
    if bound is None:
        return Finding(checkpoint is not None, "A kept checkpoint is bound to no minute.")
    number, digest = bound
    same = number <= len(lines) and lines[number - 1]["hash"] == digest
    verdict = "is still as it was" if same else "was changed or dropped"
    if number > len(lines):
        verdict = f"is missing: the record ends with minute {len(lines)}"
    return Finding(same, f"Minute {number}, to which a kept checkpoint is bound, {verdict}.")


def witness_notes(notes: Collection[str], kept: str) -> Finding:
    """Whether a checkpoint that somebody kept is still shown to everybody."""
    shown = kept.strip() in {note.strip() for note in notes}
    return Finding(shown, f"A kept checkpoint is {'one of those' if shown else 'not among those'} shown to everybody.")


def witnessed(evidence: Evidence, box: Box, kept: Sequence[str]) -> list[Finding]:
    """What kept checkpoints say of the box, of the minutes, and of the checkpoints shown."""
    verifier = evidence.verifier
    return [
        finding
        for note in kept
        for finding in (
            witness(box, verifier, note),
            witness_minutes(evidence.minutes, verifier, note),
            witness_notes(evidence.notes, note),
        )
    ]


def _ballots(box: Box) -> Finding:
    if box.complaints:
        first, more = box.complaints[0], len(box.complaints) - 1
        # However many there are, one tells the story.
        told = Sentence("{first} Autres défauts de la sorte : {more:number}.", first=first, more=more)
        return Finding(False, told if more else first)
    return Finding(
        True, Sentence("Bulletins scellés : {n:number}, chacun à sa place, chacun avec son code.", n=box.size)
    )


def _minutes(lines: Sequence[Mapping[str, Any]]) -> Finding:
    broken = minutes.broken_at(lines)
    if broken is None:
        return Finding(
            True, Sentence("Lignes au procès-verbal : {n:number}, chacune suit la précédente.", n=len(lines))
        )
    cut = Sentence("La ligne {n} du procès-verbal ne suit pas la précédente : l’une a été changée ou ôtée.", n=broken)
    return Finding(False, cut)


def _edition(evidence: Evidence) -> Finding:
    recorded = [line["after"]["digest"] for line in evidence.minutes if line["act"] == "edition" and line["after"]]
    holds = bool(recorded) and recorded[-1] == evidence.edition_digest
    same = Sentence("L’édition est celle du procès-verbal.")
    return Finding(holds, same if holds else Sentence("L’édition n’est pas celle du procès-verbal."))


def _checkpoints(evidence: Evidence, box: Box) -> list[Finding]:
    """Signatures, roots, order, and the minutes they are bound to: every one of every checkpoint."""
    problems: list[Sentence] = []
    largest = last_minute = 0
    before = ""
    for number, note in enumerate(evidence.notes, start=1):
        checkpoint = checkpoint_of(evidence.verifier, note)
        if note == before:
            problems.append(Sentence("L’empreinte {n} répète la précédente.", n=number))
        before = note
        if checkpoint is None:
            problems.append(
                Sentence("L’empreinte {n} n’est pas signée par {who}.", n=number, who=evidence.verifier.name)
            )
            continue
        if checkpoint.size > box.size or box.root(checkpoint.size) != checkpoint.root:
            stray = Sentence(
                "L’empreinte {n} n’est pas de cette urne ; elle compte {size:ballots}.",
                n=number,
                size=checkpoint.size,
            )
            problems.append(stray)
        if number == 1 and checkpoint.size:
            stuffed = Sentence("L’empreinte 1 compte {size:ballots}, et non l’urne vide.", size=checkpoint.size)
            problems.append(stuffed)
        if checkpoint.size < largest:
            problems.append(Sentence("L’empreinte {n} compte moins de bulletins qu’une précédente.", n=number))
        bound = _bound_minute(checkpoint)
        if bound is None or bound[0] > len(evidence.minutes) or evidence.minutes[bound[0] - 1]["hash"] != bound[1]:
            problems.append(
                Sentence("L’empreinte {n} est liée à une ligne du procès-verbal qui n’y est plus.", n=number)
            )
        elif bound[0] < last_minute:
            problems.append(Sentence("L’empreinte {n} est liée à une ligne d’avant la précédente.", n=number))
        largest, last_minute = max(largest, checkpoint.size), max(last_minute, bound[0] if bound else 0)
    if box.size != largest:
        problems.append(
            Sentence("L’urne compte {box:ballots}, la dernière empreinte {last:number}.", box=box.size, last=largest)
        )
    if problems:
        return [Finding(False, problem) for problem in problems]
    count, who = len(evidence.notes), evidence.verifier.name
    return [
        Finding(True, Sentence("Empreintes : {n:number}, signées par {who}, toutes de cette urne.", n=count, who=who))
    ]


def _rejections(evidence: Evidence) -> Finding:
    """Each rejection is the minute's: so many ballots, and these."""
    lines = [line["after"] for line in evidence.minutes if line["act"] == Act.REJECTION]
    recorded = {after["suspicion"]: (after["count"], after["codes"]) for after in lines}
    found = {suspicion: (len(codes), tally.digest(codes)) for suspicion, codes in evidence.rejected.items()}
    same = recorded == found and len(recorded) == len(lines)
    number = sum(len(codes) for codes in evidence.rejected.values())
    as_recorded = Sentence("Bulletins rejetés : {n:number}, comme l’inscrit le procès-verbal.", n=number)
    return Finding(
        same,
        as_recorded if same else Sentence("Bulletins rejetés : {n:number}, contre le procès-verbal.", n=number),
    )


def _results(evidence: Evidence, box: Box) -> list[Finding]:
    lines = [line for line in evidence.minutes if line["act"] == Act.PUBLICATION]
    published = [line["after"] for line in lines]
    results = evidence.results
    if results is None or published != [results]:
        same = results is None and not published
        return [] if same else [Finding(False, Sentence("Les résultats proclamés ne sont pas ceux du procès-verbal."))]
    votes, ballots, signed = results["votes"], results["ballots"], results["signatures"]
    out = sum(len(codes) for codes in evidence.rejected.values())
    last = checkpoint_of(evidence.verifier, evidence.notes[-1]) if evidence.notes else None
    covered = last is not None and (_bound_minute(last) or (0, ""))[0] >= lines[0]["number"]
    findings = [
        Finding(True, Sentence("Les résultats proclamés sont ceux du procès-verbal.")),
        Finding(
            covered,
            Sentence("La dernière empreinte est liée à la proclamation.")
            if covered
            else Sentence("La dernière empreinte n’est pas liée à la proclamation."),
        ),
        Finding(
            sum(votes.values()) == ballots == box.size,
            Sentence("Voix proclamées : {n:number}, bulletins scellés : {box:number}.", n=ballots, box=box.size),
        ),
        Finding(
            signed == ballots + out,
            Sentence(
                "Signatures : {signed:number}, bulletins comptés : {n:number}, rejetés : {out:number}.",
                signed=signed,
                n=ballots,
                out=out,
            ),
        ),
    ]
    if box.count:
        same = dict(box.count) == votes
        findings.append(
            Finding(
                same,
                Sentence("Les bulletins recomptés donnent les résultats.")
                if same
                else Sentence("Les bulletins recomptés ne donnent pas les résultats."),
            )
        )
    return findings


def checkpoint_of(verifier: Verifier, note: str) -> Checkpoint | None:
    """The checkpoint in this note, if this box signed it."""
    text = verifier.verifies(note)
    try:
        return read_checkpoint(text) if text is not None and text.startswith(f"{verifier.name}\n") else None
    except ValueError:
        return None


def _bound_minute(checkpoint: Checkpoint) -> tuple[int, str] | None:
    for line in checkpoint.extensions:
        word, _, rest = line.partition(" ")
        number, _, digest = rest.partition(" ")
        if word == "minutes" and number.isascii() and number.isdigit() and int(number) > 0:
            return int(number), digest
    return None
