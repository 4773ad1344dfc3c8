"""The style sheet, the pictures and the scripts: kept by browsers for good, since their address names their content."""

from pages_inspector import Page
from people import House

from vote.settings import ROOT
from vote.web import shelf


def test_everything_in_the_folder_is_served_as_what_it_is(house: House) -> None:
    kinds = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript", ".png": "image/png"}
    files = sorted((ROOT / "static").iterdir())
    assert files
    for path in files:
        answer = house.client().get(shelf.address(path.name))
        assert answer.status_code == 200
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].partition(";")[0] == kinds[path.suffix]
        assert answer.headers["cache-control"] == shelf.FOREVER


def test_who_has_it_already_is_sent_nothing(house: House) -> None:
    browser = house.client()
    first = browser.get(shelf.address("style.css"))
    again = browser.get(shelf.address("style.css"), headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = browser.get(shelf.address("style.css"), headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


def test_pages_ask_for_what_is_on_the_shelf_under_its_present_name(house: House) -> None:
    page = Page(house.client().get("/").text)
    asked = [link.attributes["href"] for link in page.all("link") if link.attributes["rel"] != "alternate"] + [
        found.attributes["src"] for found in page.all("script")
    ]
    assert asked
    assert set(asked) <= {shelf.address(name) for name in shelf.items()}
