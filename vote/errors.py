"""The refusals: a rule said no, in one human sentence that says what happened and what to do."""

from __future__ import annotations

from typing import Any

from vote.languages import Sentence, together


class Refusal(Exception):
    """A rule said no. `errors` maps the form's fields concerned to sentences; "" stands for the whole form.

    `values` are those of the sentence, which is said to each reader in their own language.
    """

    def __init__(self, sentence: str, *, field: str = "", **values: Any) -> None:
        self.sentence = sentence if isinstance(sentence, Sentence) else Sentence(sentence, **values)
        super().__init__(self.sentence)
        self.errors = {field: self.sentence}


class Invalid(Refusal):
    """What was typed cannot be used; it can be corrected and sent again."""

    @classmethod
    def of(cls, errors: dict[str, Sentence]) -> Invalid:
        """One refusal for several fields."""
        refusal = cls(together(errors.values()))
        refusal.errors = dict(errors)
        return refusal


class Unknown(Refusal):
    """Nothing is here under that name."""


class Forbidden(Refusal):
    """This person may not do this."""


class Conflict(Refusal):
    """The state of the contest, or of the ballot, does not allow it: not open, closed, already done."""


class AlreadyCounted(Conflict):
    """This person, who has just proved the address, has voted before."""


class Expired(Refusal):
    """The letter's code or link no longer works; a new letter does."""


class Unavailable(Refusal):
    """Nothing was done, through no fault of the person; the same request may succeed in `retry_after` seconds."""

    def __init__(self, sentence: str, *, retry_after: int = 10, **values: Any) -> None:
        super().__init__(sentence, **values)
        self.retry_after = retry_after


class TooMany(Refusal):
    """More was asked from here, or for this address, than one person or one house needs; later it may be again."""

    def __init__(self, sentence: str, *, retry_after: int, field: str = "") -> None:
        super().__init__(sentence, field=field)
        self.retry_after = retry_after


class Misuse(Exception):
    """What an operator asked cannot be done; the message is one sentence naming the thing and the reason."""
