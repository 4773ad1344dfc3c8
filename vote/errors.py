"""The refusals: a rule said no, in one human sentence that says what happened and what to do."""

from __future__ import annotations


class Refusal(Exception):
    """A rule said no. `errors` maps the form's fields concerned to sentences; "" stands for the whole form."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.errors = {field: sentence}


class Invalid(Refusal):
    """What was typed cannot be used; it can be corrected and sent again."""

    @classmethod
    def of(cls, errors: dict[str, str]) -> Invalid:
        """One refusal for several fields."""
        refusal = cls(" ".join(errors.values()))
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

    def __init__(self, sentence: str, *, retry_after: int = 10) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class TooMany(Refusal):
    """More was asked from here, or for this address, than one person or one house needs; later it may be again."""

    def __init__(self, sentence: str, *, retry_after: int, field: str = "") -> None:
        super().__init__(sentence, field=field)
        self.retry_after = retry_after


class Misuse(Exception):
    """What an operator asked cannot be done; the message is one sentence naming the thing and the reason."""
