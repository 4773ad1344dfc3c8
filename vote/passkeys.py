"""Passkeys: beside the mailbox, an officer proves a key that never leaves their device (W3C Web Authentication).

Whoever has one signs in with the letter's code and a key, and acts on a key alone when the session is old: it asks for
the person at the device (PIN, finger, face), answers no other site and waits for no letter, where a session left open
often has the mailbox open beside it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from vote import minutes, outbox, staff
from vote.db import Database
from vote.errors import Expired, Invalid, Unknown
from vote.languages import Sentence
from vote.models import Act, Challenge, LetterKind, Passkey, Staff
from vote.rows import insert
from vote.staff import Member
from vote.tokens import encode

if TYPE_CHECKING:
    from fido2.server import Fido2Server

LONGEST_NAME = 40
ALGORITHMS = (-8, -7, -257)  # EdDSA, ES256, RS256: between them, every authenticator
VERIFIED = "required"  # the device asks who is there

ADDED, REMOVED = Sentence("Ajout d’une clé d’accès."), Sentence("Retrait d’une clé d’accès.")
LATE = Sentence("Cette demande n’est plus valable, ou a déjà servi : recommencez.")
REFUSED = Sentence("Cette clé d’accès n’a pas été reconnue : recommencez, avec une clé inscrite ici.")
COPIED = Sentence("Cette clé d’accès a peut-être un double, et n’est plus acceptée : prévenez l’opérateur.")
UNREAD = Sentence("Cette clé d’accès n’a pas pu être lue : recommencez, ou prenez une autre clé.")
NAMELESS = Sentence("Donnez un nom à cette clé, de {most} caractères au plus.", most=str(LONGEST_NAME))
TAKEN = Sentence("Vous avez déjà une clé de ce nom, ou cette clé même.")
GONE = Sentence("Aucune clé d’accès ne porte ce nom.")

Read = TypeVar("Read")


def held(session: Session, address: str) -> Sequence[Passkey]:
    """The keys of this canonical address, oldest first."""
    rows = select(Passkey).where(Passkey.staff == address)
    return session.scalars(rows.order_by(Passkey.added_at, Passkey.name)).all()


def ask_to_add(database: Database, site: str, who: Member, name: str, at: datetime) -> str:
    """What a browser needs to make a key, as JSON; its answer is for `add`. Raises Invalid."""
    with database.writing() as session:
        _check_name(session, who.address, name)
        staff.challenge(session, who.session, who.address, at)
        asked = session.get_one(Challenge, who.session)
        options = {
            "challenge": _text(asked.challenge),
            "rp": _house(site),
            # The id tells authenticators nothing of the person.
            "user": {"id": _text(secrets.token_bytes(16)), "name": who.name, "displayName": who.name},
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
            "excludeCredentials": _named(held(session, who.address)),
            "authenticatorSelection": {"userVerification": VERIFIED},
        }
    return json.dumps(options)


def add(database: Database, contest: str, site: str, who: Member, name: str, answer: str, at: datetime) -> None:
    """Enter the key that a browser made when asked: from now on one is needed. Other sessions of the member end.

    Raises Expired, Invalid.
    """
    asked = _spend(database, who.session, at)
    if asked is None:
        raise Expired(LATE)
    found = _understood(lambda: _server(site).register_complete(_state(asked), json.loads(answer)), Invalid(UNREAD))
    made = found.credential_data
    if made is None or made.public_key.ALGORITHM not in ALGORITHMS:
        raise Invalid(UNREAD)
    with database.writing() as session:
        name = _check_name(session, who.address, name)
        row = insert(session, Passkey).values(id=made.credential_id, staff=who.address, name=name, added_at=at)
        row = row.values(public=bytes(made), uses=found.counter)
        if session.scalar(row.on_conflict_do_nothing().returning(Passkey.id)) is None:
            raise Invalid(TAKEN, field="name")
        _tell(session, contest, who.address, +1, who=who.name, but=who.session, at=at)


def remove(
    database: Database, contest: str, address: str, name: str, *, who: str, at: datetime, but: bytes = b""
) -> None:
    """Take a key of this canonical address away. The member's sessions end, `but` for one. Raises Unknown."""
    with database.writing() as session:
        own = delete(Passkey).where(Passkey.staff == address, Passkey.name == name).returning(Passkey.id)
        if session.scalar(own) is None:
            raise Unknown(GONE)
        _tell(session, contest, address, -1, who=who, but=but, at=at)


def ask_again(database: Database, site: str, who: Member, at: datetime) -> str | None:
    """What a browser needs to present a key, as JSON, whose answer is for `prove`; None where this member has none."""
    with database.writing() as session:
        if not staff.holds_passkeys(session, who.address):
            return None
        staff.challenge(session, who.session, who.address, at)
        return _question(session, site, who.session, at)


def pending(database: Database, site: str, cookie: str, at: datetime) -> str:
    """The same for a sign-in that waits for a key under this cookie. Changes nothing. Raises Expired."""
    with database.reading() as session:
        question = _question(session, site, staff.session_id(cookie), at)
    if question is None:
        raise Expired(LATE)
    return question


def enter(database: Database, site: str, cookie: str, answer: str, at: datetime) -> str:
    """Open the session of a sign-in that waits under this cookie; answers another. Raises Expired, Invalid."""
    asked = _spend(database, staff.session_id(cookie), at)
    with database.writing() as session:
        return staff.open_session(session, _signer(session, site, asked, answer), at)


def prove(database: Database, site: str, who: Member, answer: str, at: datetime) -> None:
    """Make an open session fresh by a key of its member's. Raises Expired, Invalid."""
    asked = _spend(database, who.session, at)
    with database.writing() as session:
        _signer(session, site, asked, answer)
        staff.freshen(session, who, at)


def _question(session: Session, site: str, holder: bytes, at: datetime) -> str | None:
    asked = session.get(Challenge, holder)
    if asked is None or asked.expires_at <= at:
        return None
    options = {"challenge": _text(asked.challenge), "rpId": _house(site)["id"], "userVerification": VERIFIED}
    return json.dumps({**options, "allowCredentials": _named(held(session, asked.staff))})


def _spend(database: Database, holder: bytes, at: datetime) -> Challenge | None:
    """The holder's challenge, if it is not late: whatever comes of it now, nobody answers it again."""
    with database.writing() as session:
        gone = delete(Challenge).where(Challenge.holder == holder).returning(Challenge)
        asked = session.scalars(gone).first()
        return asked if asked is not None and asked.expires_at > at else None


def _signer(session: Session, site: str, asked: Challenge | None, answer: str) -> str:
    """The canonical address of who signed what was asked, with a key of theirs that is not behind its own count."""
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse  # noqa: PLC0415 (see _server)

    if asked is None:
        raise Expired(LATE, field="passkey")
    rows = select(Passkey).where(Passkey.staff == asked.staff).with_for_update()
    keys = {key.id: key for key in session.scalars(rows)}
    own, refused = [AttestedCredentialData(key.public) for key in keys.values()], Invalid(REFUSED, field="passkey")
    said = _understood(lambda: AuthenticationResponse.from_dict(json.loads(answer)), refused)
    used = _understood(lambda: _server(site).authenticate_complete(_state(asked), own, said), refused)
    key, uses = keys[used.credential_id], said.response.authenticator_data.counter
    # Keys that several devices share do not count, and always say 0.
    if (uses or key.uses) and uses <= key.uses:
        raise Invalid(COPIED, field="passkey")
    key.uses = uses
    return asked.staff


def _tell(session: Session, contest: str, address: str, more: int, *, who: str, but: bytes, at: datetime) -> None:
    """A minute says how many keys there are, a letter which; other sessions rest on other proofs, and end."""
    member = session.get_one(Staff, address, with_for_update=True)
    count = session.scalar(select(func.count()).where(Passkey.staff == address)) or 0
    before, after = ({"name": member.name, "passkeys": number} for number in (count - more, count))
    why = ADDED if more > 0 else REMOVED
    minutes.record(session, contest, Act.PASSKEY, who=who, why=why, at=at, before=before, after=after)
    staff.revoke_all(session, at, address, but)
    outbox.post_to_staff(session, LetterKind.PASSKEY, [member], at)


def _check_name(session: Session, address: str, name: str) -> str:
    tidy = " ".join(name.split())
    if not 0 < len(tidy) <= LONGEST_NAME:
        raise Invalid(NAMELESS, field="name")
    if any(key.name == tidy for key in held(session, address)):
        raise Invalid(TAKEN, field="name")
    return tidy


def _house(site: str) -> Any:
    host = urlsplit(site).hostname
    return {"id": host, "name": host}


def _server(site: str) -> Fido2Server:
    from fido2.server import Fido2Server  # noqa: PLC0415 (read when a key answers: most processes never need it)

    return Fido2Server(_house(site), verify_origin=lambda said: said == _origin(site))


def _origin(site: str) -> str:
    """As browsers write it: in small letters, without the port that goes with the scheme."""
    address = urlsplit(site)
    usual = address.port in {None, {"http": 80, "https": 443}[address.scheme]}
    return f"{address.scheme}://{address.hostname}" + ("" if usual else f":{address.port}")


def _state(asked: Challenge) -> dict[str, Any]:
    return {"challenge": _text(asked.challenge), "user_verification": VERIFIED}


def _named(keys: Sequence[Passkey]) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": _text(key.id)} for key in keys]


def _text(raw: bytes) -> str:
    return encode(raw).decode()


def _understood(read: Callable[[], Read], refusal: Invalid) -> Read:
    """What the library makes of a browser's answer; it has no one name for an answer that is none."""
    try:
        return read()
    except Exception as problem:
        raise refusal from problem
