"""The results: the published figures, and only those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from vote import contests, minutes, tally
from vote.editions import Laureate
from vote.models import Contest, Minute
from vote.tally import Standing


@dataclass(frozen=True, slots=True)
class Results:
    """What was published. `laureates` are by rank, equals in the order of the ballot."""

    contest: str
    laureates: Sequence[Standing]
    votes: int
    turnout: int

    @property
    def rejected(self) -> int:
        """Ballots that officers rejected, unopened: signed for, and not counted."""
        return self.turnout - self.votes

    @property
    def winners(self) -> list[Laureate]:
        """Who came first; several of them ex aequo, none where nobody voted."""
        return [row.laureate for row in self.laureates if row.first]

    @property
    def tie(self) -> bool:
        return len(self.winners) > 1


def read(session: Session, contest: Contest) -> tuple[Results | None, int, Sequence[Minute]]:
    """The results, the turnout, and the minutes; before publication no results and no minutes."""
    if contest.published_at is None or contest.results is None:
        return None, sum(hour.votes for hour in tally.hours(session, contest.slug)), ()
    rows = tally.standings(contests.edition_of(contest.edition), contest.results["votes"])
    turnout = contest.results["signatures"]
    published = Results(contest.slug, sorted(rows, key=lambda row: row.rank), contest.results["ballots"], turnout)
    return published, turnout, minutes.read(session, contest.slug)


def document(published: Results, lines: Sequence[Minute], note: str) -> dict[str, Any]:
    """The results as JSON; its keys are part of the contract with the outside."""
    return {
        "contest": published.contest,
        "laureates": [
            {"slug": row.laureate.slug, "name": row.laureate.name, "votes": row.votes, "share": row.tenths / 10}
            for row in published.laureates
        ],
        "votes": published.votes,
        "turnout": published.turnout,
        "set_aside": 0,  # the publication waits until none is
        "rejected": published.rejected,
        "checkpoint": note,
        "minutes": [minutes.document(line) for line in lines],
    }
