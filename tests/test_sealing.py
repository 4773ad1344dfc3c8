"""Sealing: a lot is a crowd, its order tells nothing, and what was sealed stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from crowds import MIXING, booth_on, cast, complaints, lot, new_sealer, sealed, waiting
from people import CONTEST, MORNING, House
from sqlalchemy import event, func, select, update

from vote import asking, ballot_box, casting, contests, merkle, minutes, sealing, station, worker
from vote.asking import Request
from vote.casting import Confirmation
from vote.db import Database
from vote.envelope import new_ballot_code
from vote.errors import Conflict
from vote.models import Envelope, Lot, RunningCount
from vote.notes import Checkpoint, read_checkpoint

LATER = MORNING + MIXING


def signed_notes(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.note for row in ballot_box.checkpoints(session, CONTEST)]


def read(note: str) -> Checkpoint:
    text = new_sealer().signer.verifier.verifies(note)
    assert text is not None
    return read_checkpoint(text)


def test_nine_wait_for_company_and_ten_are_sealed(database: Database) -> None:
    cast(database, range(9), MORNING)
    sealing.seal(database, new_sealer(), LATER)
    assert (len(sealed(database)), waiting(database)) == (0, 9)
    cast(database, [9], MORNING)
    sealing.seal(database, new_sealer(), LATER + timedelta(minutes=6))
    assert (len(sealed(database)), waiting(database)) == (10, 0)


def test_fewer_than_ten_are_sealed_only_once_nobody_can_come_any_more(database: Database) -> None:
    cast(database, range(3), MORNING)
    contests.close(database, CONTEST, who="Camille", why="Essai", at=LATER)
    sealer = new_sealer()
    sealing.seal(database, sealer, LATER + timedelta(minutes=1))  # a vote acknowledged before may still be committing
    assert waiting(database) == 3
    sealing.seal(database, sealer, LATER + timedelta(minutes=2))
    assert (len(sealed(database)), waiting(database)) == (3, 0)
    assert complaints(database) == []


def test_a_deadline_that_passed_seals_what_waits_whatever_its_window(database: Database) -> None:
    with database.reading() as session:
        end = contests.read(session, CONTEST).closes_at
    cast(database, range(4), end - timedelta(seconds=1))
    sealing.seal(database, new_sealer(), end + timedelta(minutes=2))
    assert len(sealed(database)) == 4


def test_only_windows_that_have_passed_are_sealed(database: Database) -> None:
    sealer = new_sealer()
    first = cast(database, range(12), MORNING + timedelta(minutes=49))
    cast(database, range(12, 24), LATER)
    sealing.seal(database, sealer, LATER - timedelta(seconds=1))
    assert sealed(database) == []
    sealing.seal(database, sealer, LATER + timedelta(minutes=59))
    assert sealed(database) == sorted(first)
    sealing.seal(database, sealer, LATER + MIXING)
    assert len(sealed(database)) == 24


def test_within_a_lot_the_order_is_that_of_the_random_codes(database: Database) -> None:
    sealer, at, expected = new_sealer(), MORNING, []
    for number in range(3):
        expected += sorted(cast(database, range(20 * number, 20 * number + 20), at))
        at += MIXING
        sealing.seal(database, sealer, at)
    assert sealed(database) == expected
    assert expected != sorted(expected)


def test_what_is_set_aside_stays_out_until_it_is_decided(database: Database) -> None:
    codes = cast(database, range(12), MORNING)
    with database.writing() as session:
        session.execute(update(Envelope).where(Envelope.ballot_code == codes[0]).values(suspicion=b"s"))
    sealer = new_sealer()
    sealing.seal(database, sealer, LATER)
    contests.close(database, CONTEST, who="Camille", why="Essai", at=LATER)
    sealing.seal(database, sealer, LATER + timedelta(minutes=3))
    assert sorted(sealed(database)) == sorted(codes[1:])
    with pytest.raises(Conflict, match="mis de côté"):
        contests.publish(database, sealer, who="Camille", why="Essai", at=LATER + timedelta(minutes=4))
    with database.writing() as session:
        session.execute(update(Envelope).values(suspicion=None))
    contests.publish(database, sealer, who="Camille", why="Essai", at=LATER + timedelta(minutes=5))
    assert len(sealed(database)) == 12


def test_a_failed_inspection_stops_sealing_and_publication_while_votes_go_on(house: House) -> None:
    database, clock, sealer = house.database, house.clock, house.station.sealer
    cast(database, range(12), clock.now())
    with database.writing() as session:
        session.execute(update(RunningCount).where(RunningCount.slot == 0).values(votes=RunningCount.votes + 1))
    clock.forward(hours=1)
    worker.inspect(database, clock, sealer, timedelta(0))
    worker.make_round(database, clock, sealer)
    assert sealed(database) == []
    house.voter("marie@example.org").vote()
    officer = house.officer()
    officer.close()
    answer = officer.publish()
    assert answer.status_code == 409
    assert "suspendue" in answer.text
    assert "décompte en cours" in answer.text
    with database.writing() as session:
        session.execute(update(RunningCount).where(RunningCount.slot == 0).values(votes=RunningCount.votes - 1))
    clock.forward(hours=1)
    worker.inspect(database, clock, sealer, timedelta(hours=1))
    worker.make_round(database, clock, sealer)
    assert len(sealed(database)) == 13
    assert officer.publish().status_code == 200


def test_a_checkpoint_is_bound_to_the_head_of_the_minutes(house: House) -> None:
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    house.officer().extend("2019-11-23T23:59")
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    first, last = map(read, signed_notes(house.database))
    with house.database.reading() as session:
        head = minutes.read(session, CONTEST)[-1]
    assert last.extensions == (f"minutes {head.number} {head.hash.hex()}",)
    assert first.extensions != last.extensions


def test_where_nothing_changed_nothing_is_signed_again(database: Database) -> None:
    sealer = new_sealer()
    lot(database, range(10), MORNING)
    count = len(signed_notes(database))
    for minute in range(10, 20):
        sealing.seal(database, sealer, LATER + timedelta(minutes=minute))
    assert len(signed_notes(database)) == count


def test_every_checkpoint_is_consistent_with_every_earlier_one(database: Database) -> None:
    at, voters = MORNING, 0
    for size in (10, 11, 16, 31, 64, 13, 128, 10, 27):
        at = lot(database, range(voters, voters + size), at) + timedelta(minutes=6)
        voters += size
    points = [read(note) for note in signed_notes(database)]
    assert [point.size for point in points] == [0, 10, 21, 37, 68, 132, 145, 273, 283, 310]
    with database.reading() as session:
        for place, new in enumerate(points):
            for old in points[: place + 1]:
                proof = ballot_box.consistency(session, CONTEST, old.size, new.size)
                assert merkle.extends(old.size, old.root, new.size, new.root, proof)
        assert session.scalar(select(func.count()).select_from(Lot)) == 9
    assert complaints(database, signed_notes(database)) == []


def test_the_box_is_shown_to_be_empty_before_anything_is_sealed(database: Database) -> None:
    lot(database, range(10), MORNING)
    assert [read(note).size for note in signed_notes(database)] == [0, 10]


def test_a_sealed_ballot_is_found_again_by_whoever_repeats_the_confirmation(database: Database) -> None:
    booth, code = booth_on(database), new_ballot_code()
    (asked,) = asking.request(booth, [Request("marie@example.org", b"m" * 32)], MORNING)
    assert isinstance(asked, bytes)
    confirmation = Confirmation(asked, code, "ilot-femmes")
    casting.confirm(booth, [confirmation], MORNING)
    lot(database, range(10), MORNING)
    assert casting.confirm(booth, [confirmation], LATER) == [casting.Receipt(code, repeated=True)]
    assert len(sealed(database)) == 11


def test_the_box_keeps_its_name_whatever_the_port() -> None:
    names = {station.sealer_for(f"http://127.0.0.1:{port}", b"k" * 32, CONTEST).signer.name for port in (8000, 8001)}
    assert names == {f"127.0.0.1/{CONTEST}"}


def test_a_ballot_that_no_checkpoint_covers_yet_has_no_place_to_show(database: Database) -> None:
    lot(database, range(10), MORNING)
    late = [(bytes(9) + bytes([number]), "ilot-femmes", bytes(32)) for number in range(2)]
    with database.writing() as session:
        assert ballot_box.append(session, CONTEST, late, LATER) == 12
        assert [ballot_box.find(session, CONTEST, code) for code, *_ in late] == [None, None]
        ballot_box.sign_checkpoint(session, CONTEST, new_sealer().signer, LATER)
        places = [ballot_box.find(session, CONTEST, code) for code, *_ in late]
    assert [(place.position, place.lot, place.size) for place in places if place] == [(10, 2, 12), (11, 2, 12)]


def test_a_box_is_sealed_and_read_whole_in_chunks_however_they_fall(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballot_box, "CHUNK", 4)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    at = lot(database, range(10), MORNING)
    assert sum("INSERT INTO ballot_box" in statement for statement in statements) == 3
    lot(database, range(10, 22), at + timedelta(minutes=6))
    codes = sealed(database)
    assert (len(codes), complaints(database, signed_notes(database))) == (22, [])
    with database.reading() as session:
        for start in range(24):
            rows = list(ballot_box.read(session, CONTEST, start))
            assert [row.position for row in rows] == list(range(start, 22))
            assert [row.ballot_code for row in rows] == codes[start:]
            lines = list(ballot_box.public_lines(session, CONTEST, start, 5))
            assert [line.split()[0] for line in lines] == [str(place) for place in range(start, min(start + 5, 22))]
        assert len(list(ballot_box.public_lines(session, CONTEST))) == 22
        statements.clear()
        assert [row.position for row in ballot_box.read(session, CONTEST)] == list(range(22))
    assert len(statements) == 6
