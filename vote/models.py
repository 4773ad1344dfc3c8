"""The tables, their constraints and their predicates; no queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from vote.db import Instant

TRIES = 5
VERIFICATION_LASTS = timedelta(minutes=30)

# Tables that must not tell the order of arrival have random keys and, on SQLite, no rowid.
UNORDERED = {"sqlite_with_rowid": False}


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, bytes: LargeBinary, str: Text, dict[str, Any]: JSON}  # noqa: RUF012


class State(StrEnum):
    """What a contest is at an instant: which of its instants are set, and what the clock says."""

    BEFORE = "before"
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"


class Contest(Table):
    """The question put to the public. `edition` is the canonical JSON of its edition file."""

    __tablename__ = "contests"
    __table_args__ = (CheckConstraint("opens_at < closes_at", name="opens_before_it_closes"),)

    slug: Mapped[str] = mapped_column(primary_key=True)
    edition: Mapped[str]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    results: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    def is_open(self, at: datetime) -> bool:
        """Whether a ballot may be cast at `at`. The deadline itself is too late."""
        # Published: the clock of a node may be slow, or its voter have waited across the deadline and the publication.
        ended = self.closed_at is not None or self.published_at is not None
        return not ended and self.opens_at <= at < self.closes_at

    def state(self, at: datetime) -> State:
        if self.published_at is not None:
            return State.PUBLISHED
        if self.is_open(at):
            return State.OPEN
        return State.BEFORE if self.closed_at is None and at < self.opens_at else State.CLOSED

    @property
    def ended_at(self) -> datetime:
        """When voting ends, or ended: at the deadline, or at an earlier closure."""
        return self.closed_at or self.closes_at


class Laureate(Table):
    __tablename__ = "laureates"

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)


class Signature(Table):
    """One line of the poll book. The primary key is the rule: one person, one vote."""

    __tablename__ = "poll_book"
    __table_args__ = UNORDERED

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    voter_key: Mapped[bytes] = mapped_column(primary_key=True)


class Act(StrEnum):
    """What a minute records."""

    EDITION = "edition"
    STAFF = "staff"
    CONSULTATION = "consultation"
    EXTENSION = "extension"
    CLOSURE = "closure"
    PUBLICATION = "publication"
    PROPOSAL = "proposal"
    ADMISSION = "admission"
    REJECTION = "rejection"
    PURGE = "purge"
    RESTORATION = "restoration"
    PASSKEY = "passkey"


class Rule(StrEnum):
    """Why a ballot is set aside; the rules page says each in words, with its figures."""

    THROWAWAY = "throwaway"
    TRAP = "trap"
    UNPROVED = "unproved"
    BROWSER = "browser"
    MACHINE = "machine"
    QUICK = "quick"
    STORED = "stored"
    DOMAINS = "domains"
    HOSTS = "hosts"
    SURGE = "surge"
    NIGHT = "night"


class Delivery(StrEnum):
    """What became of the last letter of a verification."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


class Verification(Table):
    """A mailbox being proved. Its code is derived from the id and never stored."""

    __tablename__ = "verifications"
    __table_args__ = (CheckConstraint(f"attempts BETWEEN 0 AND {TRIES}", name="tries"), UNORDERED)

    id: Mapped[bytes] = mapped_column(primary_key=True)
    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"))
    voter_key: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    delivery: Mapped[Delivery] = mapped_column(Text, default=Delivery.WAITING)
    domain: Mapped[str] = mapped_column(default="", server_default="")
    doubt: Mapped[Rule | None] = mapped_column(Text)


class Disowned(Table):
    """An address whose owner said "that was not me": no letter goes there until the owner allows it again."""

    __tablename__ = "disowned"
    __table_args__ = UNORDERED

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    voter_key: Mapped[bytes] = mapped_column(primary_key=True)


class LetterKind(StrEnum):
    VOTE = "vote"
    SIGN_IN = "sign-in"
    CHECKPOINT = "checkpoint"
    ALERT = "alert"
    PASSKEY = "passkey"


class OutgoingLetter(Table):
    """A letter on its way, one for each verification or sign-in; gone once accepted or given up.

    It holds no code: the letter is written at the moment it leaves. `due_at` in the future is also the claim of the
    postman who has it in hand.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due_at", "due_at"), UNORDERED)

    id: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[LetterKind] = mapped_column(Text)
    address: Mapped[str]
    language: Mapped[str]
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    posted_at: Mapped[datetime | None]


class PostCount(Table):
    """How letters fared at one provider. Holds no address and no time: only how many, and within how many seconds."""

    __tablename__ = "post_counts"
    __table_args__ = UNORDERED

    provider: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    letters: Mapped[int]


SET_ASIDE = text("suspicion IS NOT NULL")


class Envelope(Table):
    """A cast ballot. `window_at` is the start of its mixing window; the marks are opaque, and gone with it.

    One under a suspicion is set aside: no lot takes it until that is decided.
    """

    __tablename__ = "envelopes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_envelopes_laureate"
        ),
        Index("ix_envelopes_suspicion", "suspicion", sqlite_where=SET_ASIDE, postgresql_where=SET_ASIDE),
        UNORDERED,
    )

    ballot_code: Mapped[bytes] = mapped_column(primary_key=True)
    contest: Mapped[str]
    laureate: Mapped[str]
    salt: Mapped[bytes]
    window_at: Mapped[datetime]
    suspicion: Mapped[bytes | None]
    network: Mapped[bytes | None]
    domain: Mapped[bytes | None]
    gap: Mapped[int | None]

    @classmethod
    def aside(cls) -> ColumnElement[bool]:
        """Whether it is set aside."""
        return cls.suspicion.is_not(None)


class RejectedBallot(Table):
    """A ballot that officers rejected, unopened: its choice is destroyed, its code and the suspicion stay."""

    __tablename__ = "rejected_ballots"
    __table_args__ = UNORDERED

    ballot_code: Mapped[bytes] = mapped_column(primary_key=True)
    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"))
    suspicion: Mapped[bytes]


class Suspicion(Table):
    """What is wrong with which ballots: a rule, and the marks that all of them share; None stands for any.

    `name` is the domain or the mail server where it has one, `facts` what was counted and what is normal when it was
    opened. Once admitted, the same marks are suspected no more.
    """

    __tablename__ = "suspicions"

    id: Mapped[bytes] = mapped_column(primary_key=True)
    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"))
    rule: Mapped[Rule] = mapped_column(Text)
    network: Mapped[bytes | None]
    domain: Mapped[bytes | None]
    gap: Mapped[int | None]
    name: Mapped[str]
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    verdict: Mapped[Act | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    host: Mapped[bytes | None]


class Signal(Table):
    """How often an opaque mark was seen in one window: letters asked for, and votes by the time they took.

    `span` is the window's length in minutes. `private` are votes from domains that are no common provider's, `hosted`
    those of them whose mail host was looked up, `domains` those domains. Column gapN counts votes that took as long as
    the Nth step of `signals.STEPS` says.
    """

    __tablename__ = "signals"
    __table_args__ = UNORDERED

    mark: Mapped[bytes] = mapped_column(primary_key=True)
    span: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    window_at: Mapped[datetime] = mapped_column(primary_key=True)
    asked: Mapped[int]
    private: Mapped[int]
    domains: Mapped[int]
    gap0: Mapped[int]
    gap1: Mapped[int]
    gap2: Mapped[int]
    gap3: Mapped[int]
    gap4: Mapped[int]
    gap5: Mapped[int]
    gap6: Mapped[int]
    gap7: Mapped[int]
    hosted: Mapped[int] = mapped_column(default=0, server_default="0")


class MailHost(Table):
    """Which server took a private domain's letters when one last left for it; `host` is empty where that tells nothing.

    Holds no domain in words, but the server's `name` often is one: it is kept for a day.
    """

    __tablename__ = "mail_hosts"
    __table_args__ = UNORDERED

    domain: Mapped[bytes] = mapped_column(primary_key=True)
    host: Mapped[bytes] = mapped_column(index=True)
    name: Mapped[str]
    at: Mapped[datetime]


class SealedBallot(Table):
    """One ballot in the box. Nothing here tells when it arrived: within a lot, position follows the random code."""

    __tablename__ = "ballot_box"
    __table_args__ = (
        ForeignKeyConstraint(["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_box_laureate"),
        UniqueConstraint("ballot_code"),
        UNORDERED,
    )

    contest: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ballot_code: Mapped[bytes]
    laureate: Mapped[str]
    salt: Mapped[bytes]
    commitment: Mapped[bytes]


class Lot(Table):
    """Envelopes opened and sealed together: ballots from `start` up to `size`."""

    __tablename__ = "lots"

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start: Mapped[int]
    size: Mapped[int]
    sealed_at: Mapped[datetime]


class Tile(Table):
    """Hashes of the box's Merkle tree, 256 at most in one row."""

    __tablename__ = "tiles"
    __table_args__ = UNORDERED

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class SignedCheckpoint(Table):
    """A checkpoint as it was signed and shown; `note` says everything, the rest is there to be searched."""

    __tablename__ = "checkpoints"

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    note: Mapped[str]
    at: Mapped[datetime]


class Lease(Table):
    """What only one node does at a time, who does it, and until when nobody else may."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[bytes]
    until: Mapped[datetime]


class RunningCount(Table):
    """Live votes of one laureate, spread over slots so that nodes never wait for each other."""

    __tablename__ = "running_count"
    __table_args__ = (
        ForeignKeyConstraint(
            ["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_running_count_laureate"
        ),
        UNORDERED,
    )

    contest: Mapped[str] = mapped_column(primary_key=True)
    laureate: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    votes: Mapped[int]


class Turnout(Table):
    """Signatures of the poll book in one hour, spread over slots likewise."""

    __tablename__ = "turnout"
    __table_args__ = UNORDERED

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    hour_at: Mapped[datetime] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    votes: Mapped[int]


class Minute(Table):
    """One line of the public record. Its hash covers its content and the hash of the line before."""

    __tablename__ = "minutes"

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    act: Mapped[Act] = mapped_column(Text)
    who: Mapped[str]
    why: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    hash: Mapped[bytes]


class Role(StrEnum):
    JUROR = "juror"
    OFFICER = "officer"


class Staff(Table):
    """A juror or an officer. `language` is the one of the page by which they last came in; letters are in it."""

    __tablename__ = "staff"

    address: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(Text)
    witness: Mapped[bool] = mapped_column(default=False, server_default=false())
    language: Mapped[str] = mapped_column(default="fr", server_default="fr")


class SignIn(Table):
    """A staff mailbox being proved; `used_at` makes it serve once."""

    __tablename__ = "sign_ins"
    __table_args__ = (CheckConstraint(f"attempts BETWEEN 0 AND {TRIES}", name="tries"),)

    id: Mapped[bytes] = mapped_column(primary_key=True)
    staff: Mapped[str] = mapped_column(ForeignKey("staff.address"))
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class StaffSession(Table):
    """An open session. `id` is the SHA-256 of the cookie's value: reading this table opens nothing."""

    __tablename__ = "sessions"

    id: Mapped[bytes] = mapped_column(primary_key=True)
    staff: Mapped[str] = mapped_column(ForeignKey("staff.address"))
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Passkey(Table):
    """A key that a member proves beside the mailbox. `public` is its attested credential data, `uses` its sign count.

    `name` is the member's own word for it.
    """

    __tablename__ = "passkeys"
    __table_args__ = (UniqueConstraint("staff", "name"),)

    id: Mapped[bytes] = mapped_column(primary_key=True)
    staff: Mapped[str] = mapped_column(ForeignKey("staff.address"))
    name: Mapped[str]
    public: Mapped[bytes]
    uses: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime]


class Challenge(Table):
    """What a key is asked to sign, once and soon; one at a time for each session.

    `holder` is the id of that session, or the SHA-256 of the cookie of a sign-in that has yet to become one.
    """

    __tablename__ = "challenges"

    holder: Mapped[bytes] = mapped_column(primary_key=True)
    staff: Mapped[str] = mapped_column(ForeignKey("staff.address"))
    challenge: Mapped[bytes]
    expires_at: Mapped[datetime]


class Inspection(Table):
    """An audit of the database and what it found, in each language; the latest is shown to jury and officers."""

    __tablename__ = "inspections"

    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    complaints: Mapped[list[dict[str, str]]] = mapped_column(JSON)


class Proposal(Table):
    """An act that one officer proposed and another must approve; `ended_at` is set once, by whom the minutes say."""

    __tablename__ = "proposals"

    id: Mapped[bytes] = mapped_column(primary_key=True)
    contest: Mapped[str] = mapped_column(ForeignKey("contests.slug"))
    act: Mapped[Act] = mapped_column(Text)
    terms: Mapped[dict[str, Any]]
    proposer: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
