"""The only reader of the time; everything else is given its moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


@dataclass(frozen=True)
class RunningClock:
    """The machine's clock, shifted by `offset` (zero outside the demo)."""

    offset: timedelta = timedelta(0)

    @classmethod
    def from_instant(cls, start: datetime) -> RunningClock:
        """A clock that shows `start` now and runs from there."""
        return cls(start - datetime.now(UTC))  # noqa: TID251

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset  # noqa: TID251
