"""The postman's tray: no provider, however slow, keeps the letters of the others waiting."""

from __future__ import annotations

from vote.models import LetterKind
from vote.outbox import Posted
from vote.postman import InHand, Tray


def letter(address: str, taken: float = 0.0) -> InHand:
    return InHand(Posted(address.encode(), LetterKind.VOTE, address, "fr", 1), b"...", taken)


def addresses(*found: InHand | None) -> list[str | None]:
    return [one.letter.address if one else None for one in found]


def test_a_provider_has_half_of_the_carriers_at_most_and_the_others_pass() -> None:
    tray = Tray(most=2)
    tray.put([letter(f"v{number}@slow.example") for number in range(5)])
    tray.put([letter("marie@quick.example")])
    first, second, third, none = (tray.pick() for _ in range(4))
    assert addresses(first, second) == ["v0@slow.example", "v1@slow.example"]
    assert addresses(third, none) == ["marie@quick.example", None]
    assert first is not None
    tray.done(first)
    assert addresses(tray.pick(), tray.pick()) == ["v2@slow.example", None]


def test_what_waited_too_long_can_be_taken_out_and_the_rest_stays() -> None:
    tray = Tray(most=1)
    tray.put([letter("old@example.org", 1.0), letter("new@example.org", 9.0)])
    assert [posted.address for posted in tray.take_out(5.0)] == ["old@example.org"]
    assert addresses(tray.pick(), tray.pick()) == ["new@example.org", None]
