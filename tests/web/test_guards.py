"""No other site sends a form in a visitor's name, and every answer carries the headers of the house."""

from pathlib import Path

from pages_inspector import Page
from people import CONTEST, House, StoppedClock, open_house, settings_for
from sqlalchemy import update
from starlette.testclient import TestClient

from vote.models import Contest
from vote.web import posters, shelf
from vote.web.forms import LARGEST_BODY
from vote.web.guards import FRAMABLE, HEADERS
from vote.web.routes import TABLE

FORM = {"laureate": "ilot-femmes", "email": "marie@example.org"}
HERE = "http://testserver"

FROM_HERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://elsewhere.example"},
    {"Origin": HERE},
    {},
)
FROM_ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://elsewhere.example"},
    {"Origin": f"{HERE}.elsewhere.example"},
    {"Origin": f"{HERE}:8080"},
    {"Origin": "null"},
    {"Origin": ""},
)


def silent(house: House) -> TestClient:
    """A browser that does not say by itself where a form comes from."""
    browser = house.client()
    del browser.headers["Sec-Fetch-Site"]
    return browser


def test_our_own_forms_are_taken_however_the_browser_says_so(house: House) -> None:
    for number, headers in enumerate(FROM_HERE):
        form = {**FORM, "email": f"marie{number}@example.org"}
        answer = silent(house).post("/bulletin", data=form, headers=headers, follow_redirects=False)
        assert answer.status_code == 303, headers


def test_a_form_from_elsewhere_is_refused_before_it_is_read(house: House) -> None:
    before = house.contents()
    for headers in FROM_ELSEWHERE:
        for address in [address.format(token="x") for address, _, act, _ in TABLE if act]:
            answer = silent(house).post(address, data=FORM, headers=headers)
            assert answer.status_code == 403, (address, headers)
            assert "Cet envoi vient d’un autre site" in Page(answer.text).text("h1")
            assert "set-cookie" not in answer.headers
    assert house.contents() == before


def test_links_from_elsewhere_are_followed(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    for path in ("/", voter.link(), "/resultats"):
        assert voter.browser.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_kind_of_answer_carries_the_headers_of_the_house(house: House) -> None:
    browser = house.client()
    item = next(iter(shelf.items()))
    tag = {"If-None-Match": browser.get(f"/static/{item}").headers["etag"]}
    with house.database.writing() as session:
        now = house.clock.now()
        ruined = {"closed_at": now, "published_at": now, "results": {"no": "votes"}}
        session.execute(update(Contest).where(Contest.slug == CONTEST).values(ruined))
    answers = {
        200: browser.get("/reglement"),
        303: browser.get("/jury", follow_redirects=False),
        304: browser.get(f"/static/{item}", headers=tag),
        307: browser.get("/urne/", follow_redirects=False),
        403: browser.post("/bulletin", headers={"Sec-Fetch-Site": "cross-site"}),
        404: browser.get("/nowhere"),
        405: browser.delete("/"),
        409: browser.post("/bulletin", data=FORM),
        413: browser.post("/bulletin", data={"email": "m" * LARGEST_BODY}),
        415: browser.post("/bulletin", json={}),
        422: browser.post("/entrer", data={}),
        500: browser.get("/resultats"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, status
        kept = {200: posters.MAX_AGE.decode(), 304: shelf.FOREVER}
        assert answer.headers["cache-control"] == kept.get(status, "no-store"), status
    assert "server" not in answers[200].headers
    assert "strict-transport-security" not in answers[200].headers
    assert "Une erreur s’est produite de notre côté" in Page(answers[500].text).text("h1")
    assert "Traceback" not in answers[500].text


def test_the_headers_let_no_inline_code_and_nothing_from_elsewhere_in() -> None:
    policy = dict(rule.partition(" ")[::2] for rule in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {value for name, value in policy.items() if name.endswith("-src")} == {"'none'", "'self'"}
    assert policy["form-action"] == "'self'"


def test_a_slash_too_many_leads_on_within_this_site_whichever_host_the_request_names(house: House) -> None:
    for lang in ("", "/en"):
        for host in ("testserver", "elsewhere.example", "elsewhere.example/path", "["):
            answer = house.client().get(f"{lang}/urne/?code=x", headers={"Host": host}, follow_redirects=False)
            assert answer.status_code == 307
            assert answer.headers["location"].startswith("/")
            assert not answer.headers["location"].startswith("//")
            if host != "elsewhere.example/path":
                assert answer.headers["location"] == f"{lang}/urne?code=x"


def test_one_page_alone_may_be_shown_in_a_frame() -> None:
    assert not {name for name, value in HEADERS.items() if "*" in value}
    assert {path.removeprefix("/en") for path in FRAMABLE} == {"/resultats/carte"}


def test_over_https_browsers_are_told_to_keep_to_it_and_answers_to_stay_on_this_site(
    database_url: str, tmp_path: Path, clock: StoppedClock
) -> None:
    settings = settings_for(database_url, tmp_path, public_url="https://vote.example.org")
    with open_house(settings, clock) as house:
        framed, home = house.client().get("/resultats/carte").headers, house.client().get("/").headers
    assert home["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert home["cross-origin-embedder-policy"] == "require-corp"
    assert home["x-frame-options"] == "DENY"
    assert "frame-ancestors *" in framed["content-security-policy"]
    assert framed["cross-origin-resource-policy"] == "cross-origin"
    assert "x-frame-options" not in framed
