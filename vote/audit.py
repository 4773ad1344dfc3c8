"""The audit: recounts everything and says in words what agrees and what does not."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from vote import contests, minutes, tally


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in a sentence for a juror."""

    holds: bool
    sentence: str


def audit(session: Session, contest_slug: str) -> list[Finding]:
    """Every check of the database, in the order a juror would ask for them."""
    contest = contests.read(session, contest_slug)
    balance = tally.balance(session, contest_slug)
    recount = tally.recount(session, contest_slug)
    running = tally.running_count(session, contest_slug)
    lines = minutes.read(session, contest_slug)
    broken = minutes.broken_at(lines)
    findings = [
        Finding(
            balance.signatures == balance.ballots,
            f"{balance.signatures} signatures in the poll book, {balance.ballots} ballots.",
        ),
        Finding(
            recount == running, f"{sum(recount.values())} ballots recounted, {balance.counted} in the running count."
        ),
        Finding(
            broken is None,
            f"{len(lines)} minutes, each following from the one before."
            if broken is None
            else f"Minute {broken} does not follow from the one before: it, or its neighbour, was changed.",
        ),
    ]
    if contest.results is not None:
        findings.append(Finding(contest.results["votes"] == recount, "The published votes are those of the ballots."))
    return findings
