"""Every address answers every method: with what was asked, or with a page that says what to do."""

from pages_inspector import Page
from people import House

from vote.web import doors
from vote.web.routes import TABLE

SHOWN = [address for address, show, _, _ in TABLE if show and "{" not in address and not doors.keeper(address)]
FORMS_ALONE = [address for address, show, _, _ in TABLE if not show]


def test_asking_for_the_head_of_a_page_answers_all_but_the_page(house: House) -> None:
    browser = house.client()
    for address in [*SHOWN, "/laureats/ilot-femmes", "/static/style.css", "/nowhere"]:
        page, head = (browser.request(method, address, follow_redirects=False) for method in ("GET", "HEAD"))
        assert (head.status_code, head.headers, head.content) == (page.status_code, page.headers, b""), address


def test_a_method_that_means_nothing_here_gets_a_page_and_a_list(house: House) -> None:
    browser = house.client()
    for address in SHOWN:
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            answer = browser.request(method, address)
            assert answer.status_code == 405
            assert "GET" in answer.headers["allow"]
            assert "partez de la page d’accueil" in Page(answer.text).text("h1")


def test_a_form_without_its_page_leads_back_home(house: House) -> None:
    browser = house.client()
    assert browser.get("/bulletin").url.path == "/"
    for address in FORMS_ALONE:
        answer = browser.get(address)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert "/" in {link.attributes["href"] for link in Page(answer.text).all("a")}


def test_an_address_that_is_not_there_gets_a_page(house: House) -> None:
    browser = house.client()
    strange = [
        "/nowhere",
        "/index.php",
        "/laureats",
        "/laureats/",
        "/static/",
        "/static/..%2Fpyproject.toml",
        "/%00",
        "/é",
    ]
    for address in [*strange, "/.git/config", "/bulletin/x", "/" + "x" * 5000]:
        answer = browser.get(address)
        assert answer.status_code == 404, address
        assert Page(answer.text).text("h1") == "Cette page n’existe pas, ou n’existe plus."


def test_those_who_watch_the_service_are_answered_in_a_word(house: House) -> None:
    for address in ("/sante", "/pret"):
        answer = house.client().get(address)
        assert (answer.status_code, answer.text) == (200, "ok\n")
