"""The vote: a mailbox is proved and a ballot cast, once for each person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote import ballot_box, contests, envelope, marks, poll_book, proving, screening, signals, tally
from vote.db import Database
from vote.errors import AlreadyCounted, Conflict, Expired, Invalid, Refusal
from vote.languages import Sentence
from vote.models import VERIFICATION_LASTS, Contest, Envelope, RejectedBallot, State
from vote.proving import Proving, WrongCode
from vote.rows import AMONG, insert, insert_all, look
from vote.rules import Arrival
from vote.tokens import Keys

FILLED = "ballot_code", "contest", "laureate", "salt", "window_at", "suspicion", "network", "domain", "gap"
WAITING_AMONG = select(Envelope.ballot_code, Envelope.aside()).where(Envelope.ballot_code.in_(AMONG))
REJECTED_AMONG = select(RejectedBallot.ballot_code).where(RejectedBallot.ballot_code.in_(AMONG))

CHOOSE = Sentence("Choisissez une des structures lauréates : aucune n’est cochée.")
ALREADY = Sentence("Un vote est déjà compté pour cette adresse ; un vote est définitif, il n’y a rien d’autre à faire.")


@dataclass(frozen=True, slots=True)
class Booth:
    """Where ballots are cast: one contest on one database. `slot` is this process's share of the running count."""

    database: Database
    keys: Keys
    contest: str
    mixing: timedelta
    slot: int = 0
    screening: bool = True


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A ballot to cast. `code` is what was typed; None where a signed link has proved the mailbox.

    `network` is the mark of where it comes from; `cast_before` counts the votes that this browser has cast.
    """

    verification_id: bytes
    ballot_code: bytes
    laureate: str | None
    code: str | None = None
    network: bytes | None = None
    cast_before: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ballot is cast, durably; `repeated` where it already was; `aside` where officers will decide on it."""

    ballot_code: bytes
    repeated: bool = False
    aside: bool = False


def confirm(booth: Booth, confirmations: Sequence[Confirmation], at: datetime) -> list[Receipt | Refusal]:
    """Cast each ballot whose mailbox is proved, in one transaction. Answers in order; one refusal concerns one voter.

    From the commit on, the poll book is signed, the ballot lies in its envelope and the running count has moved. Who
    confirms the same ballot again gets the same receipt, after the closure too.
    """
    with booth.database.writing(brief=True) as session:
        contest = contests.shared(session, booth.contest)
        verifications = proving.locked(session, (confirmation.verification_id for confirmation in confirmations))
        outcomes: dict[int, Receipt | Refusal] = {}
        proven: dict[int, Proving] = {}
        for place, confirmation in enumerate(confirmations):
            verification = verifications.get(confirmation.verification_id)
            refusal = proving.judge(booth.keys, verification, confirmation.code, at)
            if refusal is not None or verification is None:
                outcomes[place] = refusal or Expired(proving.LATE)
            else:
                proven[place] = verification
        proving.note_tries(session, verifications.values())
        if contest.is_open(at):
            outcomes |= _cast(booth, session, contest, confirmations, proven, at)
        _find_again(booth, session, confirmations, proven, outcomes)
        for place in proven.keys() - outcomes.keys():
            outcomes[place] = Invalid(CHOOSE, field="laureate") if contest.is_open(at) else not_open(contest, at)
        return [outcomes[place] for place in range(len(confirmations))]


def find_receipt(session: Session, ballot_code: bytes) -> Receipt | None:
    """The receipt of a ballot that was cast, or None."""
    found = _cast_among(session, {ballot_code})
    return Receipt(ballot_code, aside=found[ballot_code]) if found else None


def not_open(contest: Contest, at: datetime) -> Conflict:
    if contest.state(at) is State.BEFORE:
        return Conflict("Le vote n’est pas encore ouvert : il ouvre le {opens_at:instant}.", opens_at=contest.opens_at)
    if contest.closed_at is not None:
        return Conflict(
            "Le vote est clos depuis le {closed_at:instant} : ce bulletin n’a pas été compté.",
            closed_at=contest.closed_at,
        )
    return Conflict(
        "Le vote est clos depuis le {closes_at:last_moment} : ce bulletin n’a pas été compté.",
        closes_at=contest.closes_at,
    )


def _cast(
    booth: Booth,
    session: Session,
    contest: Contest,
    confirmations: Sequence[Confirmation],
    proven: dict[int, Proving],
    at: datetime,
) -> dict[int, Receipt | Refusal]:
    """Sign, fill the envelopes and move the count for every proven voter who had not signed. Answers by place."""
    first: dict[bytes, int] = {}
    for place, verification in proven.items():
        if confirmations[place].laureate is not None:
            first.setdefault(verification.voter_key, place)
    signed = poll_book.sign(session, booth.contest, first)
    places = [place for voter_key, place in first.items() if voter_key in signed]
    if not places:
        return {}
    arrivals = [_arrival(booth.keys, confirmations[place], proven[place], at) for place in places]
    suspicions, leaving = _screened(booth, session, contest, arrivals, at)
    window_at = _window(at, booth.mixing)
    envelopes = [
        (
            confirmations[place].ballot_code,
            booth.contest,
            confirmations[place].laureate,
            envelope.new_salt(),
            window_at,
            suspicion,
            arrival.network,
            arrival.domain.mark if arrival.domain else None,
            arrival.gap,
        )
        for place, arrival, suspicion in zip(places, arrivals, suspicions, strict=True)
    ]
    insert_all(session, insert(session, Envelope), FILLED, envelopes)
    counting = zip(places, suspicions, strict=True)
    votes = Counter(str(confirmations[place].laureate) for place, suspicion in counting if suspicion is None)
    votes.subtract(leaving)
    tally.move(session, booth.contest, booth.slot, votes, len(places), at)
    return {
        place: Receipt(confirmations[place].ballot_code, aside=suspicion is not None)
        for place, suspicion in zip(places, suspicions, strict=True)
    }


def _arrival(keys: Keys, confirmation: Confirmation, verification: Proving, at: datetime) -> Arrival:
    left_at = verification.expires_at - VERIFICATION_LASTS
    return Arrival(
        network=confirmation.network,
        domain=marks.domain(keys, verification.domain) if verification.domain else None,
        gap=signals.step((at - left_at).total_seconds()),
        doubt=verification.doubt,
        cast_before=confirmation.cast_before,
    )


def _screened(
    booth: Booth, session: Session, contest: Contest, arrivals: Sequence[Arrival], at: datetime
) -> tuple[list[bytes | None], Counter[str]]:
    if not booth.screening:
        return [None] * len(arrivals), Counter()
    mark, figures = marks.contest(booth.keys, booth.contest), contests.edition_of(contest.edition).figures
    return screening.suspect(session, booth.contest, mark, figures, arrivals, at)


def _find_again(
    booth: Booth,
    session: Session,
    confirmations: Sequence[Confirmation],
    proven: dict[int, Proving],
    outcomes: dict[int, Receipt | Refusal],
) -> None:
    """Answer those whose vote was counted before: with their receipt where their browser holds it."""
    left = [place for place in proven if place not in outcomes]
    left += [place for place, outcome in outcomes.items() if isinstance(outcome, Expired | WrongCode)]
    if not left:
        return
    found = _cast_among(session, {confirmations[place].ballot_code for place in left})
    voters: dict[int, bytes] = {}
    for place in left:
        if (code := confirmations[place].ballot_code) in found:
            outcomes[place] = Receipt(code, repeated=True, aside=found[code])
        elif place in proven:
            voters[place] = proven[place].voter_key
    signed = poll_book.signed_among(session, booth.contest, voters.values())
    for place, voter_key in voters.items():
        if voter_key in signed:
            outcomes[place] = AlreadyCounted(ALREADY)


def _cast_among(session: Session, codes: Set[bytes]) -> dict[bytes, bool]:
    """Those of these ballots that were cast, and whether each is set aside, or was rejected."""
    found = {code: bool(aside) for code, aside in look(session, WAITING_AMONG, codes)}
    left = codes - found.keys()
    rejected = [code for (code,) in look(session, REJECTED_AMONG, left)]
    return found | dict.fromkeys(rejected, True) | dict.fromkeys(ballot_box.sealed_among(session, left), False)


def _window(at: datetime, mixing: timedelta) -> datetime:
    """The start of the mixing window of a ballot: the next one in the last sixth of each, so that no ballot is sealed
    before what follows it may have set it aside."""
    seconds = int(mixing.total_seconds())
    return datetime.fromtimestamp(int((at + mixing / 6).timestamp()) // seconds * seconds, UTC)
