"""Keepers see how the house does; the public learns that it lives, and no figure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from crowds import cast, lot
from people import EDITION, MORNING, SITE, House, StoppedClock, open_house, prepare, settings_for
from prometheus_client.parser import text_string_to_metric_families
from servers import PostgreSQL
from sqlalchemy import text
from starlette.testclient import TestClient

from vote.models import Inspection

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TOKEN = "t" * 40


def keeper(house: House, host: str = "127.0.0.1") -> TestClient:
    """Somebody at the machine itself."""
    client = TestClient(house.app, base_url=SITE, client=(host, 5000))
    client.portal = house.main.portal
    return client


def figures(house: House) -> dict[str, float]:
    """Metrics by name and labels."""
    families = text_string_to_metric_families(keeper(house).get("/metrics").text)
    return {
        sample.name + "".join(f" {value}" for name, value in sample.labels.items() if name != "le"): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_vote(house: House) -> None:
    lot(house.database, range(12), MORNING)
    cast(house.database, range(20, 23), MORNING)
    house.voter("marie@example.org").vote()
    house.voter("paul@example.org").choose()
    with house.database.writing() as session:
        session.add(Inspection(contest=house.station.contest, at=MORNING, complaints=["One.", "Two."]))
    house.clock.forward(hours=2)
    seen = figures(house)
    assert (seen["vote_signatures"], seen["vote_sealed"], seen["vote_envelopes"]) == (16, 12, 4)
    assert (seen["vote_letters_sent"], seen["vote_letters_waiting"]) == (16, 1)
    assert seen["vote_letters_late_seconds"] == seen["vote_inspection_age_seconds"] == 7200
    assert (seen["vote_seal_age_seconds"], seen["vote_integrity_complaints"], seen["vote_held"]) == (3600, 2, 0)
    assert (seen["vote_commit_seconds_count confirmations"], seen["vote_commit_entries_sum requests"]) == (1, 2)
    assert seen["vote_ready database"] == seen["vote_ready clock"] == seen["vote_ready migrations"] == 1
    assert seen["process_resident_memory_bytes"] > 0


def test_no_figure_depends_on_who_was_voted_for(house: House) -> None:
    before = figures(house).keys()
    house.voter("marie@example.org").vote()
    told = keeper(house).get("/metrics").text
    assert figures(house).keys() >= before
    assert not any(laureate.slug in told for laureate in EDITION.laureates)


def test_the_public_does_not_learn_that_there_are_figures(house: House) -> None:
    nowhere = house.client().get("/nowhere")
    for answer in (
        house.client().get("/metrics"),
        keeper(house, "203.0.113.7").get("/metrics"),
        keeper(house).get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}),
        keeper(house).get("/metrics", headers={"Forwarded": "for=127.0.0.1"}),
    ):
        assert answer.status_code == 404
        assert answer.text == nowhere.text.replace("/nowhere", "/metrics")
    assert keeper(house, "::1").get("/metrics").status_code == 200


def test_where_there_is_a_token_nothing_else_opens(database_url: str, tmp_path: Path, clock: StoppedClock) -> None:
    with open_house(settings_for(database_url, tmp_path, metrics_token=TOKEN), clock) as house:
        assert keeper(house).get("/metrics").status_code == 404
        for wrong in ("", "Bearer", f"Bearer {TOKEN}x", TOKEN, "Bearer é"):
            header = {b"authorization": wrong.encode()}
            assert house.client().get("/metrics", headers=header).status_code == 404
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
        assert house.client().get("/metrics", headers=headers).status_code == 200


@pytest.fixture
def apart(postgresql: PostgreSQL) -> Iterator[str]:
    """The name of a database that may get a clock of its own."""
    postgresql.create("apart")
    prepare(postgresql.url("apart"))
    yield "apart"
    postgresql.drop("apart")


def test_a_node_whose_clock_is_not_the_databases_takes_no_votes(
    postgresql: PostgreSQL, apart: str, tmp_path: Path, clock: StoppedClock
) -> None:
    with open_house(settings_for(postgresql.url(apart), tmp_path), clock) as house:
        assert house.client().get("/pret").status_code == 200
        with house.database.migrating() as connection:
            # This database's own clock runs ahead from now on.
            ahead = "SELECT pg_catalog.clock_timestamp() + interval '3 seconds'"
            function = f"FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $${ahead}$$"
            connection.execute(text(f"CREATE {function}"))
            connection.execute(text(f"ALTER DATABASE {apart} SET search_path = public, pg_catalog"))
        house.reconnect()
        answer = house.client().get("/pret")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        seen = figures(house)
        assert seen["vote_ready clock"] == 0
        assert -3.1 < seen["vote_clock_ahead_seconds"] < -2


def test_a_database_of_another_version_is_not_ready(house: House) -> None:
    with house.database.migrating() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert house.client().get("/pret").status_code == 503
    assert house.client().get("/sante").status_code == 200
    assert figures(house)["vote_ready migrations"] == 0


def test_every_alert_reads_a_figure_that_exists_and_names_a_paragraph_of_the_runbook(house: House) -> None:
    with house.database.writing() as session:
        session.add(Inspection(contest=house.station.contest, at=MORNING, complaints=[]))
    lot(house.database, range(12), MORNING)
    names = {name.partition(" ")[0] for name in figures(house)}
    headings = re.findall(r"^## (.+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    alerts = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    assert alerts.count("- alert:") == alerts.count("expr:") == alerts.count("runbook:") > 5
    assert set(re.findall(r"vote_\w+", alerts)) <= names
    assert set(re.findall(r"RUNBOOK.md#([\w-]+)", alerts)) <= anchors
