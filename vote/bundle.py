"""Bundles: everything that was published in one file, which audits itself without database, server or secret."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from vote import ballot_box, contests, minutes, record, results, tally
from vote.envelope import read_receipt_code, receipt_code
from vote.errors import Conflict, Misuse
from vote.evidence import Ballot, Evidence, Finding, examine, rebuild, witnessed
from vote.notes import Signer, Verifier
from vote.results import Results

MANIFEST = "manifest.txt"
REJECTED = "ecartes.txt"
VERIFY = Path(__file__).with_name("verify.py")
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write(session: Session, contest: str, signer: Signer, *, for_scrutineers: bool) -> bytes:
    """The bundle of a published contest: the same bytes each time. Scrutineers' holds salts and laureates too."""
    files = dict(_files(session, contest, signer.verifier, for_scrutineers))
    listing = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[MANIFEST] = signer.sign(f"{signer.name}\n{listing}").encode()
    return pack(files)


def read(content: bytes, kept: Sequence[str] = ()) -> list[Finding]:
    """Audit a bundle, against checkpoints that somebody kept too. Raises Misuse where it is none at all."""
    try:
        files = unpack(content)
        verifier = Verifier.read(files["cle.txt"].decode())
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError) as problem:
        raise Misuse(f"This is not a bundle, or it is damaged: {problem}.") from problem
    findings = [*_whole(content, files, verifier)]
    try:
        found = evidence(files, verifier)
        box = rebuild(found)
        findings += [*examine(found, box), _announcement(files, found), *witnessed(found, box, kept)]
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as problem:
        findings.append(Finding(False, f"A file of the bundle cannot be read as what it should be: {problem!r}."))
    return findings


def evidence(files: Mapping[str, bytes], verifier: Verifier) -> Evidence:
    notes = files["checkpoints.txt"].decode().split("\n\f\n")
    announced = json.loads(files["resultats.json"])
    votes = {row["slug"]: row["votes"] for row in announced["laureates"] if row["votes"]}
    return Evidence(
        verifier=verifier,
        edition_digest=sha256(files["edition.json"]).hexdigest(),
        minutes=json.loads(files["minutes.json"]),
        notes=[note for note in notes if note],
        ballots=lambda: _ballots(files),
        rejected=_rejected(files),
        results={"votes": votes, "ballots": announced["votes"], "signatures": announced["turnout"]},
    )


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip archive that depends on nothing but names and contents."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name])
    return target.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.create_system = 3
    return entry


def unpack(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise zipfile.BadZipFile("something in it is compressed, which nothing should be")
        return {name: archive.read(name) for name in archive.namelist()}


def _files(session: Session, slug: str, verifier: Verifier, for_scrutineers: bool) -> Iterator[tuple[str, bytes]]:
    contest = contests.read(session, slug)
    published, _, lines = results.read(session, contest)
    if published is None:
        raise Conflict("Les résultats ne sont pas encore proclamés : il n’y a rien à réunir.")
    signed = ballot_box.checkpoints(session, slug)
    yield "cle.txt", f"{verifier.text()}\n".encode()
    yield "edition.json", contest.edition.encode()
    yield "minutes.json", _json([minutes.document(line) for line in lines])
    yield "checkpoints.txt", "\n\f\n".join(line.note for line in signed).encode()
    yield "resultats.json", _json(results.document(published, lines, signed[-1].note))
    yield "proces-verbal.pdf", record.pdf(record.read(session, contest))
    yield "bulletins.txt", "".join(ballot_box.public_lines(session, slug)).encode()
    rejected = tally.rejections(session, slug)
    yield REJECTED, "".join(f"{receipt_code(code)} {one}\n" for one in rejected for code in rejected[one]).encode()
    if for_scrutineers:
        opened = (f"{row.position} {row.salt.hex()} {row.laureate}\n" for row in ballot_box.read(session, slug))
        yield "depouillement.txt", "".join(opened).encode()
    yield VERIFY.name, VERIFY.read_bytes()


def _rejected(files: Mapping[str, bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for line in files.get(REJECTED, b"").decode().splitlines():
        code, suspicion = line.split(" ")
        read_code = read_receipt_code(code)
        if read_code is None or receipt_code(read_code) != code:
            raise ValueError("a rejected ballot has no readable code")
        found.setdefault(suspicion, []).append(read_code)
    return found


def _ballots(files: Mapping[str, bytes]) -> Iterator[Ballot]:
    opened = files["depouillement.txt"].decode().splitlines() if "depouillement.txt" in files else None
    listed = files["bulletins.txt"].decode().splitlines()
    if opened is not None and len(opened) != len(listed):
        raise ValueError("the two lists of ballots have different lengths")
    for number, line in enumerate(listed):
        position, code, committed = line.split(" ")
        found = read_receipt_code(code)
        if found is None or receipt_code(found) != code:
            raise ValueError(f"ballot {number} has no readable code")
        salt = laureate = None
        if opened is not None:
            same, salted, laureate = opened[number].split(" ")
            if same != position:
                raise ValueError(f"ballot {number} is opened out of its place")
            salt = bytes.fromhex(salted)
        yield int(position), found, bytes.fromhex(committed), laureate, salt


def _announcement(files: Mapping[str, bytes], found: Evidence) -> Finding:
    """Names, shares and everything else of the results follow from edition, votes, minutes and last checkpoint."""
    assert found.results is not None  # noqa: S101
    edition = contests.edition_of(files["edition.json"].decode())
    rows = sorted(tally.standings(edition, found.results["votes"]), key=lambda row: row.rank)
    figures = Results(edition.contest, rows, found.results["ballots"], found.results["signatures"])
    announced = {**results.document(figures, (), found.notes[-1]), "minutes": found.minutes}
    same = _json(announced) == files["resultats.json"]
    return Finding(same, f"The announcement of the results {'says' if same else 'does not say'} what they are.")


def _whole(content: bytes, files: Mapping[str, bytes], verifier: Verifier) -> Iterator[Finding]:
    """Every byte is accounted for: the archive is exactly the one that its files make, and each file is listed."""
    exact = pack(files) == content
    yield Finding(exact, f"The archive holds its files and {'not a byte' if exact else 'something'} more.")
    text = verifier.verifies(files.get(MANIFEST, b"").decode(errors="replace"))
    listing = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files) if name != MANIFEST)
    if text is None:
        yield Finding(False, f"The list of files is not signed by {verifier.name}.")
    elif text != f"{verifier.name}\n{listing}":
        signed = set(text.splitlines()[1:])
        wrong = sorted({line[66:] for line in signed.symmetric_difference(listing.splitlines())})
        yield Finding(False, f"Not as they were signed: {', '.join(wrong)}.")
    else:
        yield Finding(True, f"{len(files) - 1} files, each as signed by {verifier.name}.")


def _json(document: Any) -> bytes:
    return json.dumps(document, **minutes.CANONICAL).encode()
