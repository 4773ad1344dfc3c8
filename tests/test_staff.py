"""Who belongs to the jury and the bureau, and how their sessions begin and end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from people import CONTEST, MORNING, StoppedClock
from sqlalchemy import func, select

from vote import addresses, minutes, schema, staff
from vote.db import Database
from vote.errors import Expired, Misuse
from vote.models import Act, Minute, Role, StaffSession
from vote.tokens import Keys

KEYS = Keys(("s" * 40,))
ADDRESS = addresses.parse("Camille+prix@example.org")


def enter(database: Database, name: str = "Camille", role: Role = Role.JUROR) -> None:
    staff.add(database, CONTEST, ADDRESS, name, role, MORNING, "l’opérateur")


def lines(database: Database) -> list[Minute]:
    with database.reading() as session:
        return [line for line in minutes.read(session, CONTEST) if line.act == Act.STAFF]


def session_of(database: Database, clock: StoppedClock) -> str:
    """The cookie of a session opened now."""
    return staff.enter_by_link(database, KEYS, staff.invite(database, KEYS, ADDRESS, clock.now()), clock.now(), "fr")


def member(database: Database, cookie: str, clock: StoppedClock) -> staff.Member | None:
    with database.reading() as session:
        return staff.member(session, cookie, clock.now())


def test_entering_a_member_is_a_minute_that_names_no_address(database: Database) -> None:
    enter(database)
    (line,) = lines(database)
    assert (line.who, line.before, line.after) == ("l’opérateur", None, {"name": "Camille", "role": "juror"})
    assert "example.org" not in str(minutes.document(line))


def test_entering_the_same_member_again_changes_nothing(database: Database, clock: StoppedClock) -> None:
    enter(database)
    cookie = session_of(database, clock)
    enter(database)
    assert len(lines(database)) == 1
    assert member(database, cookie, clock) is not None


def test_another_role_is_a_minute_and_ends_every_session(database: Database, clock: StoppedClock) -> None:
    enter(database)
    cookies = [session_of(database, clock) for _ in range(2)]
    clock.forward(hours=1)
    enter(database, role=Role.OFFICER)
    assert [member(database, cookie, clock) for cookie in cookies] == [None, None]
    assert lines(database)[-1].before == {"name": "Camille", "role": "juror"}
    found = member(database, session_of(database, clock), clock)
    assert found is not None
    assert (found.name, found.role, found.opened_at) == ("Camille", Role.OFFICER, clock.now())


def test_a_member_needs_a_name(database: Database) -> None:
    with pytest.raises(Misuse, match="name is empty"):
        enter(database, name=" ")
    assert lines(database) == []


def test_nobody_is_entered_before_the_edition(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    schema.upgrade(database)
    with pytest.raises(Misuse, match="vote edition load"):
        enter(database)
    database.close()


def test_a_link_used_many_times_at_once_opens_one_session(database: Database) -> None:
    enter(database)
    token = staff.invite(database, KEYS, ADDRESS, MORNING)
    barrier = threading.Barrier(8)

    def use(_: int) -> str | None:
        barrier.wait()
        try:
            return staff.enter_by_link(database, KEYS, token, MORNING, "fr")
        except Expired:
            return None

    with ThreadPoolExecutor(8) as hands:
        cookies = [cookie for cookie in hands.map(use, range(8)) if cookie]
    assert len(cookies) == 1


def test_what_the_database_holds_of_a_session_opens_nothing(database: Database, clock: StoppedClock) -> None:
    enter(database)
    cookie = session_of(database, clock)
    with database.reading() as session:
        kept = session.scalars(select(StaffSession.id)).one()
    assert kept == sha256(cookie.encode()).digest()
    for text in (kept.hex(), kept.decode("latin-1"), ""):
        assert member(database, text, clock) is None


def test_leaving_with_no_session_leaves_all_others(database: Database, clock: StoppedClock) -> None:
    enter(database)
    cookie = session_of(database, clock)
    for stranger in (None, "", "somebody"):
        staff.leave(database, stranger, clock.now())
    assert member(database, cookie, clock) is not None
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(StaffSession.revoked_at.is_not(None))) == 0
