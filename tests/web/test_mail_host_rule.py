"""Many small domains behind one mail server: set aside together, decided on by the server's name, others untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from bundles import STATION
from crowds import complaints
from people import CONTEST, EDITION, House, Member, receipt_of
from sqlalchemy import select

from vote import bundle, marks, minutes, purge, resolver, sealing, signals
from vote.models import Act, Envelope, MailHost, Signal
from vote.signals import Seen

FIGURES = EDITION.figures
RULE = "Beaucoup de petits domaines, un seul serveur de courriel"
REGIONAL, CHEAT = "192.0.2.25", "203.0.113.8"


@dataclass
class Village:
    """A house, and the DNS of those who vote there: each domain with a server of its own name, at an address."""

    house: House
    addresses: dict[str, str] = field(default_factory=dict)
    number: Iterator[int] = field(default_factory=lambda: count(1))

    def ask(self, name: str, kind: str, _: float) -> list[str]:
        return [f"mail.{name}"] if kind == "MX" else [self.addresses[name.removeprefix("mail.")]]

    def vote(self, domain: str, address: str, *, known: bool = True) -> str:
        """Somebody of this domain, whose server lives there, votes at the pace of people; answers the last page."""
        self.addresses[domain] = address
        house, number = self.house, next(self.number)
        voter = house.voter(f"v{number}@{domain}")
        voter.choose()
        if known:
            resolver.look_up(house.database, house.clock, house.station.keys, self.ask, [domain])
        code = voter.code()
        house.clock.forward(seconds=15 + number * 7 % 5 * 30)
        return voter.type_code(code).text

    def days_before(self, *, known: bool = True) -> None:
        """Two days of honest votes: half of them from domains of one regional host."""
        for _ in range(2):
            for number in range(30):
                self.vote(f"asso{number}.example.org", REGIONAL, known=known)
                self.vote(f"own{number}.example.org", f"198.18.{number}.1", known=known)
            self.house.clock.forward(days=1)

    def attack(self, votes: int, *, first: int = 0, known: bool = True) -> list[str]:
        """So many votes, from 15 domains that all have the same server, each under a name of its own."""
        return [
            self.vote(f"cheat{number % 15}.example.net", CHEAT, known=known) for number in range(first, first + votes)
        ]


@pytest.fixture
def village(house: House) -> Village:
    house.clock.forward(days=-9)
    return Village(house)


def is_aside(page: str) -> bool:
    return "mis de côté" in page


def decide(officer: Member, verdict: str) -> None:
    page = officer.client.get("/bureau").text
    suspicion = re.search(r'name="suspicion" value="(\w+)"', page)
    assert suspicion
    form = {"suspicion": suspicion.group(1), "verdict": verdict, "reason": "Un seul serveur"}
    assert officer.act("/bureau/bulletins", form).status_code == 200


def aside(house: House) -> int:
    with house.database.reading() as session:
        return len(session.scalars(select(Envelope.ballot_code).where(Envelope.aside())).all())


def test_many_domains_of_one_server_are_set_aside_with_the_earlier_ones_and_nobody_else(village: Village) -> None:
    house = village.house
    village.days_before()
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    before = sum(house.ballots().values())
    honest = [village.vote(f"asso{number}.example.org", REGIONAL) for number in range(5)]
    pages = village.attack(FIGURES.hosts)
    honest += [village.vote(f"asso{number}.example.org", REGIONAL) for number in range(5, 15)]
    assert [is_aside(page) for page in pages] == [False] * (FIGURES.hosts - 1) + [True]
    assert not any(map(is_aside, honest))
    assert aside(house) == FIGURES.hosts
    assert sum(house.ballots().values()) == before + len(honest)
    assert is_aside(village.vote("cheat99.example.net", CHEAT))

    officer = house.officer()
    page = officer.client.get("/bureau").text
    group = re.search(r'(?s)<h3 id="group-.*?</section>', page)
    assert group
    shown = re.sub(r"[\s\u00a0\u202f]+", " ", group.group())
    assert f"{RULE} (mail.cheat4.example.net)" in shown
    assert "par ce serveur ; les jours précédents, " in shown
    assert "<strong>21</strong> bulletins" in shown
    for private in (CHEAT, "v61@", "cheat5.example.net"):
        assert private not in page
    decide(officer, "reject")

    answer = house.client().get("/urne", params={"code": receipt_of(pages[0])})
    assert RULE in answer.text
    officer.close()
    assert officer.publish().status_code == 200
    with house.database.reading() as session:
        line = next(line for line in minutes.read(session, CONTEST) if line.act == Act.REJECTION)
    assert line.after is not None
    assert (line.after["host"], line.after["count"], "domain" in line.after) == ("mail.cheat4.example.net", 21, False)
    assert "serveur de courriel" in house.client().get("/proces-verbal").text
    assert complaints(house.database) == []
    content = house.client().get("/resultats/urne.zip").content
    assert [finding.said("en") for finding in bundle.read(content, []) if not finding.holds] == []

    purge.purge(house.database, STATION, who="l’opérateur", at=house.clock.now())
    left = house.contents()
    assert left["mail_hosts"] == left["signals"] == left["envelopes"] == []


def test_nothing_of_an_honest_ballots_host_is_left_beside_it_once_it_is_sealed(village: Village) -> None:
    house = village.house
    for number in range(12):
        village.vote(f"asso{number}.example.org", REGIONAL)
    house.clock.forward(hours=2)
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    left = house.contents()
    assert (len(left["ballot_box"]), left["envelopes"]) == (12, [])
    with house.database.reading() as session:
        hosts = {repr(host) for host in session.scalars(select(MailHost.host))}
    assert hosts
    elsewhere = [row for name in left.keys() - {"mail_hosts", "signals"} for row in left[name]]
    assert not [row for row in elsewhere if any(host in row for host in hosts)]


def test_ballots_cast_before_their_host_was_known_are_set_aside_too(village: Village) -> None:
    village.days_before()
    pages = village.attack(6, known=False)
    pages += village.attack(FIGURES.hosts)
    assert is_aside(pages[-1])
    assert aside(village.house) == 6 + FIGURES.hosts


def test_a_host_that_has_always_had_many_is_let_alone_on_a_busy_day(village: Village) -> None:
    village.days_before()
    pages = [village.vote(f"asso{number % 30}.example.org", REGIONAL) for number in range(2 * FIGURES.hosts)]
    assert not any(map(is_aside, pages))


def test_an_attack_on_others_does_not_make_an_old_host_look_new(village: Village) -> None:
    village.days_before()
    house, contest = village.house, marks.contest(village.house.station.keys, CONTEST)
    with house.database.writing() as session:
        signals.count(session, {contest: Seen(hosted=5000)}, house.clock.now() - timedelta(days=1))
    pages = [village.vote(f"asso{number % 30}.example.org", REGIONAL) for number in range(2 * FIGURES.hosts)]
    assert not any(map(is_aside, pages))


def test_votes_from_throwaway_domains_hide_no_host(village: Village) -> None:
    assert is_aside(village.vote("yopmail.com", REGIONAL))
    village.vote("own.example.org", REGIONAL)
    with village.house.database.reading() as session:
        seen = session.execute(select(Signal.private, Signal.hosted).where(Signal.private > 1)).all()
    assert {tuple(row) for row in seen} == {(2, 1)}


def test_a_host_is_not_new_because_nobody_asked_for_it_before(village: Village) -> None:
    """As after an upgrade in the middle of a vote, or days without any DNS."""
    village.days_before(known=False)
    pages = [village.vote(f"asso{number % 30}.example.org", REGIONAL) for number in range(2 * FIGURES.hosts)]
    assert not any(map(is_aside, pages))


@pytest.mark.parametrize("days", [0, 1])
def test_on_the_opening_day_and_after_a_quiet_one_nothing_is_known_to_be_unusual(village: Village, days: int) -> None:
    for number in range(5):
        village.vote(f"own{number}.example.org", f"198.18.{number}.1")
    village.house.clock.forward(days=days)
    assert not any(map(is_aside, village.attack(FIGURES.hosts + 5)))


def test_few_domains_and_a_small_part_of_the_day_are_let_alone(village: Village) -> None:
    village.days_before()
    pages = [village.vote(f"asso{number % 7}.example.net", CHEAT) for number in range(FIGURES.hosts + 5)]
    assert not any(map(is_aside, pages))


def test_what_was_rejected_is_no_past_and_what_was_admitted_is_left_in_peace(village: Village) -> None:
    house = village.house
    village.days_before()
    village.attack(FIGURES.hosts)
    decide(house.officer(), "reject")
    house.clock.forward(days=1)
    assert is_aside(village.attack(FIGURES.hosts, first=20)[-1])
    decide(house.officer(), "admit")
    assert aside(house) == 0
    assert not any(map(is_aside, village.attack(10, first=40)))


def test_the_rules_page_tells_the_rule_with_its_figures(house: House) -> None:
    page = house.client().get("/reglement").text
    assert RULE in page
    assert f"{FIGURES.hosts} votes au moins viennent d’adresses de {FIGURES.hosts_least} petits domaines" in page
    assert "Many small domains, one mail server" in house.client().get("/en/reglement").text
