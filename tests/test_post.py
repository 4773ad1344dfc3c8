"""The post: every letter is accepted once or given up, and its address is gone."""

from __future__ import annotations

from people import House
from post_office import PostOffice, open_post_office
from servers import MailServer
from sqlalchemy import update

from vote import outbox
from vote.models import Delivery, OutgoingLetter

ADDRESS = "marie.dupont@example.org"


def test_an_accepted_letter_leaves_no_address_behind(house: House, post: PostOffice) -> None:
    voter = house.voter(ADDRESS)
    assert "Elle attend son tour" in voter.choose().text
    assert post.remembers(ADDRESS)
    assert post.round() == 1
    assert [letter.recipient for letter in post.mail.accepted] == [ADDRESS]
    assert "Elle est partie" in voter.browser.get("/confirmation").text
    assert post.deliveries() == [Delivery.SENT]
    assert post.waiting() == 0
    assert not post.remembers(ADDRESS)
    assert post.round() == 0


def test_a_refusal_for_now_is_tried_again_after_growing_delays(house: House, post: PostOffice) -> None:
    voter = house.voter(ADDRESS)
    voter.choose()
    post.mail.refuse_for_now()
    assert post.round() == 1
    for delay in (*outbox.DELAYS, outbox.DELAYS[-1]):
        house.clock.forward(seconds=delay - 1)
        assert post.round() == 0
        house.clock.forward(seconds=1)
        assert post.round() == 1
    assert list(outbox.DELAYS) == sorted(set(outbox.DELAYS))
    assert "Elle attend son tour" in voter.browser.get("/confirmation").text
    post.mail.be_kind()
    assert post.try_again() == 1
    assert len(post.mail.accepted) == 1
    assert post.try_again() == 0


def test_a_letter_refused_for_now_for_ever_is_given_up(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    post.mail.refuse_for_now()
    with house.database.writing() as session:
        session.execute(update(OutgoingLetter).values(tries=outbox.MOST_TRIES - 1))
    post.round()
    assert post.deliveries() == [Delivery.REFUSED]
    assert not post.remembers(ADDRESS)


def test_a_refusal_for_good_is_told_and_the_address_can_be_corrected(house: House, post: PostOffice) -> None:
    voter = house.voter("marei@example.org")
    voter.choose()
    post.mail.refuse_for_good(voter.address)
    post.round()
    assert not post.remembers(voter.address)
    page = voter.browser.get("/confirmation").text
    assert 'role="alert"' in page
    assert "La lettre n’a pas pu être remise" in page
    assert "Corriger l’adresse" in page
    assert post.try_again() == 0

    assert "n’a pas pu être remise" not in voter.choose(address=ADDRESS).text
    post.round()
    assert [letter.recipient for letter in post.mail.accepted] == [ADDRESS]
    assert "Elle est partie" in voter.browser.get("/confirmation").text


def test_a_refusal_of_the_whole_letter_is_for_good_too(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    post.mail.say("DATA", "552 5.3.4 Too big")
    post.round()
    assert post.deliveries() == [Delivery.REFUSED]
    assert not post.remembers(ADDRESS)


def test_a_refusal_of_our_own_address_is_not_blamed_on_the_voter(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    post.mail.say("MAIL", "550 5.7.1 Sender not allowed")
    post.round()
    assert post.deliveries() == [Delivery.WAITING]
    post.try_again()
    assert len(post.mail.accepted) == 1


def test_a_server_that_says_goodbye_is_called_again(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    post.mail.say("RCPT", "421 4.3.2 Closing for tonight")
    post.round()
    assert post.deliveries() == [Delivery.WAITING]
    post.try_again()
    assert len(post.mail.accepted) == 1


def test_a_letter_hung_up_upon_is_accepted_exactly_once(house: House, post: PostOffice) -> None:
    house.voter(ADDRESS).choose()
    post.mail.hang_up(2)
    post.round()
    post.try_again()
    assert post.mail.accepted == []
    assert post.deliveries() == [Delivery.WAITING]
    for _ in range(3):
        post.try_again()
    assert len(post.mail.accepted) == 1
    assert post.deliveries() == [Delivery.SENT]


def test_a_name_beyond_ascii_gets_its_letter_where_the_server_can(house: House, post: PostOffice) -> None:
    house.voter("élodie@example.org").choose()
    post.round()
    assert [letter.recipient for letter in post.mail.accepted] == ["élodie@example.org"]


def test_a_name_beyond_ascii_is_refused_cleanly_where_the_server_cannot(house: House) -> None:
    voters = [house.voter("élodie@example.org"), house.voter("paul@example.org")]
    for voter in voters:
        voter.choose()
    with MailServer(enable_SMTPUTF8=False) as mail, open_post_office(house, mail) as post:
        post.round()
        assert [letter.recipient for letter in mail.accepted] == ["paul@example.org"]
    assert "n’a pas pu être remise" in voters[0].browser.get("/confirmation").text
    assert not post.remembers("élodie@example.org")
