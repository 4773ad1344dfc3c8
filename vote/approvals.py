"""Two people: where the edition asks for it, one officer proposes an act and another one's approval makes it happen."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vote import contests, decisions, minutes
from vote.db import Database
from vote.errors import Conflict, Forbidden, Unknown
from vote.languages import Sentence
from vote.models import Act, Proposal
from vote.sealing import Sealer

OWN = Sentence("Une autre personne du bureau doit approuver : cette proposition est la vôtre.")
GONE = Sentence("Cette proposition n’attend plus de réponse.")


@dataclass(frozen=True, slots=True)
class Officer:
    """Who acts: a name for the minutes, and the address that tells two officers apart (empty for the operator)."""

    name: str
    address: str


def act(
    database: Database, sealer: Sealer, kind: Act, terms: dict[str, Any], *, by: Officer, why: str, at: datetime
) -> bool:
    """Do an act, or propose it where the edition asks for two people. Answers whether it was done.

    `terms` is what the act needs beyond a reason: for an extension, `until` as an ISO instant; for a decision on
    ballots set aside, the id of their `suspicion` in hexadecimal.
    """
    with database.reading() as session:
        contest = contests.read(session, sealer.contest)
    if contests.edition_of(contest.edition).people_to_act == 1:
        _do(database, sealer, kind, terms, who=by.name, why=why, at=at)
        return True
    reason = contests.check_reason(why)
    with database.writing() as session:
        session.add(
            Proposal(
                id=secrets.token_bytes(16),
                contest=sealer.contest,
                act=kind,
                terms=terms,
                proposer=by.address,
                who=by.name,
                why=reason,
                at=at,
            )
        )
        after = {"act": str(kind), **terms}
        minutes.record(session, sealer.contest, Act.PROPOSAL, who=by.name, why=reason, at=at, after=after)
    return False


def approve(database: Database, sealer: Sealer, proposal_id: bytes, *, by: Officer, at: datetime) -> None:
    """Make a proposed act happen. Refused to its own proposer; where the act itself is refused, the proposal stays."""
    with database.reading() as session:
        proposal = _open(session, sealer.contest, proposal_id)
    if proposal.proposer == by.address:
        raise Forbidden(OWN)
    who = f"{proposal.who}, avec l’accord de {by.name}"
    _do(database, sealer, Act(proposal.act), proposal.terms, who=who, why=proposal.why, at=at)
    with database.writing() as session:
        _open(session, sealer.contest, proposal_id).ended_at = at


def withdraw(database: Database, contest: str, proposal_id: bytes, *, by: Officer, why: str, at: datetime) -> None:
    """End a proposal without its act, by its proposer or by whoever disagrees; the minutes say who and why."""
    reason = contests.check_reason(why)
    with database.writing() as session:
        proposal = _open(session, contest, proposal_id)
        proposal.ended_at = at
        before = {"act": str(proposal.act), **proposal.terms}
        minutes.record(session, contest, Act.PROPOSAL, who=by.name, why=reason, at=at, before=before)


def waiting(session: Session, contest: str) -> Sequence[Proposal]:
    """Proposals that nobody has answered, oldest first."""
    rows = select(Proposal).where(Proposal.contest == contest, Proposal.ended_at.is_(None)).order_by(Proposal.at)
    return session.scalars(rows).all()


def _do(
    database: Database, sealer: Sealer, kind: Act, terms: dict[str, Any], *, who: str, why: str, at: datetime
) -> None:
    if kind is Act.EXTENSION:
        until = datetime.fromisoformat(terms["until"])
        contests.extend(database, sealer.contest, until=until, who=who, why=why, at=at)
    elif kind is Act.CLOSURE:
        contests.close(database, sealer.contest, who=who, why=why, at=at)
    elif kind is Act.PUBLICATION:
        contests.publish(database, sealer, who=who, why=why, at=at)
    elif kind in {Act.ADMISSION, Act.REJECTION}:
        suspicion = bytes.fromhex(terms["suspicion"])
        decisions.decide(database, sealer.contest, suspicion, kind, who=who, why=why, at=at)
    else:
        raise Conflict("« {kind} » n’est pas un acte du bureau.", kind=str(kind))


def _open(session: Session, contest: str, proposal_id: bytes) -> Proposal:
    proposal = session.get(Proposal, proposal_id)
    if proposal is None or proposal.contest != contest:
        raise Unknown("Cette proposition n’existe pas.")
    if proposal.ended_at is not None:
        raise Conflict(GONE)
    return proposal
