"""Before the publication no count of anybody leaves the house, in whatever spelling and by whatever way."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from secrets import token_bytes

import pytest
from httpx2 import Response
from people import CONTEST, EDITION, MORNING, House, text_of
from sqlalchemy import insert

from vote import tally
from vote.models import Envelope, RunningCount, Signature, Turnout
from vote.web import doors, shelf
from vote.web.routes import TABLE

PLANTED = dict(zip((laureate.slug for laureate in EDITION.laureates), (7_919, 6_841, 5_557), strict=True))
TURNOUT = sum(PLANTED.values())
BLANKS = ("", " ", ",", ".", "'", "’", "_", "\u00a0", "\u2009", "\u202f", "&nbsp;", "&#8239;", "&#160;")

FORMS = {address for address, _, act, _ in TABLE if act}

BEFORE = EDITION.opens_at - timedelta(days=1)
AFTER = EDITION.closes_at + timedelta(days=1)


def spellings() -> Iterator[str]:
    """Every planted count and share, as figures are written."""
    for votes in PLANTED.values():
        yield from (f"{votes // 1000}{blank}{votes % 1000:03d}" for blank in BLANKS)
        yield from (hex(votes)[2:], hex(votes)[2:].upper())
        for number in (votes / TURNOUT, 100 * votes / TURNOUT):
            for digits in (1, 2, 3, 4) if number > 1 else (3, 4):
                yield from (f"{number:.{digits}f}", f"{number:.{digits}f}".replace(".", ","))


# Not in the middle of a longer number, or of the random letters of a cookie or a token.
SHAPES = "|".join(re.escape(spelling) for spelling in spellings())
LEAK = re.compile(rf"(?<![0-9A-Za-z_-])(?=[0-9])({SHAPES})(?![0-9A-Za-z_-])")


def plant(house: House) -> None:
    """Ballots, signatures and counts as if so many people had voted; the books balance."""
    slugs = [slug for slug, votes in PLANTED.items() for _ in range(votes)]
    hour = MORNING.replace(minute=0)
    with house.database.writing() as session:
        session.execute(insert(Signature), [{"contest": CONTEST, "voter_key": token_bytes(32)} for _ in slugs])
        session.execute(
            insert(Envelope),
            [
                {"ballot_code": token_bytes(10), "contest": CONTEST, "laureate": slug, "salt": b"s", "window_at": hour}
                for slug in slugs
            ],
        )
        counts = [{"contest": CONTEST, "laureate": slug, "slot": 0, "votes": votes} for slug, votes in PLANTED.items()]
        session.execute(insert(RunningCount), counts)
        session.execute(insert(Turnout), [{"contest": CONTEST, "hour_at": hour, "slot": 0, "votes": len(slugs)}])
    with house.database.reading() as session:
        assert tally.balance(session, CONTEST).balanced


def public_answers(house: House, token: str) -> Iterator[Response]:
    """What anybody is answered at any public address: read, asked for its head, and sent forms good and bad."""
    browser = house.client()
    slug = EDITION.laureates[0].slug
    forms = [
        {},
        {"laureate": slug, "email": "marie@example.org", "code": "000000"},
        {"laureate": "x", "email": "x", "code": ""},
        {"code": "000000"},
    ]
    names = {"slug": [*PLANTED, "x"], "token": [token, "x"], "name": [*shelf.items(), "x"]}
    for address in doors.PUBLIC:
        wanted = re.findall(r"{(\w+)}", address)
        values = names.get(wanted[0], ["x"]) if wanted else [""]
        filled = [re.sub("{.*}", value, address) for value in values]
        for path in filled:
            for method in ("GET", "HEAD", "PUT"):
                yield browser.request(method, path, follow_redirects=False)
            for form in forms if address in FORMS else forms[:1]:
                yield browser.post(path, data=form, follow_redirects=False)
    for code in ("", "x", "0000-0000-0000-0000"):
        yield browser.get("/urne", params={"code": code})
    for path in ("/jury", "/jury/flux", "/bureau", "/bureau/cloture", "/nowhere"):
        yield browser.get(path, follow_redirects=False)
        yield browser.post(path, data={"reason": "x"}, follow_redirects=False)


def leaks(answer: Response) -> list[str]:
    """The planted figures that an answer gives away, turnout aside, in its body or in its headers."""
    # A page may happen to be as long as a count is high.
    headers = [f"{name}: {value}" for name, value in answer.headers.multi_items() if name != "content-length"]
    return LEAK.findall("\n".join((*headers, answer.text)))


def test_every_address_outside_the_rooms_is_read_here() -> None:
    assert {address for address, *_ in TABLE if doors.keeper(address) is None} <= doors.PUBLIC


def test_no_public_answer_gives_a_count_away(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    voter = house.voter("paul@example.org")
    voter.choose()
    token = voter.link().rpartition("/")[2]
    plant(house)
    for moment in (BEFORE, MORNING, AFTER):
        house.clock.moment = moment
        statuses = set()
        for answer in public_answers(house, token):
            statuses.add(answer.status_code)
            assert not leaks(answer), (moment, answer.request.method, answer.request.url, leaks(answer))
        assert statuses >= {200, 303, 404, 405, 409, 422}
    assert not LEAK.findall(caplog.text)
    assert not [found for letter in house.letters("marie@example.org") for found in LEAK.findall(text_of(letter))]


def test_no_page_on_the_way_of_a_vote_gives_a_count_away_until_all_are_published(house: House) -> None:
    plant(house)
    voter = house.voter("paul@example.org")
    pages = [voter.choose(), voter.open_link(), voter.type_code("000000"), voter.type_code(), voter.type_code()]
    pages += [voter.browser.get(path) for path in ("/recu", "/confirmation", "/resultats", "/")]
    assert [page.status_code for page in pages] == [200, 200, 422] + [200] * 6
    assert not [found for page in pages for found in leaks(page)]
    assert f"20\u202f{TURNOUT % 1000 + 1}" in voter.browser.get("/resultats").text

    # Proof that this reader would have seen them.
    officer = house.officer()
    officer.close()
    officer.publish()
    for path in ("/resultats", "/resultats.json", "/resultats.csv"):
        assert len(set(leaks(house.client().get(path)))) >= len(PLANTED), path
