"""Suspicions: which one a ballot waits under, what it takes with it, and what is left of a decision."""

from __future__ import annotations

from datetime import timedelta

import pytest
from nodes import KEYS
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select, update
from test_screening import HOME, HOUR, SCHOOL, aside_for_pace, counted, decide, here, human, suspicions, vote

from vote import decisions, mail_hosts, marks, minutes, signals, tally
from vote.casting import Booth
from vote.mail_hosts import Host
from vote.models import Act, Envelope, Rule, Suspicion
from vote.signals import Seen

__all__ = ["here"]  # the fixture: whatever happened, the audit finds nothing

MINUTE = timedelta(minutes=1)


def test_the_plainest_rule_holds_a_ballot_and_the_others_are_noted(here: Booth) -> None:
    aside_for_pace(here)
    often = EDITION.figures.per_browser
    vote(here, "all at once", domain="yopmail.com", doubt=Rule.TRAP, before=often, seconds=15, at=9 * MINUTE)
    assert suspicions(here) == [(Rule.MACHINE, 26), (Rule.THROWAWAY, 1)]
    vote(here, "two", doubt=Rule.TRAP, before=often, host=SCHOOL, at=9 * MINUTE)
    assert suspicions(here)[2:] == [(Rule.TRAP, 1)]
    with here.database.reading() as session:
        rules = session.scalars(select(Suspicion.rule).order_by(Suspicion.rule)).all()
    assert rules == [Rule.BROWSER, Rule.BROWSER, Rule.MACHINE, Rule.THROWAWAY, Rule.TRAP, Rule.TRAP]


def test_a_suspicion_leaves_ballots_where_they_wait_already(here: Booth) -> None:
    vote(here, "a", doubt=Rule.TRAP, seconds=15)
    aside_for_pace(here)
    assert suspicions(here) == [(Rule.TRAP, 1), (Rule.MACHINE, 26)]
    assert counted(here) == {}


def test_each_doubt_is_a_suspicion_of_its_own_which_others_of_its_kind_join(here: Booth) -> None:
    for number, doubt in enumerate((Rule.TRAP, Rule.UNPROVED, Rule.TRAP)):
        assert vote(here, f"a{number}", doubt=doubt, at=number * MINUTE).aside
    assert not vote(here, "b", at=9 * MINUTE).aside
    assert suspicions(here) == [(Rule.TRAP, 2), (Rule.UNPROVED, 1)]


def test_a_doubt_is_one_about_ballots_of_one_network(here: Booth) -> None:
    for name, host in (("a", HOME), ("b", SCHOOL)):
        assert vote(here, name, doubt=Rule.TRAP, host=host).aside
        assert vote(here, f"{name} again", before=EDITION.figures.per_browser, host=host).aside
    assert sorted(suspicions(here)) == [(Rule.BROWSER, 1)] * 2 + [(Rule.TRAP, 1)] * 2


def test_marks_that_wait_are_asked_about_once_whatever_other_rule_holds(here: Booth) -> None:
    for number in range(45):
        vote(here, f"a{number}", domain=f"domain{number % 9}.example.net", seconds=15, at=timedelta(seconds=number))
    assert suspicions(here) == [(Rule.MACHINE, 45)]
    with here.database.reading() as session:
        assert len(session.scalars(select(Suspicion)).all()) == 1


def test_an_admission_of_one_rule_is_one_of_its_marks_but_not_of_a_single_ballots_doubt(here: Booth) -> None:
    aside_for_pace(here)
    decide(here, Act.ADMISSION)
    for number in range(20):
        vote(here, f"b{number}", domain=f"domain{number % 2}.example.net", seconds=15, at=8 * MINUTE)
    assert suspicions(here) == []
    assert vote(here, "c", doubt=Rule.TRAP, at=9 * MINUTE).aside
    assert suspicions(here) == [(Rule.TRAP, 1)]


def test_a_throwaway_domain_is_asked_about_again_once_it_was_rejected_and_not_once_it_was_admitted(here: Booth) -> None:
    vote(here, "a", domain="yopmail.com")
    decide(here, Act.REJECTION)
    assert vote(here, "b", domain="yopmail.com", at=2 * HOUR).aside
    decide(here, Act.ADMISSION, 3 * HOUR)
    assert not vote(here, "c", domain="yopmail.com", at=4 * HOUR).aside


def test_officers_see_the_oldest_first_and_when_its_marks_voted(here: Booth) -> None:
    domains = ["yopmail.com", "mailinator.com", "guerrillamail.com", "mail.yopmail.com", "temp.yopmail.com"]
    for number, domain in enumerate(domains):
        vote(here, f"a{number}", domain=domain, host=None, at=11 * number * MINUTE)
    vote(here, "again", domain=domains[0], host=None, at=HOUR)
    for number in range(25):
        vote(here, f"b{number}", seconds=15, at=2 * HOUR)
    with here.database.reading() as session:
        found = decisions.groups(session, CONTEST)
        networks = {one.suspicion.network for one in found}
    assert [one.suspicion.name for one in found] == [*domains, ""]
    assert [one.waiting for one in found] == [2, 1, 1, 1, 1, 25]
    assert networks == {None, marks.networks(KEYS, HOME, MORNING)[-1]}

    def window(at: timedelta) -> object:
        return signals.window(MORNING + at, signals.BURST)

    assert found[0].history == [(window(MINUTE), 1), (window(HOUR + MINUTE), 1)]
    assert found[5].history == [(window(2 * HOUR), 25)]


@pytest.mark.parametrize(("domain", "named"), [("yopmail.com", {"domain": "yopmail.com"}), ("gmail.com", {})])
def test_the_minute_of_a_decision_names_rule_and_domain_and_binds_the_ballots(
    here: Booth, domain: str, named: dict[str, str]
) -> None:
    doubt = None if named else Rule.TRAP
    receipts = [vote(here, f"a{number}", domain=domain, doubt=doubt, at=number * MINUTE) for number in range(5)]
    decide(here, Act.REJECTION)
    with here.database.reading() as session:
        line = minutes.read(session, CONTEST)[-1]
        suspicion = session.scalars(select(Suspicion)).one()
    codes = sorted(receipt.ballot_code for receipt in receipts)
    assert line.after == {
        "suspicion": suspicion.id.hex(), "rule": "throwaway" if named else "trap", "count": 5,
        "codes": tally.digest(codes), **named,
    }  # fmt: skip
    assert (suspicion.decided_at, suspicion.verdict, len(suspicion.id)) == (MORNING + HOUR, Act.REJECTION, 16)


def test_the_minute_of_a_decision_on_a_mail_host_names_the_server(here: Booth) -> None:
    vote(here, "a", domain="yopmail.com")
    with here.database.writing() as session:
        opened = {"rule": Rule.HOSTS, "domain": None, "host": b"host", "name": "mail.example.org"}
        session.execute(update(Suspicion).values(opened))
    decide(here, Act.REJECTION)
    with here.database.reading() as session:
        after = minutes.read(session, CONTEST)[-1].after
    assert after is not None
    assert {name: after[name] for name in after.keys() - {"suspicion", "codes"}} == {
        "rule": "hosts", "count": 1, "host": "mail.example.org",
    }  # fmt: skip


def test_a_mail_host_takes_with_it_what_came_from_its_domains_and_nothing_else(here: Booth) -> None:
    """Also those of its domains that were not looked up yet when their ballots were cast."""
    vote(here, "a", domain="one.example.org")
    for name in ("b", "c"):
        vote(here, name, domain="two.example.org")
    server, other = Host(b"server", "mail.example.net"), Host(b"other", "mail.example.com")
    found = {"one.example.org": server, "two.example.org": other, "three.example.org": server}
    with here.database.writing() as session:
        mail_hosts.keep(session, KEYS, found, MORNING)
        signals.count(session, {marks.contest(KEYS, CONTEST): Seen(hosted=9_000)}, MORNING - timedelta(days=1))
        busy = Seen(hosted=30, domains=EDITION.figures.hosts_least, gaps=[0, 5, 5, 5, 5, 5, 5, 0])
        signals.count(session, {server.mark: busy}, MORNING)
    assert vote(here, "d", domain="three.example.org", at=MINUTE).aside
    assert suspicions(here) == [(Rule.HOSTS, 2)]
    assert counted(here) == {"ilot-femmes": 2}


def test_ballots_under_other_marks_are_left_where_they_are(here: Booth) -> None:
    """The same pace elsewhere, and the same network at another pace, in one contest with a suspicion of one step."""
    for number in range(24):
        assert not vote(here, f"a{number}", host=SCHOOL, seconds=human(number), at=number * MINUTE).aside
    vote(here, "a", domain="yopmail.com", host=SCHOOL, at=25 * MINUTE)
    decide(here, Act.REJECTION)
    assert counted(here) == {"ilot-femmes": 24}
    with here.database.reading() as session:
        assert len(session.scalars(select(Envelope)).all()) == 24
