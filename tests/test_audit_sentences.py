"""What an audit says of a database: each thing that it looks at, sound or not, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from crowds import MIXING, cast, complaints, lot, new_sealer
from intruder import Intruder
from people import CONTEST, EDITION, MORNING

from vote import audit, contests, sealing
from vote.db import Database
from vote.evidence import Finding

SEALER = new_sealer()
OFFICE = {"who": "Dominique", "why": "Essai"}
DAY = timedelta(days=1)
SOUND = [
    "25 signatures in the poll book, 25 ballots, 25 in the running count, 0 set aside, 0 rejected: they agree.",
    "The running count is that of the ballots.",
    "The turnout by the hour is that of the poll book.",
    "The stored tree is that of the sealed ballots.",
    "The lots are those of the box and of its checkpoints.",
    "The checkpoints are numbered and sized as they were signed.",
    "The dates of the contest are those that the minutes record.",
    "The ballot names the laureates of the edition.",
    "The poll book is as it was at the publication.",
]
UNSOUND = [
    "The running count is not that of the ballots.",
    "The turnout by the hour is not that of the poll book.",
    "The stored tree is not that of the sealed ballots.",
    "The lots are not those of the box and of its checkpoints.",
    "The dates of the contest are not those that the minutes record.",
    "The ballot names others than the laureates of the edition.",
    "The poll book is not as it was at the publication.",
]
COUNT, TURNOUT, TREE, LOTS, DATES, LAUREATES, POLL_BOOK = UNSOUND
FIRST_LOT, SECOND_CHECKPOINT = (
    "Lot 1 is not as it was sealed.",
    "Checkpoint 2 is not numbered or sized as it was signed.",
)


@pytest.fixture
def published(database: Database) -> Database:
    """Two lots, an extension, a closure and the publication."""
    at = lot(database, range(12), MORNING)
    until = EDITION.closes_at + DAY
    contests.extend(database, CONTEST, until=until, at=at, **OFFICE)
    cast(database, range(12, 25), at)
    contests.close(database, CONTEST, at=at + MIXING, **OFFICE)
    contests.publish(database, SEALER, at=at + 2 * MIXING, **OFFICE)
    return database


def findings(database: Database) -> list[Finding]:
    """Those of tables, which come before those of the evidence."""
    with database.reading() as session:
        contest = contests.read(session, CONTEST)
        own, _ = audit.examine_apart(session, contest, SEALER.signer.verifier, [])
    return own[: len(SOUND)]


def said(found: list[Finding]) -> list[str]:
    return [finding.said("en").replace("\u00a0", " ") for finding in found]


def test_what_is_sound_is_said_to_be(published: Database) -> None:
    found = findings(published)
    assert said(found) == SOUND
    assert all(finding.holds for finding in found)
    assert not {finding.said("fr") for finding in found} & set(SOUND)
    assert complaints(published) == []


@pytest.mark.parametrize(
    ("damage", "unsound"),
    [
        (
            "DELETE FROM running_count",
            [SOUND[0].replace("25 in the", "0 in the").replace("they agree", "they do not agree"), COUNT],
        ),
        (
            "DELETE FROM poll_book WHERE voter_key = (SELECT voter_key FROM poll_book LIMIT 1)",
            [SOUND[0].replace("25 sig", "24 sig").replace("they agree", "they do not agree"), TURNOUT, POLL_BOOK],
        ),
        (
            "UPDATE running_count SET votes = votes + 1 WHERE laureate = 'ilot-femmes';"
            "UPDATE running_count SET votes = votes - 1 WHERE laureate = 'permis-de-construire'",
            [COUNT],
        ),
        ("UPDATE turnout SET votes = votes + 1", [TURNOUT]),
        ("DELETE FROM tiles", [TREE]),
        (f"INSERT INTO tiles VALUES ('{CONTEST}', 3, 0, '')", [TREE]),
        (f"UPDATE tiles SET number = 1; INSERT INTO tiles VALUES ('{CONTEST}', 0, 7, '')", [TREE]),
        ("UPDATE lots SET sealed_at = '2019-11-18 09:30:00.000000+00' WHERE number = 1", [FIRST_LOT]),
        ("UPDATE lots SET number = 3 WHERE number = 2", [FIRST_LOT.replace("1", "3")]),
        ("UPDATE lots SET start = 1 WHERE number = 1", [FIRST_LOT]),
        (
            "DELETE FROM lots WHERE number = 2",
            [SOUND[0].replace("25 ballots", "12 ballots").replace("they agree", "they do not agree"), LOTS],
        ),
        ("UPDATE checkpoints SET size = 11 WHERE number = 2", [FIRST_LOT, SECOND_CHECKPOINT]),
        ("UPDATE checkpoints SET number = 9 WHERE number = 4", [SECOND_CHECKPOINT.replace("2", "9")]),
        ("UPDATE checkpoints SET note = 'x' WHERE number = 2", [SECOND_CHECKPOINT]),
        ("UPDATE contests SET opens_at = '2019-11-06 00:00:00.000000+00'", [DATES]),
        ("UPDATE contests SET closes_at = '2019-11-30 00:00:00.000000+00'", [DATES]),
        ("UPDATE contests SET closed_at = '2019-11-18 09:30:00.000000+00'", [DATES]),
        ("UPDATE contests SET published_at = '2019-11-18 09:30:00.000000+00'", [DATES]),
        (f"INSERT INTO laureates VALUES ('{CONTEST}', 'inconnu')", [LAUREATES]),
    ],
)
def test_what_is_not_sound_is_said_to_be_that_and_nothing_else(
    published: Database, damage: str, unsound: list[str]
) -> None:
    with published.migrating() as connection:
        intruder = Intruder(connection, SEALER.signer, Path())
        intruder.unlock()
        intruder.script(damage.replace("+00'", "'" if published.embedded else "+00'"))
    found = findings(published)
    assert said([finding for finding in found if not finding.holds]) == unsound
    assert [one for one in said(found) if one in UNSOUND] == [one for one in unsound if one in UNSOUND]


def test_a_ballot_that_nobody_may_vote_for_any_more_is_found(published: Database) -> None:
    with published.migrating() as connection:
        intruder = Intruder(connection, SEALER.signer, Path())
        intruder.unlock()
        intruder.script("UPDATE contests SET edition = replace(edition, 'permis-de-construire', 'permis')")
    assert LAUREATES in complaints(published)


def test_what_cannot_be_read_at_all_is_one_finding_that_says_so(published: Database) -> None:
    with published.migrating() as connection:
        intruder = Intruder(connection, SEALER.signer, Path())
        intruder.unlock()
        intruder.script("UPDATE contests SET edition = 'illisible'")
    (found,) = complaints(published, ["a checkpoint that a juror kept"])
    assert found.startswith("Something in the database cannot be read as what it should be: JSONDecodeError(")


def test_dates_that_an_edition_moved_after_an_extension_are_those_of_the_minutes(database: Database) -> None:
    def load(**changes: object) -> None:
        contests.load(database, replace(EDITION, **changes), MORNING, "l’opérateur")  # type: ignore[arg-type]
        assert complaints(database) == []

    sealing.seal(database, SEALER, MORNING)
    contests.extend(database, CONTEST, until=EDITION.closes_at + DAY, at=MORNING, **OFFICE)
    load(title=EDITION.question)
    load(opens_at=EDITION.opens_at - DAY)
    contests.extend(database, CONTEST, until=EDITION.closes_at + 2 * DAY, at=MORNING, **OFFICE)
    load(opens_at=EDITION.opens_at - DAY, closes_at=EDITION.closes_at + DAY)


def test_an_inspection_keeps_what_it_found_last_for_all_who_watch(published: Database) -> None:
    def inspect(at: timedelta) -> list[str]:
        found = audit.inspect(published, CONTEST, SEALER.signer.verifier, MORNING + at)
        with published.reading() as session:
            kept = audit.last_inspection(session, CONTEST)
        assert kept is not None
        assert kept.at == MORNING + at
        assert [complaint["en"] for complaint in kept.complaints] == found
        assert [set(complaint) for complaint in kept.complaints] == [{"fr", "en"}] * len(found)
        return found

    with published.reading() as session:
        assert audit.last_inspection(session, CONTEST) is None
    assert inspect(DAY) == []
    with published.migrating() as connection:
        Intruder(connection, SEALER.signer, Path()).script("UPDATE turnout SET votes = votes + 1")
    assert inspect(2 * DAY) == [TURNOUT]
    with published.migrating() as connection:
        Intruder(connection, SEALER.signer, Path()).script("UPDATE turnout SET votes = votes - 1")
    assert inspect(3 * DAY) == []
