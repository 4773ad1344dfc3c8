"""Dates, hours and figures as people read them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from people import EDITION

from vote import words

NIGHT = datetime(2019, 11, 30, 23, 5, tzinfo=UTC)  # already December in Paris
SUMMER = datetime(2019, 8, 4, 16, 0, tzinfo=UTC)


def test_the_deadline_is_told_as_the_last_minute_of_its_day() -> None:
    assert words.last_moment(EDITION.closes_at) == "jeudi 21\u00a0novembre\u00a02019 à\u00a023\u00a0h\u00a059"
    assert words.last_moment(EDITION.closes_at, "en") == "Thursday 21\u00a0November\u00a02019 at 23:59"


def test_instants_are_told_at_paris_time() -> None:
    assert words.instant(NIGHT) == "dimanche 1er\u00a0décembre\u00a02019 à\u00a00\u00a0h\u00a005"
    assert words.instant(NIGHT, "en") == "Sunday 1\u00a0December\u00a02019 at 00:05"
    assert (words.hour(SUMMER), words.hour(SUMMER, "en")) == ("18\u00a0h", "18:00")
    assert (words.clock_time(SUMMER), words.clock_time(SUMMER, "en")) == ("18\u00a0h\u00a000", "18:00")


def test_a_day_without_an_hour_is_told_as_it_is() -> None:
    assert words.day(date(2019, 11, 7)) == "jeudi 7\u00a0novembre\u00a02019"


@pytest.mark.parametrize(
    ("value", "fr", "en"), [(0, "0", "0"), (999, "999", "999"), (1_234_567, "1 234 567", "1,234,567")]
)
def test_thousands_stand_apart(value: int, fr: str, en: str) -> None:
    assert words.number(value) == fr.replace(" ", "\u202f")
    assert words.number(value, "en") == en


def test_one_is_singular_and_none_is_too_in_french_alone() -> None:
    assert [words.ballots(n) for n in (0, 1, 2)] == ["0 bulletin", "1 bulletin", "2 bulletins"]
    assert [words.ballots(n, "en") for n in (0, 1, 2)] == ["0 ballots", "1 ballot", "2 ballots"]
    assert [words.signatures(n) for n in (1, 1200)] == ["1 signature", "1 200 signatures"]
    assert [words.votes(n) for n in (0, 1, 2)] == ["0 voix", "1 voix", "2 voix"]
    assert [words.votes(n, "en") for n in (0, 1, 1200)] == ["0 votes", "1 vote", "1,200 votes"]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_time_left_is_never_told_of_one_day_hour_or_minute(lang: str) -> None:
    """A bound above it needs no singular, which would be wrong beside a plural: "less than 1 days"."""
    told = {words.time_left(timedelta(minutes=n), lang) for n in range(1, 60 * 24 * 16)}
    assert [text for text in told if re.search(r"\b1\b", text)] == []


def test_shares_are_told_with_the_mark_of_the_language() -> None:
    assert [words.percent(share) for share in ("33,3", 0.333, 1.0)] == ["33,3\u202f%", "33,3\u202f%", "100,0\u202f%"]
    assert [words.percent(share, "en") for share in ("33,3", 0.333)] == ["33.3%", "33.3%"]


def test_a_date_field_is_read_at_paris_time_and_written_back_the_same() -> None:
    found = words.read_local_input(" 2019-11-24T23:59 ")
    assert found == datetime(2019, 11, 24, 22, 59, tzinfo=UTC)
    assert found is not None
    assert words.local_input(found) == "2019-11-24T23:59"
    assert words.read_local_input("2019-07-01T12:00") == datetime(2019, 7, 1, 10, tzinfo=UTC)
    assert words.read_local_input("2019-07-01T12:00Z") == datetime(2019, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", "demain", "24/11/2019", "2019-13-01T00:00", "２０１９"])
def test_what_is_no_date_is_none(typed: str) -> None:
    assert words.read_local_input(typed) is None
