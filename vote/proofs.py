"""Proofs of work, asked for under pressure alone: cheap for one voter, dear for a thousand (ALTCHA, version 1)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from altcha import v1 as altcha

from vote.tokens import Keys

LASTS = timedelta(minutes=20)
EASY = 40_000  # hashes at most where it is just hot: about a second on a telephone
HARDEST = 20


@dataclass(frozen=True, slots=True)
class Toll:
    """A proof of work is wanted before a letter leaves. `heat` says how many times over the threshold it is."""

    heat: float


def challenge(keys: Keys, toll: Toll, at: datetime) -> dict[str, Any]:
    """A new challenge, as the page's script and any ALTCHA client read it; harder the hotter it is."""
    most = round(EASY * min(toll.heat, HARDEST))
    options = altcha.ChallengeOptions(max_number=most, hmac_key=_key(keys.secrets[0]), expires=at + LASTS)
    made = altcha.create_challenge(options)
    return {
        "algorithm": made.algorithm,
        "challenge": made.challenge,
        "maxnumber": made.max_number,
        "salt": made.salt,
        "signature": made.signature,
    }


def solved(keys: Keys, payload: str, at: datetime) -> str | None:
    """The challenge that this payload (base64 of JSON) solves at `at`, or None. Whether it was spent is not known here.

    A challenge ends with its day (UTC): so does the count by which a spent one is known.
    """
    try:
        found = json.loads(base64.b64decode(payload, validate=True))
        text = str(found["challenge"])
        expires = datetime.fromtimestamp(int(altcha.extract_params(found)["expires"][0]), UTC)
        valid = any(altcha.verify_solution(found, _key(secret), check_expires=False)[0] for secret in keys.secrets)
    except Exception:
        return None  # whatever a stranger sends that is no proof
    same_day = (expires - LASTS).date() == at.astimezone(UTC).date()
    return text if valid and same_day and expires > at else None


def _key(secret: str) -> str:
    return f"proof of work\0{secret}"
