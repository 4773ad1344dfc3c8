"""What each letter says. A letter is written at the moment it leaves, so that nothing it says is ever stored."""

from __future__ import annotations

from binascii import b2a_qp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, bindparam, exists, select
from sqlalchemy.orm import Session

from vote import ballot_box, envelope, tally
from vote.editions import Edition
from vote.languages import Sentence, address
from vote.models import LetterKind, Passkey, Signature, SignIn, Staff, Verification
from vote.outbox import Posted
from vote.press import Forme
from vote.tokens import Keys

BLANKS = ("code", "link", "note")  # what differs from one letter of a kind to the next
BOUNDARY = b"=_an_alternative"  # quoted-printable never holds "=_"
PART = b'--%s\r\nContent-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n'

ASKED = select(
    Verification.id,
    Verification.expires_at,
    Verification.domain,
    exists()
    .where(Signature.contest == Verification.contest, Signature.voter_key == Verification.voter_key)
    .label("signed"),
).where(Verification.id.in_(bindparam("subjects", expanding=True)))

Asked = Mapping[bytes, Row[bytes, datetime, str, bool]]

SUBJECTS = {
    "vote": Sentence("Votre code pour confirmer votre vote"),
    "already": Sentence("Votre vote est déjà compté"),
    "sign_in": Sentence("Votre code pour entrer"),
    "checkpoint": Sentence("Empreinte de l’urne, à conserver"),
    "alert": Sentence("Des bulletins sont mis de côté"),
    "passkey": Sentence("Vos clés d’accès ont changé"),
}


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all letters of this site share."""

    keys: Keys
    edition: Edition
    mail_from: str
    public_url: str


def asked_among(session: Session, letters: Sequence[Posted]) -> Asked:
    """What codes of a bag of letters are about, read together: as much of the work as to write them."""
    subjects = [letter.id for letter in letters if letter.kind == LetterKind.VOTE]
    return {row.id: row for row in session.connection().execute(ASKED, {"subjects": subjects})}


def write(session: Session, head: Letterhead, letter: Posted, asked: Asked, at: datetime) -> bytes | None:
    """The letter as it leaves at `at`, an RFC 5322 message, or None when its subject is gone or expired.

    `asked` is what `asked_among` found for it, among others.
    """
    if letter.kind == LetterKind.SIGN_IN:
        return _sign_in(session, head, letter, at)
    if letter.kind == LetterKind.CHECKPOINT:
        return _checkpoint(session, head, letter, at)
    if letter.kind == LetterKind.ALERT:
        return _alert(session, head, letter, at)
    if letter.kind == LetterKind.PASSKEY:
        return _passkey(session, head, letter, at)
    return _vote(head, letter, asked.get(letter.id), at)


def _vote(
    head: Letterhead, letter: Posted, asked: Row[bytes, datetime, str, bool] | None, at: datetime
) -> bytes | None:
    if asked is None or asked.expires_at <= at:
        return None
    if asked.signed:
        return _compose(head, letter, "already", at)
    contest = head.edition.contest
    token = envelope.link_token(head.keys, contest, letter.id)
    return _compose(
        head,
        letter,
        "vote",
        at,
        code=grouped(head.keys.code("vote", letter.id)),
        link=head.public_url + address(f"/confirmation/{token}", letter.language),
        minutes=_minutes_left(asked.expires_at, at),
    )


def _sign_in(session: Session, head: Letterhead, letter: Posted, at: datetime) -> bytes | None:
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


def _checkpoint(session: Session, head: Letterhead, letter: Posted, at: datetime) -> bytes | None:
    signed = ballot_box.last_checkpoint(session, head.edition.contest)
    if signed is None:
        return None
    return _compose(head, letter, "checkpoint", at, note=signed.note, size=signed.size, signed_at=signed.at)


def _alert(session: Session, head: Letterhead, letter: Posted, at: datetime) -> bytes | None:
    aside = tally.aside(session, head.edition.contest)
    link = head.public_url + address("/bureau", letter.language)
    return _compose(head, letter, "alert", at, aside=aside, link=link) if aside else None


def _passkey(session: Session, head: Letterhead, letter: Posted, at: datetime) -> bytes:
    rows = select(Passkey.name).where(Passkey.staff == letter.address).order_by(Passkey.added_at, Passkey.name)
    return _compose(head, letter, "passkey", at, names=tuple(session.scalars(rows)))


def _compose(head: Letterhead, letter: Posted, name: str, at: datetime, **context: Any) -> bytes:
    if not letter.address.isprintable():
        raise ValueError("an address is one line: what follows would be headers")
    blanks = {blank: context.pop(blank) for blank in BLANKS if blank in context}
    frame = _frame(head, name, letter.language, tuple(blanks), tuple(sorted(context.items())))
    # The same for every try, so that a mailbox which received a letter twice may show it once.
    message_id = f"{sha256(letter.id).hexdigest()[:32]}.{name}@{head.mail_from.partition('@')[2]}"
    own = f"To: {letter.address}\r\nDate: {format_datetime(at)}\r\nMessage-ID: <{message_id}>\r\n"
    return b"".join(
        (
            own.encode(),  # UTF-8 where the address asks for it (RFC 6532)
            frame.head,
            _part("plain", frame.text.fill(blanks, escaped=False)),
            _part("html", frame.html.fill(blanks)),
            b"--%s--\r\n" % BOUNDARY,
        )
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """All that letters of one kind have in common: headers as bytes, bodies with blanks."""

    head: bytes
    text: Forme
    html: Forme


@lru_cache(maxsize=512)
def _frame(
    head: Letterhead, name: str, language: str, blanks: tuple[str, ...], context: tuple[tuple[str, Any], ...]
) -> Frame:
    message = EmailMessage(policy=SMTP)
    message["From"] = MailAddress(head.edition.mail_sender.in_(language), addr_spec=head.mail_from)
    message["Subject"] = SUBJECTS[name].in_(language)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    message["Content-Language"] = language
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY.decode()}"'
    shared = {"edition": head.edition, "site": head.public_url + address("", language), **dict(context)}
    text, html = (Forme(language, f"letters/{name}.{kind}", blanks, **shared) for kind in ("txt", "html"))
    head_only = message.as_bytes().partition(b"\r\n\r\n")[0]
    return Frame(head_only + b"\r\n\r\n", text, html)


def _part(kind: str, text: bytes) -> bytes:
    """One body, quoted-printable (RFC 2045, 6.7): no server needs to be able to do more than ASCII."""
    body = b2a_qp(text, istext=True).replace(b"\n", b"\r\n")
    return PART % (BOUNDARY, kind.encode(), body)


def grouped(code: str) -> str:
    return f"{code[:3]} {code[3:]}"


def _minutes_left(expires_at: datetime, at: datetime) -> int:
    return max(1, round((expires_at - at).total_seconds() / 60))
