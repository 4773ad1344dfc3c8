"""Whatever is sent to whichever address: a page or an answer of ours, in the headers of the house, never a fault."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote, urlencode

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from people import House
from starlette.testclient import TestClient

from vote import languages, web
from vote.languages import LANGUAGES
from vote.web.guards import FRAMABLE, HEADERS, IN_A_FRAME
from vote.web.routes import TABLE

# What every field and parameter of the house is called, as its own code asks for it.
SOURCE = "".join(path.read_text(encoding="utf-8") for path in Path(web.__path__[0]).glob("*.py"))
FIELDS = sorted({*re.findall(r'form(?:\.values)?\["(\w+)"\]', SOURCE), "confirm"})
PARAMETERS = sorted(set(re.findall(r'(?:query_params\.get\(|for name in \()"(\w+)"', SOURCE)) | {"de", "a", "lang"})
NEVER_ENDING = "/jury/flux"

TAG, CALCULATION = "<zq x=\"1\" y='2'>", "zq{{ 7 * 191 }}{% zq %}${7*191}"
HOSTILE = (
    TAG, CALCULATION, f"\"'>{TAG}", "]]>--></script>" + TAG, f"javascript:{TAG}", "zq\r\nZq-Planted: yes\r\n\r\n" + TAG,
    "' OR 1=1 --", "%s%n%00", "\0", "\u202e\u2028\x85", "\ud800", "é" * 400, "9" * 5000, "-1", "²", "١٢٣ ٤٥٦", "1e999",
    "nan", "0001-01-01T00:00", "9999-12-31T23:59", "2019-02-30T25:61", "2019-11-20T23:00", "2019-11-21T12:00+99:00",
    "../../pyproject.toml", "//example.org", "a@b", f"a{TAG}@example.org", "a@" + "x" * 300 + ".fr", "@",
    "marie@example.org", "ilot-femmes", "on", "CLORE", "PROLONGER", "PROCLAMER", "admit", "reject",
    "AAAA-AAAA-AAAA-AAAA", "a.b", "e30.e30", "e30=", "W10=", "bnVsbA==", "AAAAAAAAAAAAAAAAAAAAAA",
)  # fmt: skip
ANYTHING = st.sampled_from(HOSTILE) | st.text(max_size=60)
HEADER_TEXT = st.sampled_from([value for value in HOSTILE if value.isprintable()]) | st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60
)
SENT_HEADERS = {
    "accept-language": HEADER_TEXT | st.sampled_from(["fr;q=9", "en;q=0.5,*;q=nan", "-", "en" * 999]),
    "cookie": HEADER_TEXT | st.builds("{}={}".format, st.sampled_from(["bulletin", "salle", "entree"]), HEADER_TEXT),
    "range": HEADER_TEXT | st.sampled_from(["bytes=0-0", "bytes=-1", "bytes=9-1", "bytes=0-,0-,0-", "lines=1-2"]),
    "if-none-match": HEADER_TEXT | st.sampled_from(["*", 'W/"', '"",,', ",".join(['"zq"'] * 500)]),
    "if-modified-since": HEADER_TEXT,
    "content-type": HEADER_TEXT
    | st.sampled_from(["multipart/form-data", 'multipart/form-data; boundary="', "text/html; charset=zq", ";"]),
    "accept": HEADER_TEXT,
    "accept-encoding": HEADER_TEXT,
    "authorization": HEADER_TEXT,
    "x-forwarded-for": HEADER_TEXT,
    "x-forwarded-proto": HEADER_TEXT,
    "host": HEADER_TEXT,
    "origin": HEADER_TEXT | st.sampled_from(["null", "http://[", "http://testserver"]),
    "sec-fetch-site": st.sampled_from(["same-origin", "none", "cross-site", "zq"]),
}


class Visit(TypedDict):
    """`part` stands for what the route leaves open in its path."""

    who: str
    part: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


VISITS = st.fixed_dictionaries(
    {
        "who": st.sampled_from(["stranger", "voter", "juror", "officer"]),
        "part": ANYTHING,
        "query": st.fixed_dictionaries({}, optional=dict.fromkeys([*PARAMETERS, "zq"], ANYTHING)),
        "form": st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)),
        "headers": st.fixed_dictionaries({}, optional=SENT_HEADERS),
    }
)
MACHINES = ("application/json", "text/plain", "text/csv", "text/css", "application/zip", "application/pdf")


@pytest.fixture
def people(request: pytest.FixtureRequest, house: House) -> dict[str, TestClient]:
    """Whoever may come, in a contest that is open, or published."""
    voter, juror, officer = house.voter("marie@example.org"), house.juror(), house.officer()
    voter.choose()
    if request.param == "published":
        voter.type_code()
        officer.close()
        house.clock.forward(minutes=5)
        officer.publish()
    found = {"stranger": house.client(), "voter": voter.browser, "juror": juror.client, "officer": officer.client}
    for client in found.values():
        client.event_hooks = {}  # the inspector of pages reads those of every other test
    return found


@pytest.mark.parametrize(("database_url", "people"), [("sqlite", "open"), ("postgresql", "published")], indirect=True)
# One visit goes to every address, and what fails is told with it: making it smaller would take minutes.
@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(visit=VISITS)
def test_whatever_is_sent_to_whichever_address_is_answered_in_good_order(
    people: dict[str, TestClient], visit: Visit
) -> None:
    for lang in LANGUAGES:
        for path, show, act, _ in TABLE:
            if path != NEVER_ENDING or visit["who"] != "juror":
                for method in [name for name, handler in (("GET", show), ("POST", act)) if handler]:
                    hold_to_the_rules(send(people, visit, languages.address(path, lang), method))


@pytest.mark.parametrize(("database_url", "people"), [("postgresql", "open")], indirect=True)
def test_each_hostile_value_in_each_field_is_answered_in_good_order(people: dict[str, TestClient]) -> None:
    asking = ("/urne", "/urne/coherence", "/urne/preuve/{code}", "/demo/courrier", "/confirmation/{token}")
    for turn, value in enumerate(HOSTILE):
        fields = dict(zip(FIELDS, [*HOSTILE[turn:], *HOSTILE[:turn]], strict=False))
        visit = Visit(who="voter", part=value, query=dict.fromkeys(PARAMETERS, value), form=fields, headers={})
        for path in asking:
            hold_to_the_rules(send(people, visit, path, "GET"))
        for path in [path for path, _, act, _ in TABLE if act and turn % 3 == 0]:
            visit["who"] = "officer" if path.startswith("/bureau") else "juror" if path.startswith("/jury") else "voter"
            hold_to_the_rules(send(people, visit, path, "POST"))


def send(people: dict[str, TestClient], visit: Visit, path: str, method: str) -> Response:
    url = f"{re.sub('{[a-z]+}', quote(raw(visit['part']), safe=''), path)}?{encoded(visit['query'])}"
    headers = {name.encode(): value.encode("latin-1", "replace") for name, value in visit["headers"].items()}
    if method == "GET":
        return people[visit["who"]].get(url, headers=headers, follow_redirects=False)
    headers = {b"content-type": b"application/x-www-form-urlencoded", **headers}
    body = encoded(visit["form"]).encode()
    return people[visit["who"]].post(url, headers=headers, content=body, follow_redirects=False)


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def encoded(pairs: dict[str, str]) -> str:
    return urlencode([(raw(name), raw(value)) for name, value in pairs.items()])


def hold_to_the_rules(answer: Response) -> None:
    told = f"{answer.request.method} {answer.request.url} as {answer.request.content!r}: {answer.status_code}"
    assert answer.status_code < 500, told
    framable = answer.request.url.path in FRAMABLE
    for name, value in {**HEADERS, **(IN_A_FRAME if framable else {})}.items():
        if not (framable and name == "X-Frame-Options"):
            assert answer.headers.get(name) == value, (told, name)
    assert "zq-planted" not in answer.headers, told
    assert all("HttpOnly" in cookie and "SameSite" in cookie for cookie in answer.headers.get_list("set-cookie")), told
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        assert "<zq" not in answer.text, told
        assert 'zq x="' not in answer.text, told
        assert "1337" not in answer.text, told
    elif kind:
        assert kind in MACHINES, told
    else:
        assert not answer.content, told
    assert re.match("/(?!/)|$", answer.headers.get("location", "")), told
