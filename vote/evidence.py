"""The evidence: what a contest leaves behind to be checked, and every check of it that needs no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vote import ballot_box, merkle, minutes, tally
from vote.models import Act
from vote.notes import Checkpoint, Verifier, read_checkpoint

Ballot = tuple[int, bytes, bytes, str | None, bytes | None]
"""Position, code, commitment, and where scrutineers hold them laureate and salt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in a sentence for a juror."""

    holds: bool
    sentence: str


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
    complaints: list[str]

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
                box.complaints.append(f"Ballot {position} stands where ballot {box.size} should be.")
            if code in codes:
                box.complaints.append(f"Ballot {position} has the code of another one.")
            elif code < before and box.size not in lots:
                box.complaints.append(f"Ballot {position} is not in the order of codes of its lot.")
            if laureate is not None and salt is not None:
                box.count[laureate] += 1
                if ballot_box.commitment(salt, laureate) != committed:
                    box.complaints.append(f"Ballot {position} does not open to its commitment.")
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
        more = f" And {len(box.complaints) - 1} more." if len(box.complaints) > 1 else ""
        return Finding(False, box.complaints[0] + more)
    return Finding(True, f"{box.size} sealed ballots, each in its place, each with a code of its own.")


def _minutes(lines: Sequence[Mapping[str, Any]]) -> Finding:
    broken = minutes.broken_at(lines)
    if broken is None:
        return Finding(True, f"{len(lines)} minutes, each following from the one before.")
    return Finding(False, f"Minute {broken} does not follow from the one before: one of them was changed or dropped.")


def _edition(evidence: Evidence) -> Finding:
    recorded = [line["after"]["digest"] for line in evidence.minutes if line["act"] == "edition" and line["after"]]
    holds = bool(recorded) and recorded[-1] == evidence.edition_digest
    return Finding(holds, f"The edition is {'the one' if holds else 'not the one'} that the minutes record.")


def _checkpoints(evidence: Evidence, box: Box) -> list[Finding]:
    """Signatures, roots, order, and the minutes they are bound to: every one of every checkpoint."""
    problems: list[str] = []
    largest = last_minute = 0
    before = ""
    for number, note in enumerate(evidence.notes, start=1):
        checkpoint = checkpoint_of(evidence.verifier, note)
        if note == before:
            problems.append(f"Checkpoint {number} is the one before it over again.")
        before = note
        if checkpoint is None:
            problems.append(f"Checkpoint {number} is not signed by {evidence.verifier.name}.")
            continue
        if checkpoint.size > box.size or box.root(checkpoint.size) != checkpoint.root:
            problems.append(f"Checkpoint {number}, of {checkpoint.size} ballots, is not of this box.")
        if number == 1 and checkpoint.size:
            problems.append(f"Checkpoint 1 is of {checkpoint.size} ballots, not of the empty box.")
        if checkpoint.size < largest:
            problems.append(f"Checkpoint {number} has fewer ballots than one before it.")
        bound = _bound_minute(checkpoint)
        if bound is None or bound[0] > len(evidence.minutes) or evidence.minutes[bound[0] - 1]["hash"] != bound[1]:
            problems.append(f"Checkpoint {number} is bound to a minute that is not there as it was.")
        elif bound[0] < last_minute:
            problems.append(f"Checkpoint {number} is bound to an earlier minute than one before it.")
        largest, last_minute = max(largest, checkpoint.size), max(last_minute, bound[0] if bound else 0)
    if box.size != largest:
        problems.append(f"The box has {box.size} ballots, the last checkpoint {largest}.")
    if problems:
        return [Finding(False, problem) for problem in problems]
    return [Finding(True, f"{len(evidence.notes)} checkpoints, signed by {evidence.verifier.name}, all of this box.")]


def _rejections(evidence: Evidence) -> Finding:
    """Each rejection is the minute's: so many ballots, and these."""
    lines = [line["after"] for line in evidence.minutes if line["act"] == Act.REJECTION]
    recorded = {after["suspicion"]: (after["count"], after["codes"]) for after in lines}
    found = {suspicion: (len(codes), tally.digest(codes)) for suspicion, codes in evidence.rejected.items()}
    same = recorded == found and len(recorded) == len(lines)
    number = sum(len(codes) for codes in evidence.rejected.values())
    return Finding(same, f"{number} rejected ballots{'' if same else ', not'} as the minutes record them.")


def _results(evidence: Evidence, box: Box) -> list[Finding]:
    lines = [line for line in evidence.minutes if line["act"] == Act.PUBLICATION]
    published = [line["after"] for line in lines]
    results = evidence.results
    if results is None or published != [results]:
        same = results is None and not published
        return [] if same else [Finding(False, "The published results are not those of the minutes.")]
    votes, ballots, signed = results["votes"], results["ballots"], results["signatures"]
    out = sum(len(codes) for codes in evidence.rejected.values())
    last = checkpoint_of(evidence.verifier, evidence.notes[-1]) if evidence.notes else None
    covered = last is not None and (_bound_minute(last) or (0, ""))[0] >= lines[0]["number"]
    findings = [
        Finding(True, "The published results are those of the minutes."),
        Finding(covered, f"The last checkpoint {'is' if covered else 'is not'} bound to the publication."),
        Finding(sum(votes.values()) == ballots == box.size, f"{ballots} published votes, {box.size} sealed ballots."),
        Finding(signed == ballots + out, f"{signed} signatures, {ballots} ballots counted and {out} rejected."),
    ]
    if box.count:
        same = dict(box.count) == votes
        findings.append(
            Finding(same, f"The recount of the ballots {'gives' if same else 'does not give'} the results.")
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
