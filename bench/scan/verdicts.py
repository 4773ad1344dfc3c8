"""What to think of what wapiti says, sentence by sentence; what is not listed here is an objection."""

from __future__ import annotations

import re

VERDICTS: tuple[tuple[str, str, str, str], ...] = (
    # what it is called          in which words       in which set-up    and what to think of it
)


def judge(name: str, what: str, prey: str) -> str | None:
    """The sentence on a finding; None where nobody has thought about it."""
    for called, words, where, verdict in VERDICTS:
        if called == name and re.search(words, what) and re.search(where, prey):
            return verdict
    return None
