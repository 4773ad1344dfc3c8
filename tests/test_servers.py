import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
from servers import MailServer, PostgreSQL
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def test_a_database_is_made_from_a_template_and_dropped_under_its_users(postgresql: PostgreSQL) -> None:
    postgresql.create("model")
    engine = create_engine(postgresql.url("model"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (word text)"))
        connection.execute(text("INSERT INTO kept VALUES ('Été')"))
    engine.dispose()

    postgresql.create("copy", template="model")
    engine = create_engine(postgresql.url("copy"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT word FROM kept")) == "Été"
        postgresql.drop("copy")
        with pytest.raises(OperationalError):
            connection.scalar(text("SELECT 1"))
    engine.dispose()
    postgresql.drop("copy")


def test_the_server_is_durable_and_has_room_for_many(postgresql: PostgreSQL) -> None:
    with psycopg.connect(postgresql.url("postgres").replace("+psycopg", "")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)


def test_what_was_committed_outlives_a_crash(postgresql: PostgreSQL) -> None:
    postgresql.create("crash")
    engine = create_engine(postgresql.url("crash"), pool_pre_ping=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 1 AS number"))
    postgresql.stop_hard()
    with pytest.raises(OperationalError):
        engine.connect()
    postgresql.start()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT number FROM kept")) == 1
    engine.dispose()


def test_a_server_that_cannot_start_says_why() -> None:
    server = PostgreSQL(fsync=False)
    with server:
        server.stop()
        shutil.rmtree(server.folder / "data")
        with pytest.raises(RuntimeError, match="could not access directory"):
            server.start()
    assert not server.folder.exists()


def test_the_server_does_not_outlive_its_tests() -> None:
    program = "import os, servers; print(servers.PostgreSQL().__enter__().folder, flush=True); os._exit(9)"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=False, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True)
    assert ended.returncode == 9
    folder = Path(ended.stdout.strip())
    assert folder.name.startswith("vote-pg-")
    running = folder / "data/postmaster.pid"
    deadline = time.monotonic() + 10
    while running.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running.exists()
    shutil.rmtree(folder)


def test_a_letter_arrives_as_it_was_written(mail: MailServer) -> None:
    send(mail, "ada@example.org", "bob@example.org")
    deliveries = mail.wait_for(2)
    assert [delivery.recipient for delivery in deliveries] == ["ada@example.org", "bob@example.org"]
    assert deliveries[0].message["Subject"] == "Votre code à 6 chiffres"
    assert deliveries[0].message.get_content() == "Été\r\n"


def test_a_refusal_for_now_ends(mail: MailServer) -> None:
    mail.refuse_for_now(1)
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="451"):
        send(mail, "ada@example.org")
    send(mail, "ada@example.org")
    mail.refuse_for_now()
    for _ in range(3):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="451"):
            send(mail, "ada@example.org")
    mail.be_kind()
    send(mail, "ada@example.org")
    assert len(mail.accepted) == 2


def test_a_refusal_for_good_is_for_the_named_only(mail: MailServer) -> None:
    mail.refuse_for_good("gone@example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
        send(mail, "gone@example.org")
    send(mail, "ada@example.org")
    assert [delivery.recipient for delivery in mail.accepted] == ["ada@example.org"]


def test_a_connection_lost_in_mid_letter_delivers_nothing(mail: MailServer) -> None:
    mail.hang_up()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail, "ada@example.org")
    assert mail.accepted == []
    send(mail, "ada@example.org")
    assert len(mail.accepted) == 1


def test_a_slow_server_answers_in_the_end(mail: MailServer) -> None:
    mail.delay(0.2)
    started = time.monotonic()
    send(mail, "ada@example.org")
    assert time.monotonic() - started >= 0.2


def test_a_server_that_was_down_comes_back_at_its_address(mail: MailServer) -> None:
    send(mail, "ada@example.org")
    address = mail.url
    mail.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail, "ada@example.org")
    with pytest.raises(TimeoutError, match="1 of 2"):
        mail.wait_for(2, timeout=0)
    mail.start()
    send(mail, "ada@example.org")
    assert (mail.url, len(mail.wait_for(2))) == (address, 2)


def send(server: MailServer, *recipients: str) -> None:
    letter = EmailMessage()
    letter["From"] = "vote@example.org"
    letter["To"] = ", ".join(recipients)
    letter["Subject"] = "Votre code à 6 chiffres"
    letter.set_content("Été")
    with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as connection:
        connection.send_message(letter)
