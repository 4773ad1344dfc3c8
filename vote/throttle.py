"""The throttle: how many letters one address, one network and the whole contest may ask for, and what heat costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vote import signals
from vote.editions import Screening
from vote.errors import TooMany
from vote.languages import Sentence
from vote.proofs import Toll
from vote.signals import BURST, SUSTAINED

WIDER = 8  # the larger of two networks may ask for so many times more

LETTERS = Sentence(
    "Plusieurs lettres sont déjà parties pour cette adresse : cherchez la dernière, aussi parmi les indésirables, "
    "ou réessayez plus tard."
)
NETWORK = Sentence(
    "Trop de demandes viennent de votre réseau en ce moment : réessayez dans quelques minutes, votre saisie est gardée."
)
ALL = Sentence("Trop de demandes arrivent en ce moment : réessayez dans quelques minutes, votre saisie est gardée.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request shows of itself, as marks. `networks` are narrowest first; `proof` is of a solved challenge."""

    address: bytes
    networks: tuple[bytes, ...]
    domain: bytes | None
    contest: bytes
    proof: bytes | None = None
    unproved: bool = False

    def marks(self) -> Iterable[bytes]:
        return filter(None, (self.address, *self.networks, self.domain, self.contest, self.proof))


def judge(session: Session, figures: Screening, asked: Sequence[Asked], at: datetime) -> list[TooMany | Toll | None]:
    """Count these requests, refused ones too, and say what stands in the way of each; None where nothing does.

    Under heat, a proof of work not spent before lets through, and so does saying that there is none: the ballot is then
    set aside.
    """
    total = Counter(mark for one in asked for mark in one.marks())
    seen = signals.ask(session, total, at)
    # Counts only grow: whom nothing stops with all of these counted, nothing has stopped before.
    if not any(_stop(figures, one, seen, at) for one in asked):
        return [None] * len(asked)
    nth: Counter[bytes] = Counter()
    verdicts: list[TooMany | Toll | None] = []
    for one in asked:
        nth.update(one.marks())
        so_far = {
            (mark, span): seen[mark, span] - total[mark] + nth[mark]
            for mark in one.marks()
            for span in (BURST, SUSTAINED)
        }
        verdicts.append(_stop(figures, one, so_far, at))
    return verdicts


def _stop(
    figures: Screening, one: Asked, so_far: Mapping[tuple[bytes, int], int], at: datetime
) -> TooMany | Toll | None:
    return _over(figures, one, so_far, at) or _toll(figures, one, so_far)


def _over(figures: Screening, one: Asked, so_far: Mapping[tuple[bytes, int], int], at: datetime) -> TooMany | None:
    networks = [(mark, figures.asked_per_network, WIDER**place, NETWORK) for place, mark in enumerate(one.networks)]
    for mark, (burst, sustained), times, sentence in (
        (one.address, figures.letters_per_address, 1, LETTERS),
        *networks,
        (one.contest, figures.asked_in_all, 1, ALL),
    ):
        if so_far[mark, SUSTAINED] > sustained * times:
            return TooMany(sentence, retry_after=_until_next(at, SUSTAINED))
        if so_far[mark, BURST] > burst * times:
            return TooMany(sentence, retry_after=_until_next(at, BURST))
    return None


def _toll(figures: Screening, one: Asked, so_far: Mapping[tuple[bytes, int], int]) -> Toll | None:
    network, domain, contest = figures.hot
    heats = [so_far[mark, BURST] / (network * WIDER**place) for place, mark in enumerate(one.networks)]
    heats += [so_far[one.domain, BURST] / domain] if one.domain else []
    heat = max(*heats, so_far[one.contest, BURST] / contest, 0)
    if heat <= 1 or one.unproved or (one.proof is not None and so_far[one.proof, SUSTAINED] == 1):
        return None
    return Toll(heat)


def _until_next(at: datetime, span: int) -> int:
    end = signals.window(at, span) + timedelta(minutes=span)
    return max(1, round((end - at).total_seconds()))
