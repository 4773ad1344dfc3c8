"""What each letter says. A letter is written at the moment it leaves, so that nothing it says is ever stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from vote import ballot_box, envelope, poll_book, press, tally
from vote.editions import Edition
from vote.languages import Sentence, address
from vote.models import LetterKind, SignIn, Staff, Verification
from vote.outbox import Posted
from vote.tokens import Keys

SUBJECTS = {
    "vote": Sentence("Votre code pour confirmer votre vote"),
    "already": Sentence("Votre vote est déjà compté"),
    "sign_in": Sentence("Votre code pour entrer"),
    "checkpoint": Sentence("Empreinte de l’urne, à conserver"),
    "alert": Sentence("Des bulletins sont mis de côté"),
}


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all letters of this site share."""

    keys: Keys
    edition: Edition
    mail_from: str
    public_url: str


def write(session: Session, head: Letterhead, letter: Posted, at: datetime) -> EmailMessage | None:
    """The letter as it leaves at `at`, or None when its subject is gone or expired and nothing should be sent."""
    if letter.kind == LetterKind.SIGN_IN:
        return _sign_in(session, head, letter, at)
    if letter.kind == LetterKind.CHECKPOINT:
        return _checkpoint(session, head, letter, at)
    if letter.kind == LetterKind.ALERT:
        return _alert(session, head, letter, at)
    return _vote(session, head, letter, at)


def _vote(session: Session, head: Letterhead, letter: Posted, at: datetime) -> EmailMessage | None:
    verification = session.get(Verification, letter.id)
    if verification is None or verification.expires_at <= at:
        return None
    contest = head.edition.contest
    if poll_book.has_signed(session, contest, verification.voter_key):
        return _compose(head, letter, "already", at)
    token = envelope.link_token(head.keys, contest, letter.id)
    return _compose(
        head,
        letter,
        "vote",
        at,
        code=grouped(head.keys.code("vote", letter.id)),
        link=head.public_url + address(f"/confirmation/{token}", letter.language),
        minutes=_minutes_left(verification.expires_at, at),
    )


def _sign_in(session: Session, head: Letterhead, letter: Posted, at: datetime) -> EmailMessage | None:
    sign_in = session.get(SignIn, letter.id)
    if sign_in is None or sign_in.expires_at <= at or sign_in.used_at is not None:
        return None
    member = session.get_one(Staff, sign_in.staff)
    return _compose(
        head,
        letter,
        "sign_in",
        at,
        code=grouped(head.keys.code("sign-in", letter.id)),
        link=head.public_url + address(f"/entrer/{head.keys.sign_id('sign-in', letter.id)}", letter.language),
        minutes=_minutes_left(sign_in.expires_at, at),
        role=member.role,
    )


def _checkpoint(session: Session, head: Letterhead, letter: Posted, at: datetime) -> EmailMessage | None:
    signed = ballot_box.last_checkpoint(session, head.edition.contest)
    if signed is None:
        return None
    return _compose(head, letter, "checkpoint", at, note=signed.note, size=signed.size, signed_at=signed.at)


def _alert(session: Session, head: Letterhead, letter: Posted, at: datetime) -> EmailMessage | None:
    aside = tally.aside(session, head.edition.contest)
    return _compose(head, letter, "alert", at, aside=aside, link=f"{head.public_url}/bureau") if aside else None


def _compose(head: Letterhead, letter: Posted, name: str, at: datetime, **context: Any) -> EmailMessage:
    message = EmailMessage()
    sender = head.edition.mail_sender.in_(letter.language)
    message["From"] = MailAddress(sender, addr_spec=head.mail_from)
    message["To"] = letter.address
    message["Subject"] = SUBJECTS[name].in_(letter.language)
    message["Date"] = format_datetime(at)
    # The same for every try, so that a mailbox which received a letter twice may show it once.
    message["Message-ID"] = f"<{sha256(letter.id).hexdigest()[:32]}.{name}@{head.mail_from.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    shared = {"edition": head.edition, "site": head.public_url + address("", letter.language), **context}
    message.set_content(press.print_out(letter.language, f"letters/{name}.txt", **shared))
    message.add_alternative(press.print_out(letter.language, f"letters/{name}.html", **shared), subtype="html")
    message["Content-Language"] = letter.language  # set before, it would go with the first part
    return message


def grouped(code: str) -> str:
    return f"{code[:3]} {code[3:]}"


def _minutes_left(expires_at: datetime, at: datetime) -> int:
    return max(1, round((expires_at - at).total_seconds() / 60))
