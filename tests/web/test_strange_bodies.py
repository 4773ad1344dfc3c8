"""Whatever is sent instead of a form gets a clear page, costs the house nothing, and takes no ballot away."""

from pages_inspector import Page
from people import House
from starlette.types import Message

from vote.web.forms import LARGEST_BODY, LONGEST_FIELD, MOST_FIELDS
from vote.web.routes import TABLE

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=here"
PART = b'--here\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--here\r\nContent-Disposition: form-data; name="email"; filename="a.txt"\r\n\r\nmarie@example.org\r\n'
END = b"--here--\r\n"
TEN_MEGABYTES = 10 * 1024 * 1024

UNREADABLE = "Ce formulaire n’a pas pu être lu"
TOO_HEAVY = "trop lourd pour un bulletin"
NO_FORM = "n’est pas un formulaire"

BODIES = [
    ("json", "application/json", b'{"laureate": "ilot-femmes"}', 415, NO_FORM),
    ("plain text", "text/plain", b"laureate=ilot-femmes", 415, NO_FORM),
    ("bytes of no kind", "", b"laureate=ilot-femmes", 415, NO_FORM),
    ("ten megabytes", FORM, b"email=" + b"m" * TEN_MEGABYTES, 413, TOO_HEAVY),
    ("ten megabytes of no kind", "", b"m" * TEN_MEGABYTES, 413, TOO_HEAVY),
    ("a byte too many", FORM, b"email=" + b"m" * (LARGEST_BODY - 5), 413, TOO_HEAVY),
    ("10,000 fields", FORM, b"&".join(b"f%d=1" % n for n in range(10_000)), 413, TOO_HEAVY),
    ("10,000 small fields", FORM, b"&".join([b"a=1"] * 10_000), 400, UNREADABLE),
    ("a field too many", FORM, b"&".join(b"f%d=1" % n for n in range(MOST_FIELDS + 1)), 400, UNREADABLE),
    ("a long field", FORM, b"email=" + b"m" * LONGEST_FIELD, 400, UNREADABLE),
    ("parts", PARTS, PART % (b"email", b"marie@example.org") + END, 415, NO_FORM),
    ("a file", PARTS, FILE + END, 415, NO_FORM),
    ("ten megabytes in parts", PARTS, PART % (b"email", b"m" * TEN_MEGABYTES) + END, 415, NO_FORM),
    ("parts without a boundary", "multipart/form-data", PART % (b"email", b"m") + END, 415, NO_FORM),
]


def test_what_is_not_a_form_is_told_so_and_takes_no_ballot_away(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose("ilot-femmes")
    link = voter.link()
    before = house.contents()
    for name, kind, body, status, sentence in BODIES:
        for address in ("/bulletin", "/confirmation", link):
            answer = voter.browser.post(address, content=body, headers={"Content-Type": kind} if kind else {})
            assert answer.status_code == status, (name, address)
            assert sentence in Page(answer.text).text("h1"), (name, address)
            assert "set-cookie" not in answer.headers, (name, address)
    assert house.contents() == before
    voter.type_code()
    assert house.ballots() == {"ilot-femmes": 1}


def test_every_form_of_the_house_answers_strange_bodies_with_a_page(house: House) -> None:
    visitor = house.client()
    for address in [address.format(token="x") for address, _, act, _ in TABLE if act]:
        for name, kind, body, status, sentence in BODIES[:: len(BODIES) // 3]:
            answer = visitor.post(address, content=body, headers={"Content-Type": kind})
            assert answer.status_code == status, (name, address)
            assert sentence in Page(answer.text).text("h1"), (name, address)


def test_a_body_that_does_not_say_its_size_is_read_no_further_than_the_limit(house: House) -> None:
    chunk = b"&" * 1024
    read = 0
    answers: list[Message] = []

    async def receive() -> Message:
        nonlocal read
        read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", FORM.encode())]
    scope = {"type": "http", "method": "POST", "path": "/bulletin", "query_string": b"", "headers": headers}
    assert house.main.portal is not None
    house.main.portal.call(house.app, scope, receive, send)
    assert answers[0]["status"] == 413
    assert read <= LARGEST_BODY + len(chunk)


def test_half_a_character_is_shown_back_as_unreadable(house: House) -> None:
    voter = house.voter("marie@example.org")
    voter.choose()
    answer = voter.browser.post("/confirmation", content=b"code=%ED%A0%80", headers={"Content-Type": FORM})
    assert answer.status_code == 422
    assert set(Page(answer.text).field("code").attributes["value"]) == {"\ufffd"}
