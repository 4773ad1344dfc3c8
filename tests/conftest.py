"""Databases of both kinds, a stopped clock, and a polling station on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from people import House, StoppedClock, open_house, prepare, settings_for
from post_office import PostOffice, open_post_office
from servers import MailServer, PostgreSQL, memory

from vote.db import Database
from vote.settings import Settings

TEMPLATE = "prepared"

if folder := memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)  # noqa: TID251 (pytest makes its folders there)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running server of this test process, with one prepared database to copy from."""
    with PostgreSQL(fsync=False) as server:
        server.create(TEMPLATE)
        prepare(server.url(TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "vote.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with the edition loaded, on each kind in turn."""
    if request.param == "sqlite":
        path = tmp_path / "vote.db"
        shutil.copy(request.getfixturevalue("prepared_file"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = f"test_{uuid4().hex}"
    server.create(name, template=TEMPLATE)
    yield server.url(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it, on each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'vote.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = f"empty_{uuid4().hex}"
    server.create(name)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path)


@pytest.fixture
def house(settings: Settings, clock: StoppedClock) -> Iterator[House]:
    with open_house(settings, clock) as running:
        yield running


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def post(house: House, mail_server: MailServer) -> Iterator[PostOffice]:
    """The post of this house, whose letters leave by a mail server."""
    with open_post_office(house, mail_server) as office:
        yield office
