"""The post of a polling station over a real mail server, one round at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from people import EDITION, House
from servers import MailServer
from sqlalchemy import func, select

from vote import postman, station
from vote.carriers import SmtpCarrier
from vote.letters import Letterhead
from vote.models import Delivery, OutgoingLetter, Verification
from vote.outbox import DELAYS
from vote.settings import Smtp


class PostOffice:
    """A house whose letters leave by a mail server; a round carries what is due, in the test's own thread."""

    def __init__(self, house: House, mail: MailServer, server: Smtp | None = None) -> None:
        self.house, self.mail = house, mail
        self.carrier = SmtpCarrier(server or mail.smtp)

    @property
    def head(self) -> Letterhead:
        return station.letterhead(self.house.station.settings, self.house.station.keys, EDITION)

    def round(self) -> int:
        """How many letters were taken in hand."""
        return postman.deliver(self.house.database, self.house.clock, self.head, self.carrier)

    def rounds(self, seconds: float, every: float = 60) -> None:
        """Let time pass, with a round now and then."""
        until = self.house.clock.now().timestamp() + seconds
        while self.house.clock.now().timestamp() < until:
            self.house.clock.forward(seconds=every)
            self.round()

    def try_again(self) -> int:
        """Let the longest delay pass, then make a round."""
        self.house.clock.forward(seconds=max(DELAYS))
        return self.round()

    def waiting(self) -> int:
        """Letters in the outbox."""
        with self.house.database.reading() as session:
            return session.scalar(select(func.count()).select_from(OutgoingLetter)) or 0

    def deliveries(self) -> list[Delivery]:
        """What became of the letter of each verification."""
        with self.house.database.reading() as session:
            return list(session.scalars(select(Verification.delivery)))

    def remembers(self, address: str) -> bool:
        """Whether any table holds anything of an address."""
        return any(address.partition("@")[0] in row for rows in self.house.contents().values() for row in rows)


@contextmanager
def open_post_office(house: House, mail: MailServer, server: Smtp | None = None) -> Iterator[PostOffice]:
    office = PostOffice(house, mail, server)
    yield office
    office.carrier.close()
