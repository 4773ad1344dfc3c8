"""What leaves by mail: who writes and why, the code, never the choice."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from key_holders import with_a_key
from people import CONTEST, EDITION, House, text_of

from vote import decisions, letters, outbox, sealing, station, witnesses

ADDRESS = "marie@example.org"
CODE = r"\b\d{3} \d{3}\b"

INJECTIONS = [
    "marie@example.org\r\nBcc: eve@example.org",
    "marie@example.org\nBcc: eve@example.org",
    "marie@example.org%0aBcc:eve@example.org",
    "marie@example.org\u2028Bcc: eve@example.org",
    "marie\r\n@example.org",
    "marie@example.org,eve@example.org",
    "marie@example.org;eve@example.org",
    "marie@example.org eve@example.org",
    "Marie <marie@example.org>",
    "<marie@example.org>",
    '"marie@example.org\r\nBcc: eve"@example.org',
    "marie@example.org>\r\nRCPT TO:<eve@example.org",
    "=?utf-8?q?marie=0ABcc:_eve?=@example.org",
    "=?utf-8?q?marie=0D=0ABcc=3A_eve=40example.org?=@example.org",
    "marie(eve@example.org)@example.org",
]

CURIOUS = [
    "o'brien@example.org",
    "{a|b}~$%^&*!#/`_-?='@example.org",
    "élodie@example.org",
    "伊昭傑@example.org",
    "marie@xn--bcher-kva.example.com",
    f"{'m' * 64}@{'e' * 60}.{'e' * 60}.example.org",
]


def plain_and_html(letter: EmailMessage) -> list[str]:
    """What a person reads, on one line each."""
    body = letter.get_body(("html",))
    assert body is not None
    return [re.sub(r"\s+", " ", text) for text in (text_of(letter), body.get_content())]


def test_no_letter_names_any_laureate(house: House) -> None:
    voter = house.voter(ADDRESS)
    found = []
    for laureate in EDITION.laureates:
        voter.choose(laureate.slug)
        found.append(voter.letter())
    voter.type_code()
    house.voter(ADDRESS).choose()
    found.append(voter.letter())
    for letter in found:
        for text in (str(letter), *plain_and_html(letter)):
            for laureate in EDITION.laureates:
                assert laureate.name.lower() not in text.lower()
                assert laureate.slug not in text.lower()


def test_a_letter_says_who_sends_it_and_why_in_text_and_in_html(house: House) -> None:
    voter = house.voter(ADDRESS)
    voter.choose()
    letter = voter.letter()
    assert letter["From"] == f"{EDITION.mail_sender.fr} <vote@example.org>"
    assert letter["To"] == ADDRESS
    assert letter["Subject"] == "Votre code pour confirmer votre vote"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == house.clock.now()
    assert letter["Content-Language"] == "fr"
    assert letter.get_content_type() == "multipart/alternative"
    for text in plain_and_html(letter):
        assert "Vous recevez cette lettre parce que quelqu’un a donné cette adresse pour voter." in text
        assert EDITION.organiser.fr in text
        assert "Ce n’était pas vous" in text
        assert "Votre vote n’est pas encore compté" in text
        assert voter.code() in text
        assert voter.link() in text
        assert "pendant 30 minutes" in text


def test_the_same_letter_sent_twice_is_one_letter_to_a_mailbox(house: House) -> None:
    voter = house.voter(ADDRESS)
    voter.choose()
    first = voter.letter()
    voter.choose()
    assert len(house.letters(ADDRESS)) == 2
    assert voter.letter()["Message-ID"] == first["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}\.vote@example\.org>", str(first["Message-ID"]))


def test_letters_are_light_and_ready_to_travel(house: House) -> None:
    house.voter(ADDRESS).vote()
    house.voter(ADDRESS).choose()
    house.juror()
    house.client().post("/entrer", data={"email": "juror@example.org"})
    witnesses.ask(house.database, "juror@example.org", True)
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    witnesses.write_to(house.database, house.station.sealer, house.clock.now())
    with_a_key(house)
    house.voter("somebody@yopmail.com").vote()
    decisions.alert(house.database, CONTEST, house.clock.now())
    found = house.letters("")
    assert {str(letter["Subject"]) for letter in found} == set(letters.SUBJECTS.values())
    for letter in found:
        raw = letter.as_bytes()
        assert len(raw) < 12_000
        assert max(len(line) for line in raw.splitlines()) < 998  # RFC 5322, 2.1.1


def test_who_has_voted_is_told_so_by_letter_and_gets_no_code(house: House) -> None:
    house.voter(ADDRESS).vote()
    somebody = house.voter("Marie+encore@example.org")
    somebody.choose()
    letter = somebody.letter()
    assert letter["Subject"] == "Votre vote est déjà compté"
    for text in plain_and_html(letter):
        assert "Il est définitif" in text
        assert "/confirmation/" not in text
        assert not re.search(CODE, text)


def test_a_letter_asked_for_before_the_vote_and_leaving_after_it_holds_no_code(house: House) -> None:
    elsewhere = house.voter(ADDRESS)
    elsewhere.choose()
    (late,) = outbox.take(house.database, house.clock.now(), 10)
    house.voter(ADDRESS).vote()
    head = station.letterhead(house.station.settings, house.station.keys, EDITION)
    with house.database.reading() as session:
        letter = letters.write(session, head, late, letters.asked_among(session, [late]), house.clock.now())
    assert letter is not None
    assert message_from_bytes(letter, policy=policy.default)["Subject"] == "Votre vote est déjà compté"


def test_a_letter_to_the_staff_names_the_room_and_lasts_fifteen_minutes(house: House) -> None:
    house.juror(), house.officer()
    for role, room in (("juror", "salle du jury"), ("officer", "bureau")):
        house.client().post("/entrer", data={"email": f"{role}@example.org"})
        letter = house.letters(f"{role}@example.org")[0]
        assert letter["Subject"] == "Votre code pour entrer"
        for text in plain_and_html(letter):
            assert room in text
            assert re.search(CODE, text)
            assert "/entrer/" in text
            assert "pendant 15 minutes" in text


def test_no_address_brings_a_second_recipient_or_a_header_of_its_own(house: House) -> None:
    accepted = [typed for typed in INJECTIONS if house.voter(ADDRESS).choose(address=typed).status_code != 422]
    assert accepted == []
    assert not house.letters("")


def test_a_curious_address_is_written_to_as_it_was_typed(house: House) -> None:
    for typed in CURIOUS:
        assert house.voter(typed).choose().status_code == 200, typed
        (letter,) = house.letters(typed)
        assert [address.addr_spec for address in letter["To"].addresses] == [typed]
