"""Mail hosts: what the DNS is asked, what is made of its answers, and that no letter waits for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from name_server import GARBAGE, SILENT, NameServer
from nodes import KEYS
from people import CONTEST, MORNING, StoppedClock, open_house
from servers import MailServer
from sqlalchemy import event, select

from vote import asking, casting, mail_hosts, marks, resolver, station, worker
from vote.asking import Request
from vote.casting import Booth
from vote.db import Database
from vote.mail_hosts import Host, Unanswered
from vote.models import MailHost
from vote.resolver import Finder
from vote.settings import Settings

ZONE: dict[str, list[str] | str] = {
    "ordered.example.org": ["MX 20 second.example.net.", "MX 10 first.example.net.", "MX 30 third.example.net."],
    "first.example.net": ["A 192.0.2.1"],
    "second.example.net": ["A 198.51.100.1"],
    "vanity.example.org": ["MX 0 mail.vanity.example.org."],
    "mail.vanity.example.org": ["A 192.0.2.200"],
    "dead.example.org": ["MX 0 nowhere.example.net.", "MX 5 broken.example.net.", "MX 9 First.Example.NET."],
    "broken.example.net": "servfail",
    "mute.example.org": ["MX 0 mute.example.net.", "MX 9 first.example.net."],
    "mute.example.net": SILENT,
    "bare.example.org": ["A 192.0.2.77"],
    "six.example.org": ["MX 10 six.example.net."],
    "six.example.net": ["AAAA 2001:db8:1:2::3"],
    "alias.example.org": ["CNAME ordered.example.org."],
    "null.example.org": ["MX 0 ."],
    "text.example.org": ["TXT hello"],
    "workspace.example.org": ["MX 1 aspmx.l.google.com.", "MX 5 alt1.aspmx.l.google.com."],
    "aspmx.l.google.com": ["A 192.0.2.66"],
    "feint.example.org": ["MX 0 dead.aspmx.l.google.com.", "MX 5 first.example.net."],
    "hostile.example.org": [
        r"MX 1 a\000b.example.net.",
        r"MX 2 <script>.example.net.",
        "MX 3 *.example.net.",
        "MX 4 localhost.",
    ],
    **{name: ["A 192.0.2.1"] for name in (r"a\000b.example.net", "<script>.example.net", "*.example.net", "localhost")},
    "silent.example.org": SILENT,
    "garbage.example.org": GARBAGE,
    "failing.example.org": "servfail",
    "refused.example.org": "refused",
    "broken.example.org": ["MX 1 broken.example.net."],
    **{f"d{number}.example.org": [f"MX 1 mx.d{number}.example.org."] for number in range(30)},
    **{f"mx.d{number}.example.org": ["A 203.0.113.5"] for number in range(30)},
}
FIRST = "first.example.net"


@pytest.fixture(scope="module")
def dns() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


def find(dns: NameServer, domain: str) -> Host:
    return mail_hosts.find(KEYS, dns.ask, domain)


@pytest.mark.parametrize(
    ("domain", "server", "address"),
    [
        ("ordered.example.org", FIRST, "192.0.2.1"),
        ("dead.example.org", FIRST, "192.0.2.1"),
        ("mute.example.org", FIRST, "192.0.2.1"),
        ("feint.example.org", FIRST, "192.0.2.1"),
        ("alias.example.org", FIRST, "192.0.2.1"),
        ("bare.example.org", "bare.example.org", "192.0.2.77"),
        ("six.example.org", "six.example.net", "2001:db8:1:2::3"),
    ],
)
def test_the_host_is_the_first_server_that_letters_are_given_to(
    dns: NameServer, domain: str, server: str, address: str
) -> None:
    assert find(dns, domain) == Host(marks.host(KEYS, address), server)


@pytest.mark.parametrize(
    "domain",
    ["null.example.org", "text.example.org", "workspace.example.org", "hostile.example.org", "nowhere.example.org"],
)
def test_no_server_and_one_that_anybody_may_use_tell_nothing(dns: NameServer, domain: str) -> None:
    assert find(dns, domain) == Host()


@pytest.mark.parametrize(
    "domain",
    [
        "silent.example.org",
        "garbage.example.org",
        "failing.example.org",
        "refused.example.org",
        "broken.example.org",
        "x" * 64 + ".example.org",
    ],
)
def test_what_is_not_answered_within_three_seconds_is_not_known(dns: NameServer, domain: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unanswered):
        find(dns, domain)
    assert time.monotonic() - began < mail_hosts.SECONDS + 1


def test_other_names_for_one_server_or_its_neighbour_make_no_other_host(dns: NameServer) -> None:
    found = {find(dns, domain).mark for domain in ("ordered.example.org", "vanity.example.org", "bare.example.org")}
    assert len(found) == 1
    assert marks.host(KEYS, "192.0.3.1") not in found
    assert marks.host(KEYS, "no address") == b""


def test_a_host_for_everybody_is_known_by_the_end_of_its_servers_names() -> None:
    assert mail_hosts.is_common("acme-fr.mail.protection.outlook.com")
    assert mail_hosts.is_common("mx1.mail.ovh.net")
    for own in ("vps-1234.vps.ovh.net", "notgoogle.com", "google.com.example.net"):
        assert not mail_hosts.is_common(own)
    assert all(name == name.lower() and mail_hosts.SERVER.fullmatch(name) for name in mail_hosts.COMMON - {"one.com"})


def test_what_is_found_is_written_down_in_place_of_what_was_and_forgotten_after_a_day(
    database: Database, clock: StoppedClock, dns: NameServer
) -> None:
    known = ["ordered.example.org", "workspace.example.org"]
    domains = {name: marks.domain(KEYS, name).mark for name in (*known, "silent.example.org")}

    def among() -> dict[bytes, Host]:
        with database.reading() as session:
            return mail_hosts.among(session, list(domains.values()))

    assert resolver.look_up(database, clock, KEYS, dns.ask, list(domains)) == ["silent.example.org"]
    assert among() == {domains[known[0]]: find(dns, known[0]), domains[known[1]]: Host()}
    with NameServer({known[0]: ["MX 1 first.example.net."], FIRST: ["A 198.18.0.1"]}) as moved:
        resolver.look_up(database, clock, KEYS, moved.ask, known[:1])
    assert among()[domains[known[0]]] == Host(marks.host(KEYS, "198.18.0.1"), FIRST)
    clock.forward(hours=25)
    worker.tidy(database, clock)
    assert among() == {}


def wait_for(database: Database, hosts: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with database.reading() as session:
            if len(session.scalars(select(MailHost.domain)).all()) == hosts:
                return
        time.sleep(0.02)
    raise AssertionError("the hosts were not found")


def test_the_worker_looks_up_private_domains_as_letters_leave_once_an_hour(
    settings: Settings, clock: StoppedClock, mail_server: MailServer, dns: NameServer
) -> None:
    dns.asked.clear()
    by_mail = replace(settings, smtp=mail_server.smtp)
    with open_house(by_mail, clock, work_here=True, ask=dns.ask) as house:
        for address in (
            "ann@ordered.example.org",
            "bob@ordered.example.org",
            "marie@gmail.com",
            "eve@Null.Example.org",
        ):
            house.voter(address).choose()
        mail_server.wait_for(4)
        wait_for(house.database, 2)
    asked = {name: times for name, times in dns.asked.items() if name in {"ordered.example.org", "gmail.com"}}
    assert asked == {"ordered.example.org": 1}


def test_a_silent_dns_delays_no_letter_and_the_log_names_no_domain(
    settings: Settings, clock: StoppedClock, mail_server: MailServer, dns: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    dns.asked.clear()
    by_mail = replace(settings, smtp=mail_server.smtp)
    with caplog.at_level(logging.DEBUG), open_house(by_mail, clock, work_here=True, ask=dns.ask) as house:
        began = time.monotonic()
        for name in ("ann", "bob", "cid"):
            house.voter(f"{name}@silent.example.org").choose()
        mail_server.wait_for(3)
        assert time.monotonic() - began < mail_hosts.SECONDS
        voter = house.voter("dan@failing.example.org")
        voter.choose()
        mail_server.wait_for(4)
        while not dns.asked["failing.example.org"] and time.monotonic() < began + 10:
            time.sleep(0.02)
    # The mail server of the tests logs what it is told; ours says nothing of the kind.
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("mail")]
    assert sum("the mail host of a domain is not known" in line for line in said) == 2
    assert not [line for line in said if "silent.example" in line or "failing.example" in line]


def test_the_finder_survives_a_database_away_and_what_it_cannot_expect(
    database: Database, clock: StoppedClock, dns: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    def ask(name: str, kind: str, seconds: float) -> list[str]:
        if name.startswith("fault"):
            raise RuntimeError("nobody thought of this")
        return list(dns.ask(name, kind, seconds))

    finder = Finder(database, clock, KEYS, ask)
    finder.start()
    finder.note(["fault.example.org"])
    deadline = time.monotonic() + 5
    while "could not be looked up" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    finder.note(["ordered.example.org", "ordered.example.org"])
    wait_for(database, 1)
    finder.stop()
    assert "could not be looked up" in caplog.text


def test_the_finder_takes_no_more_than_it_can_ask_for(database: Database, clock: StoppedClock, dns: NameServer) -> None:
    finder = Finder(database, clock, KEYS, dns.ask)
    for start in range(0, resolver.MOST_KNOWN + 5000, 1000):
        finder.note(f"d{number}.example.org" for number in range(start, start + 1000))
    assert len(finder._waiting) == resolver.MOST_WAITING
    assert len(finder._again) <= resolver.MOST_KNOWN + 1000


def test_casting_asks_the_database_for_hosts_once_a_batch_and_only_for_private_domains(
    database: Database, dns: NameServer
) -> None:
    booth = Booth(database, KEYS, CONTEST, timedelta(hours=1))
    statements: list[str] = []
    if database.embedded:  # whose driver is asked without SQLAlchemy
        event.listen(database.engine, "checkout", lambda raw, *_: raw.set_trace_callback(statements.append))
    else:
        event.listen(database.engine, "before_cursor_execute", lambda *found: statements.append(found[2]))

    def cast(*domains: str) -> int:
        requests = [Request(f"a@{domain}", domain.encode(), domain=domain) for domain in domains]
        ids = [one for one in asking.request(booth, requests, MORNING) if isinstance(one, bytes)]
        statements.clear()
        ballots = [casting.Confirmation(one, one[:10], "ilot-femmes") for one in ids]
        casting.confirm(booth, ballots, MORNING + timedelta(minutes=1))
        return sum("mail_hosts" in statement for statement in statements)

    assert cast("gmail.com", "orange.fr") == 0
    assert cast("laposte.net", "one.example.org", "two.example.org", "three.example.org") == 1


def test_a_demonstration_and_who_says_off_ask_nobody(settings: Settings) -> None:
    assert station.name_server(settings) is not None
    assert station.name_server(replace(settings, demo=True)) is None
    assert station.name_server(replace(settings, name_server=None)) is None


def test_this_machines_own_name_servers_are_asked_and_that_of_resolv_conf_5_where_it_names_none(
    dns: NameServer, tmp_path: Path
) -> None:
    own = tmp_path / "resolv.conf"
    own.write_text("nameserver 127.0.0.1\n")
    for configuration in (own, tmp_path / "missing"):
        ask = resolver.name_server(port=dns.port, configuration=str(configuration))
        assert list(ask("vanity.example.org", "MX", 1)) == ["mail.vanity.example.org"]
