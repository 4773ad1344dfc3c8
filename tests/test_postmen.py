"""Several postmen, one outbox: each letter is accepted once, and nobody waits for anybody crosswise."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from crowds import new_sealer
from people import CONTEST, EDITION, MORNING, House, StoppedClock, open_house, prepare, settings_for
from servers import MailServer, PostgreSQL
from sqlalchemy import Connection, delete, event, func, select

from vote import asking, staff, station, worker
from vote.asking import Request
from vote.carriers import SmtpCarrier
from vote.casting import Booth
from vote.db import Database
from vote.letters import Letterhead
from vote.models import Delivery, OutgoingLetter, Role, SignIn, Table, Verification
from vote.postman import Postman, deliver
from vote.settings import Settings
from vote.tokens import Keys
from vote.worker import Worker


@pytest.fixture
def by_mail(settings: Settings, mail_server: MailServer) -> Settings:
    return replace(settings, smtp=mail_server.smtp)


@pytest.fixture
def keys(by_mail: Settings) -> Keys:
    return Keys(by_mail.secrets)


@pytest.fixture
def head(by_mail: Settings, keys: Keys) -> Letterhead:
    return station.letterhead(by_mail, keys, EDITION)


def ask(database: Database, keys: Keys, people: int, earlier: list[bytes] | None = None) -> list[bytes]:
    """So many people ask for a letter in one commit."""
    booth = Booth(database, keys, CONTEST, timedelta(hours=1), screening=False)
    requests = [
        Request(f"voter{n}@example.org", n.to_bytes(32), earlier[n] if earlier else None) for n in range(people)
    ]
    answers = asking.request(booth, requests, MORNING)
    return [answer for answer in answers if isinstance(answer, bytes)]


def left(database: Database, table: type[Table] = OutgoingLetter) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_several_postmen_share_one_outbox_and_each_letter_is_accepted_once(
    by_mail: Settings, database_url: str, keys: Keys, head: Letterhead, clock: StoppedClock, mail_server: MailServer
) -> None:
    nodes = [Database(database_url) for _ in range(2)]
    ask(nodes[0], keys, 80)
    postmen = [Postman(node, clock, head, station.carriers(by_mail)) for node in nodes]
    for postman in postmen:
        postman.start()
    mail_server.wait_for(80)
    for postman in postmen:
        postman.stop()
    recipients = [letter.recipient for letter in mail_server.accepted]
    assert sorted(recipients) == sorted(f"voter{n}@example.org" for n in range(80))
    assert left(nodes[0]) == 0
    for node in nodes:
        node.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("cut_off_at", [1, 2])
def test_a_database_that_goes_as_letters_are_written_keeps_none_of_them_in_hand(
    cut_off_at: int,
    database_url: str,
    house: House,
    head: Letterhead,
    clock: StoppedClock,
    mail_server: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = house.database
    for role in Role:
        address = house.enter(role)
        staff.ask(database, address, clock.now(), "fr")
    house.voter("marie@example.org").choose()
    backends: list[int] = []

    def cut_off(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        """The connection is gone as the codes are read, or as the letter after them is written."""
        if re.search(r"^SELECT.*\sFROM (verifications|sign_ins)(?!.*FOR UPDATE)", statement, re.DOTALL):
            backends.append(connection.connection.dbapi_connection.info.backend_pid)  # type: ignore[union-attr]
            if len(backends) == cut_off_at:
                with psycopg.connect(database_url.replace("+psycopg", "")) as other:
                    other.execute("SELECT pg_terminate_backend(%s, 1000)", [backends[-1]])

    event.listen(database.engine, "before_cursor_execute", cut_off)
    carrier = SmtpCarrier(mail_server.smtp)
    deliver(database, clock, head, carrier)
    event.remove(database.engine, "before_cursor_execute", cut_off)
    assert len(backends) == cut_off_at
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    clock.forward(seconds=15)
    deliver(database, clock, head, carrier)
    carrier.close()
    assert len(mail_server.accepted) == 1 + len(Role)
    assert left(database) == 0


def test_a_postman_told_to_stop_finishes_the_letters_in_hand(
    by_mail: Settings, database: Database, keys: Keys, head: Letterhead, clock: StoppedClock, mail_server: MailServer
) -> None:
    ask(database, keys, 3)
    mail_server.delay(0.1)
    postman = Postman(database, clock, head, station.carriers(by_mail), carriers=1)
    postman.start()
    mail_server.wait_for(1)
    postman.stop()
    assert len(mail_server.accepted) == 3
    assert left(database) == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("postman")]


def test_a_letter_posted_in_the_house_leaves_at_once(
    by_mail: Settings, clock: StoppedClock, mail_server: MailServer
) -> None:
    with open_house(by_mail, clock, work_here=True) as house:
        house.voter("marie@example.org").choose()
        mail_server.wait_for(1, timeout=5)
    names = {thread.name for thread in threading.enumerate()}
    assert not {name for name in names if name.startswith(("postman", "housekeeper"))}


def test_asking_again_while_letters_leave_makes_nobody_wait_crosswise(
    by_mail: Settings, database: Database, keys: Keys, head: Letterhead, clock: StoppedClock, mail_server: MailServer
) -> None:
    held = ask(database, keys, 20)
    postman = Postman(database, clock, head, station.carriers(by_mail), carriers=2)
    postman.start()
    # A deadlock would be seen as Unavailable.
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        ask(database, keys, 20, held)
    postman.stop()
    with database.reading() as session:
        assert set(session.scalars(select(Verification.delivery))) <= {Delivery.SENT, Delivery.WAITING}


def test_housekeeping_forgets_what_has_expired(house: House, clock: StoppedClock) -> None:
    juror = house.juror()
    house.voter("marie@example.org").choose()
    house.letters("marie@example.org")
    house.client().post("/entrer", data={"email": "juror@example.org"})
    clock.forward(minutes=91)
    worker.tidy(house.database, clock)
    with house.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Verification)) == 0
        assert session.scalar(select(func.count()).select_from(SignIn)) == 2
    assert juror.client.get("/jury").status_code == 200
    clock.forward(days=2)
    worker.tidy(house.database, clock)
    contents = house.contents()
    assert contents["sign_ins"] == contents["sessions"] == []
    assert len(contents["staff"]) == 1


def test_a_worker_keeps_house_as_soon_as_it_starts(
    by_mail: Settings, database: Database, keys: Keys, head: Letterhead, clock: StoppedClock
) -> None:
    ask(database, keys, 3)
    with database.writing() as session:
        session.execute(delete(OutgoingLetter))
    clock.forward(hours=2)
    workers = Worker(database, clock, head, station.carriers(by_mail), new_sealer())
    workers.start()
    deadline = time.monotonic() + 10
    while left(database, Verification) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers.stop()
    assert left(database, Verification) == 0


class Outage:
    """A database of its own, to be stopped in mid-letter."""

    def __init__(self, server: PostgreSQL, folder: Path) -> None:
        server.create("day")
        self.url = server.url("day")
        prepare(self.url)
        self.server, self.settings = server, settings_for(self.url, folder)


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Outage]:
    with PostgreSQL(fsync=False) as server:
        yield Outage(server, tmp_path)


def test_a_database_lost_between_acceptance_and_record_makes_no_second_letter(
    outage: Outage, clock: StoppedClock, mail_server: MailServer
) -> None:
    settings = replace(outage.settings, smtp=mail_server.smtp)
    database, keys = Database(outage.url), Keys(settings.secrets)
    ask(database, keys, 1)
    mail_server.delay(0.5)
    workers = Worker(
        database, clock, station.letterhead(settings, keys, EDITION), station.carriers(settings), new_sealer()
    )
    workers.start()
    mail_server.wait_until_read(1)
    outage.server.stop_hard()
    mail_server.wait_for(1)
    time.sleep(1.2)  # long enough for every postman to find nobody there
    outage.server.start()
    deadline = time.monotonic() + 10
    while left(database) and time.monotonic() < deadline:
        time.sleep(0.05)
    clock.forward(minutes=10)  # longer than a letter stays in hand
    time.sleep(1.2)  # longer than a postman rests
    workers.stop()
    assert len(mail_server.accepted) == 1
    with database.reading() as session:
        assert session.scalars(select(Verification.delivery)).all() == [Delivery.SENT]
    database.close()
