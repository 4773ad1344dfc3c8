"""The acts on the contest: what each needs, what each leaves on the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from crowds import new_sealer
from nodes import ask, ballot, booth
from people import CONTEST, EDITION, MORNING
from sqlalchemy import select, update

from vote import casting, contests, minutes, sealing, tally
from vote.db import Database
from vote.editions import Edition, Text
from vote.errors import Conflict, Invalid, Misuse, Refusal
from vote.models import Act, Contest, Envelope, Laureate, Minute, RunningCount, State

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
END = EDITION.closes_at


def load(database: Database, edition: Edition, at: datetime = MORNING) -> str:
    return contests.load(database, edition, at, "l’opérateur")


def close(database: Database, at: datetime = MORNING, why: str = "Essai") -> None:
    contests.close(database, CONTEST, who="le bureau", why=why, at=at)


def extend(database: Database, until: datetime, at: datetime = MORNING, why: str = "Essai") -> None:
    contests.extend(database, CONTEST, until=until, who="le bureau", why=why, at=at)


def publish(database: Database, at: datetime = END, why: str = "Essai") -> None:
    contests.publish(database, new_sealer(), who="le bureau", why=why, at=at)


def vote(database: Database, *laureates: str) -> None:
    here = booth(database, CONTEST)
    ids = ask(here, [f"voter {place}".encode() for place in range(len(laureates))], MORNING)
    casting.confirm(here, [ballot(*filled) for filled in zip(ids, laureates, strict=True)], MORNING)


def contest(database: Database) -> Contest:
    with database.reading() as session:
        return contests.read(session, CONTEST)


def latest(database: Database) -> Minute:
    with database.reading() as session:
        return minutes.read(session, CONTEST)[-1]


def lines(database: Database) -> list[Act]:
    with database.reading() as session:
        return [line.act for line in minutes.read(session, CONTEST)]


def refused(act: Callable[[], Any], kind: type[Refusal | Misuse]) -> str:
    with pytest.raises(kind) as refusal:
        act()
    return str(refusal.value)


def test_the_state_is_what_the_clock_says_with_no_job_run(database: Database) -> None:
    moments = [EDITION.opens_at - SECOND, EDITION.opens_at, END - SECOND, END]
    states = [State.BEFORE, State.OPEN, State.OPEN, State.CLOSED]
    assert [contest(database).state(at) for at in moments] == states
    close(database)
    assert [contest(database).state(at) for at in moments] == [State.CLOSED] * 4
    publish(database, MORNING)
    assert [contest(database).state(at) for at in moments] == [State.PUBLISHED] * 4


def test_loading_the_same_edition_again_changes_nothing(database: Database) -> None:
    assert load(database, EDITION) == "unchanged"
    assert lines(database) == [Act.EDITION]
    line = latest(database)
    assert (line.why, line.before) == ("Première publication de l’édition.", None)
    slugs = [laureate.slug for laureate in EDITION.laureates]
    assert line.after == {"digest": EDITION.digest, "laureates": slugs}


def test_nodes_that_load_an_edition_at_once_create_it_once(database: Database) -> None:
    other = replace(EDITION, contest="other")
    with ThreadPoolExecutor(6) as operators:
        outcomes = list(operators.map(lambda _: load(database, other), range(6)))
    assert sorted(outcomes) == ["created", *["unchanged"] * 5]


def test_a_corrected_text_is_a_minute_that_names_what_changed(database: Database) -> None:
    vote(database, "ilot-femmes")
    first = replace(EDITION.laureates[0], summary=Text("Autre résumé", EDITION.laureates[0].summary.en))
    corrected = replace(EDITION, question=Text("Qui ?", "Who?"), laureates=(first, *EDITION.laureates[1:]))
    assert load(database, corrected) == "changed"
    line = latest(database)
    assert (line.act, line.who, line.at, line.why) == (Act.EDITION, "l’opérateur", MORNING, "Correction de l’édition.")
    assert line.before == {"digest": EDITION.digest}
    changed = ["laureates[0].summary.fr", "question.en", "question.fr"]
    assert line.after == {"digest": corrected.digest, "changed": changed}
    assert contests.edition_of(contest(database).edition) == corrected
    assert load(database, corrected) == "unchanged"


def test_the_list_of_laureates_may_change_until_a_ballot_is_cast(database: Database) -> None:
    fewer = replace(EDITION, laureates=EDITION.laureates[:2])
    assert load(database, fewer) == "changed"
    after = latest(database).after
    assert after is not None
    assert after["changed"] == ["laureates"]
    with database.reading() as session:
        slugs = set(session.scalars(select(Laureate.slug)))
    assert slugs == {laureate.slug for laureate in fewer.laureates}
    vote(database, fewer.laureates[0].slug)
    wanted = "The list of laureates cannot change: ballots have been cast for the one in the database."
    assert refused(lambda: load(database, EDITION), Misuse) == wanted
    assert contests.edition_of(contest(database).edition) == fewer


def test_the_order_of_the_laureates_is_a_text_like_another(database: Database) -> None:
    vote(database, "ilot-femmes")
    assert load(database, replace(EDITION, laureates=EDITION.laureates[::-1])) == "changed"


def test_the_dates_of_the_edition_may_change_until_a_ballot_is_cast(database: Database) -> None:
    later = replace(EDITION, closes_at=END + DAY)
    assert load(database, later) == "changed"
    assert contest(database).closes_at == END + DAY
    vote(database, "ilot-femmes")
    wanted = "The dates cannot change by the edition once voting has begun: use `vote contest extend`."
    assert refused(lambda: load(database, EDITION), Misuse) == wanted
    assert contest(database).closes_at == END + DAY


def test_no_edition_reopens_a_contest_where_nobody_voted(database: Database) -> None:
    later = replace(EDITION, closes_at=END + 30 * DAY)
    publish(database)
    refused(lambda: load(database, later, END), Misuse)
    refused(lambda: load(database, replace(EDITION, laureates=EDITION.laureates[:2]), END), Misuse)
    assert contest(database).state(END) is State.PUBLISHED


def test_a_corrected_text_keeps_the_deadline_that_officers_extended(database: Database) -> None:
    extend(database, END + DAY)
    load(database, replace(EDITION, question=Text("Qui ?", "Who?")))
    assert contest(database).closes_at == END + DAY


def test_a_closure_is_for_an_open_contest_and_on_the_record(database: Database) -> None:
    assert "il ouvre le" in refused(lambda: close(database, EDITION.opens_at - SECOND), Conflict)
    assert "il est clos" in refused(lambda: close(database, END), Conflict)
    close(database, MORNING, "  Une   panne\ngénérale ")
    line = latest(database)
    assert (line.act, line.who, line.why, line.at) == (Act.CLOSURE, "le bureau", "Une panne générale", MORNING)
    assert line.before == {"closes_at": "2019-11-21T23:00:00+00:00"}
    assert line.after == {"closed_at": "2019-11-18T09:00:00+00:00"}
    refused(lambda: close(database), Conflict)
    assert contest(database).ended_at == MORNING


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_the_record_is_in_universal_time_wherever_the_machine_stands(database: Database) -> None:
    close(database)
    assert latest(database).after == {"closed_at": "2019-11-18T09:00:00+00:00"}


def test_an_extension_goes_later_by_sixty_days_at_most(database: Database) -> None:
    for until in (END - SECOND, END, MORNING + contests.LONGEST_EXTENSION + SECOND):
        assert "échéance" in refused(lambda until=until: extend(database, until), Invalid)  # type: ignore[misc]
    extend(database, MORNING + contests.LONGEST_EXTENSION)
    assert contest(database).is_open(END)
    line = latest(database)
    assert line.before == {"closes_at": "2019-11-21T23:00:00+00:00"}
    assert line.after == {"closes_at": "2020-01-17T09:00:00+00:00"}


def test_an_extension_is_for_an_open_contest(database: Database) -> None:
    refused(lambda: extend(database, END + DAY, EDITION.opens_at - SECOND), Conflict)
    refused(lambda: extend(database, END + DAY, END), Conflict)
    close(database)
    refused(lambda: extend(database, END + DAY), Conflict)


def test_a_publication_waits_for_the_closure_and_comes_once(database: Database) -> None:
    vote(database, "ilot-femmes", "ilot-femmes", "permis-de-construire")
    refused(lambda: publish(database, END - SECOND), Conflict)
    publish(database)
    wanted = {"votes": {"ilot-femmes": 2, "permis-de-construire": 1}, "signatures": 3, "ballots": 3}
    assert contest(database).results == latest(database).after == wanted
    assert latest(database).act == Act.PUBLICATION
    assert "déjà" in refused(lambda: publish(database, END + DAY), Conflict)


@pytest.mark.parametrize("damage", ["a ballot is missing", "a ballot was changed", "the count was moved"])
def test_a_publication_waits_for_the_figures_to_agree(database: Database, damage: str) -> None:
    vote(database, "ilot-femmes", "ilot-femmes")
    with database.writing() as session:
        envelope = session.scalars(select(Envelope).limit(1)).one()
        if damage == "a ballot is missing":
            session.delete(envelope)
        elif damage == "a ballot was changed":
            envelope.laureate = "permis-de-construire"
        else:
            session.scalars(select(RunningCount)).one().votes += 1
    assert "ne concordent pas" in refused(lambda: publish(database), Conflict)
    assert contest(database).published_at is None
    assert lines(database) == [Act.EDITION]


def test_the_marks_are_others_after_each_thing_that_pages_show(database: Database) -> None:
    def marks() -> object:
        with database.reading() as session:
            return contests.marks(session, CONTEST)

    seen = [marks()]
    assert marks() == seen[0]
    sealing.seal(database, new_sealer(), MORNING)
    seen.append(marks())
    tally.consult(database, CONTEST, EDITION, who="Alix", at=MORNING)
    seen.append(marks())
    with database.writing() as session:
        session.execute(update(Contest).values(closes_at=END + DAY))
    seen.append(marks())
    assert len(set(seen)) == 4
    with database.reading() as session:
        assert contests.marks(session, "elsewhere") is None


def test_a_reason_may_be_as_long_as_is_said(database: Database) -> None:
    longest = "x" * contests.LONGEST_REASON
    close(database, why=f" {longest} ")
    assert latest(database).why == longest


@pytest.mark.parametrize("why", ["", " \n\t ", "x" * (contests.LONGEST_REASON + 1)])
def test_an_act_without_a_proper_reason_is_not_done(database: Database, why: str) -> None:
    refused(lambda: close(database, why=why), Invalid)
    refused(lambda: extend(database, END + DAY, why=why), Invalid)
    refused(lambda: publish(database, why=why), Invalid)
    found = contest(database)
    assert (found.closed_at, found.closes_at, found.published_at) == (None, END, None)
    assert lines(database) == [Act.EDITION]


def test_a_contest_that_was_never_loaded_is_said_to_be_missing(database: Database) -> None:
    with database.reading() as session:
        wanted = "The contest 'coup-de-coeur-1789' is not in this database: run `vote edition load` first."
        assert refused(lambda: contests.read(session, "coup-de-coeur-1789"), Misuse) == wanted


def test_a_refused_act_says_why_and_to_each_in_their_language(database: Database) -> None:
    before, long = EDITION.opens_at - SECOND, "x" * (contests.LONGEST_REASON + 1)
    opens, ends = "it opens on Thursday 7 November 2019 at 00:00", "it is open until Thursday 21 November 2019 at 23:59"
    moved = "The new deadline must come after today’s (Friday 22 November 2019 at 00:00), by sixty days at most."
    too_long = "The reason is too long: at most 500 characters."

    def says(act: Callable[[], None], sentence: str, field: str = "") -> None:
        with pytest.raises(Refusal) as refusal:
            act()
        said = {place: told.in_("en").replace("\xa0", " ") for place, told in refusal.value.errors.items()}
        assert said == {field: sentence}

    says(lambda: close(database, before), f"A close is possible only during the vote; {opens}.")
    says(lambda: close(database, why=" "), "Give the reason for this act: it goes into the minutes.", "reason")
    says(lambda: close(database, why=long), too_long, "reason")
    says(lambda: extend(database, END + DAY, END), "An extension is possible only during the vote; it is closed.")
    says(lambda: extend(database, END), moved, "until")
    says(lambda: publish(database, MORNING), f"Publication awaits the close; {ends}.")
    vote(database, "ilot-femmes")
    with database.writing() as session:
        session.execute(update(Envelope).values(suspicion=b"s"))
    says(lambda: publish(database), "Publication awaits a decision about 1 ballot set aside.")
    with database.writing() as session:
        session.execute(update(Envelope).values(suspicion=None))
        session.execute(update(RunningCount).values(votes=2))
    says(
        lambda: publish(database),
        "Publication is suspended: some figures do not agree. Tell the operator. "
        "1 signature in the poll book, 1 ballot, 2 in the running count, 0 set aside, 0 rejected: they do not agree. "
        "The running count is not that of the ballots.",
    )
    with database.writing() as session:
        session.execute(update(RunningCount).values(votes=1))
    publish(database)
    says(lambda: publish(database), "The results are already published.")
    says(lambda: close(database), "A close is possible only during the vote; the results are published.")
