"""Jurors and officers: who they are, and how they prove it without a password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, select, true, update
from sqlalchemy.orm import Session

from vote import contests, minutes, outbox
from vote.addresses import Address
from vote.db import Database
from vote.errors import Expired, Invalid, Misuse
from vote.languages import Sentence
from vote.models import TRIES, Act, Challenge, LetterKind, Passkey, Role, SignIn, Staff, StaffSession
from vote.outbox import NewLetter
from vote.rows import insert
from vote.tokens import Keys

PURPOSE = "sign-in"
SIGN_IN_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(hours=12)
FRESH_FOR = timedelta(minutes=15)  # for so long after a proof of the mailbox an officer acts without another one
CHALLENGE_LASTS = timedelta(minutes=5)  # for a passkey to answer
DAY = timedelta(days=1)

# Who tries codes without end has found none with these: 20 of a million in a day. Links in letters go on working.
LETTERS_EACH, LETTERS_IN_ALL = 5, 100  # while a sign-in lasts
TRIES_EACH, TRIES_IN_ALL = 20, 100  # in a day

WRONG = Sentence("Ce code n’est pas le bon : relisez la dernière lettre reçue, ou ouvrez son lien.")
LATE = Sentence("Ce code ou ce lien n’est plus valable : demandez-en un nouveau.")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody signed in. `session` identifies the open session; `opened_at` is when they last proved to be there."""

    name: str
    role: Role
    address: str
    witness: bool
    session: bytes
    opened_at: datetime


def add(
    database: Database,
    contest: str,
    address: Address,
    name: str,
    role: Role,
    at: datetime,
    who: str,
    language: str | None = None,
) -> None:
    """Enter a member, or give a known one another name, role or language.

    The minutes name the person, not the address, and are silent about languages. Raises Misuse.
    """
    if not name.strip():
        raise Misuse("The name is empty: give --name, the minutes call people by it.")
    with database.writing() as session:
        contests.read(session, contest)
        known = session.get(Staff, address.canonical)
        before = {"name": known.name, "role": str(known.role)} if known else None
        if known and language:
            known.language = language
        after = {"name": name, "role": str(role)}
        if before == after:
            return
        session.merge(
            Staff(address=address.canonical, name=name, role=role, **{"language": language} if language else {})
        )
        revoke_all(session, at, address.canonical)
        minutes.record(
            session, contest, Act.STAFF, who=who, why=Sentence("Inscription."), at=at, before=before, after=after
        )


def ask(database: Database, address: Address, at: datetime, language: str) -> bytes:
    """Post a letter to this address if it is a member's, who had not too many of them lately.

    Answers an id that says nothing about which it was.
    """
    identifier = secrets.token_bytes(16)
    with database.writing() as session:
        if session.get(Staff, address.canonical) is not None and _may_be_written_to(session, address.canonical, at):
            session.add(SignIn(id=identifier, staff=address.canonical, expires_at=at + SIGN_IN_LASTS, attempts=0))
            session.flush()
            outbox.post(session, [NewLetter(identifier, LetterKind.SIGN_IN, address.typed, language)], at)
    return identifier


def invite(database: Database, keys: Keys, address: Address, at: datetime) -> str:
    """A one-time token for a member, to be handed over by the operator instead of a letter. Raises Misuse."""
    identifier = secrets.token_bytes(16)
    with database.writing() as session:
        if session.get(Staff, address.canonical) is None:
            raise Misuse("Nobody is entered under this address: run `vote staff add` first.")
        session.add(SignIn(id=identifier, staff=address.canonical, expires_at=at + SESSION_LASTS, attempts=0))
    return keys.sign_id(PURPOSE, identifier)


def enter_by_link(database: Database, keys: Keys, token: str, at: datetime, language: str) -> str:
    """Open a session and answer the value of its cookie; letters are in this language from then on.

    Whoever holds passkeys has a challenge under this cookie instead, and no session: see `passkeys.enter`. A link
    serves once. Raises Expired.
    """
    identifier = keys.read_id(PURPOSE, token)
    with database.writing() as session:
        sign_in = _usable(session, identifier, at)
        if sign_in is None:
            raise Expired(LATE)
        return _open(session, sign_in, at, language)


def enter_by_code(database: Database, keys: Keys, identifier: bytes, code: str, at: datetime, language: str) -> str:
    """The same by a code: five tries for one, few in a day. Raises Invalid."""
    with database.writing() as session:
        sign_in = _proved(session, keys, identifier, code, at)
        if sign_in is not None:
            return _open(session, sign_in, at, language)
    # One answer for a wrong code and for an address that is nobody's, and the try above is committed.
    raise Invalid(WRONG, field="code")


def prove_again(database: Database, keys: Keys, who: Member, identifier: bytes, code: str, at: datetime) -> None:
    """Make an open session fresh by a code that was just mailed to its member. Raises Invalid."""
    with database.writing() as session:
        sign_in = _proved(session, keys, identifier, code, at)
        if sign_in is not None and sign_in.staff == who.address:
            sign_in.used_at = at
            freshen(session, who, at)
            return
    raise Invalid(WRONG, field="code")


def freshen(session: Session, who: Member, at: datetime) -> None:
    """They have proved once more to be there."""
    session.execute(update(StaffSession).where(StaffSession.id == who.session).values(opened_at=at))


def open_session(session: Session, address: str, at: datetime) -> str:
    """A new session of this canonical address, whose proofs are complete; answers the value of its cookie."""
    cookie = secrets.token_urlsafe(32)
    session.add(StaffSession(id=session_id(cookie), staff=address, opened_at=at, expires_at=at + SESSION_LASTS))
    return cookie


def challenge(session: Session, holder: bytes, address: str, at: datetime) -> None:
    """Something new for this member's passkeys to sign, in place of what this holder was asked before."""
    row = {"staff": address, "challenge": secrets.token_bytes(32), "expires_at": at + CHALLENGE_LASTS}
    statement = insert(session, Challenge).values(holder=holder, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["holder"], set_=row))


def holds_passkeys(session: Session, address: str) -> bool:
    return session.scalar(select(Passkey.id).where(Passkey.staff == address).limit(1)) is not None


def link_is_usable(session: Session, keys: Keys, token: str, at: datetime) -> bool:
    return _usable(session, keys.read_id(PURPOSE, token), at, lock=False) is not None


def member(session: Session, cookie: str | None, at: datetime) -> Member | None:
    """Who holds this cookie, if its session is open at `at`."""
    if not cookie:
        return None
    row = session.execute(
        select(Staff.name, Staff.role, Staff.address, Staff.witness, StaffSession.id, StaffSession.opened_at)
        .join(Staff, Staff.address == StaffSession.staff)
        .where(StaffSession.id == session_id(cookie), StaffSession.expires_at > at, StaffSession.revoked_at.is_(None))
    ).first()
    return Member(row.name, Role(row.role), row.address, row.witness, row.id, row.opened_at) if row else None


def leave(database: Database, cookie: str | None, at: datetime) -> None:
    """Revoke this session; any other of the same person stays."""
    with database.writing() as session:
        session.execute(update(StaffSession).where(StaffSession.id == session_id(cookie or "")).values(revoked_at=at))


def revoke_all(session: Session, at: datetime, address: str | None = None, but: bytes = b"") -> int:
    """End every session of this canonical address, or of everybody, but one. Answers how many were open."""
    ours = StaffSession.staff == address if address is not None else true()
    rows = update(StaffSession).where(ours, StaffSession.id != but, StaffSession.revoked_at.is_(None))
    return len(session.execute(rows.values(revoked_at=at).returning(StaffSession.id)).all())


def tidy(session: Session, at: datetime) -> None:
    """Forget sign-ins and sessions that have been over for a day, and challenges that are late."""
    session.execute(delete(Challenge).where(Challenge.expires_at <= at))
    session.execute(delete(SignIn).where(SignIn.expires_at < at - DAY))
    session.execute(delete(StaffSession).where(StaffSession.expires_at < at - DAY))


def _usable(session: Session, identifier: bytes | None, at: datetime, *, lock: bool = True) -> SignIn | None:
    sign_in = session.get(SignIn, identifier, with_for_update=lock) if identifier else None
    if sign_in is None or sign_in.used_at is not None or sign_in.expires_at <= at:
        return None
    return sign_in


def _proved(session: Session, keys: Keys, identifier: bytes, code: str, at: datetime) -> SignIn | None:
    """The sign-in of this id if `code` is its own; else None, and the try is counted."""
    sign_in = _usable(session, identifier, at)
    if sign_in is None or sign_in.attempts >= TRIES:
        return None
    rows = select(_where_staff(func.sum(SignIn.attempts), sign_in.staff), func.sum(SignIn.attempts))
    own, in_all = session.execute(rows.where(SignIn.expires_at > at - DAY)).one()
    if (own or 0) >= TRIES_EACH or (in_all or 0) >= TRIES_IN_ALL:
        return None
    if keys.proves(PURPOSE, identifier, code):
        return sign_in
    sign_in.attempts += 1
    return None


def _may_be_written_to(session: Session, address: str, at: datetime) -> bool:
    # A link of the operator's lasts longer than a letter's, and counts for none.
    asked = (SignIn.expires_at > at) & (SignIn.expires_at <= at + SIGN_IN_LASTS)
    own, in_all = session.execute(select(_where_staff(func.count(), address), func.count()).where(asked)).one()
    return bool(own < LETTERS_EACH and in_all < LETTERS_IN_ALL)


def _where_staff(figure: Any, address: str) -> Any:
    return figure.filter(SignIn.staff == address)


def _open(session: Session, sign_in: SignIn, at: datetime, language: str) -> str:
    sign_in.used_at = at
    # Locked: a first passkey that is being added meanwhile ends the session that this opens, or is asked for here.
    session.get_one(Staff, sign_in.staff, with_for_update=True).language = language
    if not holds_passkeys(session, sign_in.staff):
        return open_session(session, sign_in.staff, at)
    cookie = secrets.token_urlsafe(32)
    challenge(session, session_id(cookie), sign_in.staff, at)
    return cookie


def session_id(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()
