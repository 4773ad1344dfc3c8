"""Two people: where the edition asks for it, an act is proposed by one officer and happens when another approves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from crowds import cast
from people import CONTEST, EDITION, House, Member, StoppedClock, open_house

from vote import addresses, approvals, cli, contests, minutes, staff
from vote.clock import RunningClock
from vote.db import Database
from vote.models import Act, Contest, Minute, Proposal, Role, State
from vote.settings import Settings


@pytest.fixture
def house(settings: Settings, clock: StoppedClock) -> Iterator[House]:
    """A station whose edition asks for two people."""
    database = Database(settings.database_url)
    contests.load(database, replace(EDITION, approvals=2), clock.now(), "les tests")
    database.close()
    with open_house(settings, clock) as running:
        yield running


def officer(house: House, name: str) -> Member:
    address = addresses.parse(f"{name.lower()}@example.org")
    staff.add(house.database, CONTEST, address, name, Role.OFFICER, house.clock.now(), "les tests")
    token = staff.invite(house.database, house.station.keys, address, house.clock.now())
    member = Member(house.client(), Role.OFFICER)
    assert member.client.post(f"/entrer/{token}", follow_redirects=False).status_code == 303
    return member


def approve(member: Member, proposal: str) -> Any:
    return member.client.post("/bureau/approbation", data={"proposal": proposal})


def withdraw(member: Member, proposal: str, reason: str = "Finalement non") -> Any:
    return member.client.post("/bureau/retrait", data={"proposal": proposal, "reason": reason})


def waiting(house: House) -> list[Proposal]:
    with house.database.reading() as session:
        return list(approvals.waiting(session, CONTEST))


def proposal_of(house: House) -> str:
    (found,) = waiting(house)
    return found.id.hex()


def contest_of(house: House) -> Contest:
    with house.database.reading() as session:
        return contests.read(session, CONTEST)


def lines(database: Database, *acts: Act) -> list[Minute]:
    with database.reading() as session:
        return [line for line in minutes.read(session, CONTEST) if line.act in acts]


def test_an_act_happens_when_another_officer_approves(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    assert alix.close("Affluence").status_code == 200
    assert contest_of(house).closed_at is None
    (proposed,) = lines(house.database, Act.PROPOSAL)
    assert (proposed.who, proposed.why, proposed.after) == ("Alix", "Affluence", {"act": "closure"})
    house.clock.forward(minutes=5)
    assert approve(camille, proposal_of(house)).status_code == 200
    assert contest_of(house).closed_at == house.clock.now()
    (closure,) = lines(house.database, Act.CLOSURE)
    assert ("Alix" in closure.who, "Camille" in closure.who, closure.why) == (True, True, "Affluence")
    assert waiting(house) == []


def test_the_bureau_shows_what_waits_for_an_approval(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    alix.extend("2019-11-23T23:59", "Panne du fournisseur")
    for member in (alix, camille):
        page = member.client.get("/bureau").text
        assert "Panne du fournisseur" in page
        assert proposal_of(house) in page


def test_nobody_approves_an_own_proposal(house: House) -> None:
    alix = officer(house, "Alix")
    alix.close()
    answer = approve(alix, proposal_of(house))
    assert answer.status_code == 403
    assert approvals.OWN in answer.text
    assert contest_of(house).closed_at is None
    assert len(waiting(house)) == 1


def test_an_extension_keeps_its_terms_until_it_is_approved(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    before = contest_of(house).closes_at
    alix.extend("2019-11-23T23:59")
    assert contest_of(house).closes_at == before
    approve(camille, proposal_of(house))
    assert contest_of(house).closes_at == before + timedelta(days=2)


def test_a_withdrawal_is_a_minute_and_ends_the_proposal(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    alix.close("Erreur")
    proposal = proposal_of(house)
    assert withdraw(camille, proposal, " ").status_code == 422
    assert withdraw(camille, proposal, "Pas de raison de clore").status_code == 200
    _, ended = lines(house.database, Act.PROPOSAL)
    assert (ended.who, ended.why, ended.before) == ("Camille", "Pas de raison de clore", {"act": "closure"})
    for answer in (approve(camille, proposal), withdraw(alix, proposal)):
        assert answer.status_code == 409
        assert approvals.GONE in answer.text
    assert contest_of(house).closed_at is None


def test_the_proposer_may_withdraw(house: House) -> None:
    alix = officer(house, "Alix")
    alix.close()
    assert withdraw(alix, proposal_of(house)).status_code == 200
    assert waiting(house) == []


def test_a_proposal_serves_once(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    alix.extend("2019-11-23T23:59")
    proposal = proposal_of(house)
    assert [approve(camille, proposal).status_code for _ in range(2)] == [200, 409]
    assert len(lines(house.database, Act.EXTENSION)) == 1


@pytest.mark.parametrize("proposal", ["", "00" * 16, "xyz", "é" * 20])
def test_a_proposal_that_does_not_exist_is_refused(house: House, proposal: str) -> None:
    alix = officer(house, "Alix")
    assert approve(alix, proposal).status_code == 404
    assert withdraw(alix, proposal).status_code == 404


def test_an_act_that_is_refused_in_the_meantime_leaves_its_proposal(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    alix.extend("2019-11-23T23:59")
    house.clock.moment = EDITION.closes_at
    camille = officer(house, "Camille") if camille.client.get("/bureau").url.path != "/bureau" else camille
    assert approve(camille, proposal_of(house)).status_code == 409
    assert lines(house.database, Act.EXTENSION) == []
    assert len(waiting(house)) == 1


def test_a_whole_contest_with_two_people(house: House) -> None:
    house.voter("marie@example.org").vote()
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    alix.close()
    approve(camille, proposal_of(house))
    assert camille.publish().url.path == "/bureau"
    assert contest_of(house).published_at is None
    assert house.client().get("/resultats.json").status_code == 409
    approve(alix, proposal_of(house))
    published = house.client().get("/resultats.json").json()
    assert published["votes"] == 1
    assert re.search("Camille.*Alix", published["minutes"][-1]["who"])


def test_where_the_edition_says_nothing_one_person_is_enough(settings: Settings, clock: StoppedClock) -> None:
    assert EDITION.approvals is None
    with open_house(settings, clock) as house:
        officer(house, "Alix").close()
        assert contest_of(house).state(clock.now()) is State.CLOSED
        assert lines(house.database, Act.PROPOSAL) == []


def test_the_operator_proposes_too_and_an_officer_approves(settings: Settings, tmp_path: Path) -> None:
    now = RunningClock().now()
    day = timedelta(days=1)
    database = Database(settings.database_url)
    contests.load(database, replace(EDITION, approvals=2, opens_at=now - day, closes_at=now + day), now, "les tests")
    cast(database, range(3), now)
    environ = {"DATABASE_URL": settings.database_url, "VOTE_PUBLIC_URL": settings.public_url,
               "VOTE_SEAL_KEY": settings.seal_key.hex()}  # fmt: skip

    def run(*arguments: str) -> str:
        answer = CliRunner(env=environ).invoke(cli.main, ["contest", *arguments, "--reason", "Essai", "--yes"])
        assert answer.exit_code == 0, answer.output
        return answer.output

    until = (now + 2 * day).isoformat()
    for arguments in (("close",), ("extend", "--until", until)):
        assert "Proposed" in run(*arguments)
    assert lines(database, Act.CLOSURE, Act.EXTENSION) == []
    with open_house(settings, StoppedClock(RunningClock().now())) as house:
        alix = officer(house, "Alix")
        for proposal in sorted(waiting(house), key=lambda found: found.act, reverse=True):
            assert approve(alix, proposal.id.hex()).status_code == 200
    assert {line.who for line in lines(database, Act.CLOSURE, Act.EXTENSION)} == {"l’opérateur, avec l’accord de Alix"}
    database.close()


@pytest.mark.parametrize(("verdict", "counted"), [("admit", {"ilot-femmes": 1}), ("reject", {})])
def test_a_decision_on_ballots_set_aside_takes_two_people_too(
    house: House, verdict: str, counted: dict[str, int]
) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    voter = house.voter("somebody@yopmail.com")
    voter.choose()
    voter.type_code()
    page = alix.client.get("/bureau").text
    found = re.search(r'name="suspicion" value="(\w+)"', page)
    assert found
    form = {"suspicion": found.group(1), "verdict": verdict, "reason": "Adresse jetable"}
    assert "Adresses jetables" in alix.client.post("/bureau/bulletins", data=form).text
    assert house.ballots() == {}
    assert approve(alix, proposal_of(house)).status_code == 403
    assert approve(camille, proposal_of(house)).status_code == 200
    assert house.ballots() == counted
    (decided,) = lines(house.database, Act.ADMISSION, Act.REJECTION)
    assert (decided.who, decided.why) == ("Alix, avec l’accord de Camille", "Adresse jetable")


def test_the_bureau_shows_what_waits_whatever_is_set_aside(house: House) -> None:
    alix, camille = officer(house, "Alix"), officer(house, "Camille")
    voter = house.voter("somebody@yopmail.com")
    voter.choose()
    voter.type_code()
    assert alix.close("Affluence").status_code == 200
    alix.extend("2019-11-23T23:59", "Panne du fournisseur")
    page = camille.client.get("/bureau")
    assert page.status_code == 200
    assert "Adresses jetables" in page.text
    assert all(proposal.id.hex() in page.text for proposal in waiting(house))
