"""Letters that leave late, to another address, or not at all."""

from __future__ import annotations

from people import House, receipt_of, text_of
from post_office import PostOffice
from sqlalchemy import select, update

from vote import outbox, worker
from vote.models import Delivery, OutgoingLetter, Verification

ADDRESS = "marie.dupont@example.org"


def test_while_the_mail_server_is_down_for_an_hour_people_ask_and_their_letters_leave_afterwards(
    house: House, post: PostOffice
) -> None:
    post.mail.stop()
    early, late = house.voter(ADDRESS), house.voter("paul@example.org")
    assert early.choose().status_code == 200
    post.rounds(59 * 60)
    worker.tidy(house.database, house.clock)
    assert late.choose().status_code == 200
    post.rounds(60)
    post.mail.start()
    post.rounds(max(outbox.DELAYS))
    assert sorted(letter.recipient for letter in post.mail.accepted) == sorted([early.address, late.address])
    codes = {letter.recipient: text_of(letter.message) for letter in post.mail.accepted}
    for voter in (early, late):
        assert "pendant 30 minutes" in codes[voter.address]
        assert receipt_of(voter.type_code(codes[voter.address].splitlines()[6]).text)


def test_a_letter_that_waited_for_its_postman_gives_its_reader_the_whole_time(house: House, post: PostOffice) -> None:
    voter = house.voter(ADDRESS)
    voter.choose()
    house.clock.forward(hours=2)
    worker.tidy(house.database, house.clock)
    post.round()
    house.clock.forward(minutes=29)
    letter = text_of(post.mail.accepted[0].message)
    assert receipt_of(voter.type_code(letter.splitlines()[6]).text)


def test_asking_again_while_the_letter_waits_makes_no_second_letter(house: House, post: PostOffice) -> None:
    voter = house.voter(ADDRESS)
    post.mail.refuse_for_now(1)
    voter.choose()
    post.round()
    voter.choose("bien-etre-medical")
    post.round()
    assert len(post.mail.accepted) == 1
    assert post.try_again() == 0


def test_an_address_corrected_while_its_letter_is_in_hand_still_gets_one(house: House, post: PostOffice) -> None:
    voter = house.voter("marie+tpyo@example.org")
    voter.choose()
    (in_hand,) = outbox.take(house.database, house.clock.now(), 10)
    voter.choose(address="marie@example.org")
    outbox.settle(house.database, [(in_hand, Delivery.REFUSED)], house.clock.now())
    assert "n’a pas pu être remise" not in voter.browser.get("/confirmation").text
    post.round()
    assert [letter.recipient for letter in post.mail.accepted] == ["marie@example.org"]
    assert post.deliveries() == [Delivery.SENT]


def test_a_letter_whose_subject_is_gone_is_dropped_with_its_address(house: House, post: PostOffice) -> None:
    house.juror()
    house.voter(ADDRESS).choose()
    house.client().post("/entrer", data={"email": "juror@example.org"})
    assert post.waiting() == 2
    with house.database.writing() as session:
        session.delete(session.scalars(select(Verification)).one())
    house.clock.forward(minutes=16)  # longer than a sign-in lasts
    assert post.round() == 2
    assert post.mail.accepted == []
    assert post.waiting() == 0
    assert not post.remembers(ADDRESS)


def test_a_letter_that_cannot_be_written_holds_up_no_other(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    with house.database.writing() as session:
        session.execute(update(OutgoingLetter).values(address="two\nlines@example.org"))
    house.clock.forward(seconds=1)
    house.voter("paul@example.org").choose()
    assert post.round() == 2
    assert [letter.recipient for letter in post.mail.accepted] == ["paul@example.org"]
    for _ in range(3):
        post.try_again()
    assert len(post.mail.accepted) == 1
    assert post.waiting() == 1
