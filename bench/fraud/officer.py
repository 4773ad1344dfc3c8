"""The officer, who decides on ballots set aside by what the bureau's page shows, and by a policy written beforehand.

| what the page says | decision |
|---|---|
| throwaway addresses, a filled trap, confirmations too quick, or stored up | reject |
| a machine's pace | reject where the share is twice the usual one |
| many small domains of one network, or behind one mail server | reject where the share is twice the usual one |
| a surge of one domain | reject from 150 votes on; fewer are admitted where most came between 8:00 and 20:00 |
| a surge of one network at night | reject from ten ballots on, else admit |
| no proof of work; many votes of one browser | reject from ten ballots on, else admit |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from fraud.browser import Browser

RULES = {
    "Adresses jetables": "throwaway",
    "Champ piège rempli": "trap",
    "Sans preuve de travail": "unproved",
    "Beaucoup de votes d’un même navigateur": "browser",
    "Rythme de machine": "machine",
    "Confirmations trop rapides": "quick",
    "Confirmations gardées en réserve": "stored",
    "Beaucoup de petits domaines, un seul réseau": "domains",
    "Beaucoup de petits domaines, un seul serveur de courriel": "hosts",
    "Afflux d’un même domaine": "surge",
    "Afflux de nuit": "night",
}
ALWAYS = {"throwaway", "trap", "quick", "stored"}
MANY = 10


@dataclass(frozen=True)
class Shown:
    """One group as the page shows it; `share` and `usual` in percent."""

    id: str
    rule: str
    waiting: int
    votes: int
    share: int
    usual: int
    by_day: bool


async def decide(bureau: Browser) -> list[tuple[Shown, str]]:
    """Read the page of the bureau, decide on every group, and answer what was decided."""
    page = await bureau.get("/bureau")
    decided = []
    for part in page.text.split('<section class="card act"')[1:]:
        if 'name="suspicion"' in part:
            shown = _read(unescape(part.partition("</section>")[0]))
            verdict = "reject" if _reject(shown) else "admit"
            form = {"suspicion": shown.id, "verdict": verdict, "reason": "Selon la règle écrite du bureau"}
            answer = await bureau.post("/bureau/bulletins", **form)
            if answer.status != 303:
                raise SystemExit(f"the bureau answered {answer.status} to a decision")
            decided.append((shown, verdict))
    return decided


def _reject(shown: Shown) -> bool:
    match shown.rule:
        case rule if rule in ALWAYS:
            return True
        case "machine" | "domains" | "hosts":
            return shown.share >= 2 * shown.usual
        case "surge":
            return shown.votes >= 150 or not shown.by_day
    return shown.waiting >= MANY


def _read(part: str) -> Shown:
    text = re.sub(r"[\s\u00a0\u202f]+", " ", re.sub(r"<[^>]+>", " ", part))
    title = next(rule for name, rule in RULES.items() if name in _found(r"(?s)<h3[^>]*>(.*?)</h3>", part))
    share = re.search(r"À l’ouverture du soupçon : ([\d ]+) votes[^,]*, dont (\d+) % .*?, (\d+) %", text)
    columns = [
        (float(x), float(height)) for x, height in re.findall(r'<rect[^>]* x="([\d.]+)"[^>]* height="([\d.]+)"', part)
    ]
    first = re.search(r"par dix minutes, du .*?(\d+) h (\d+)", text)
    most = re.search(r"au plus fort, ([\d ]+)", text)
    opening = (int(first[1]) * 60 + int(first[2])) if first else 0
    total = sum(height for _, height in columns) or 1
    by_day = sum(height for x, height in columns if 8 <= (opening + 10 * x) / 60 % 24 < 20)
    return Shown(
        id=_found(r'name="suspicion" value="(\w+)"', part),
        rule=title,
        waiting=_number(_found(r"([\d ]+) bulletins?", text)),
        votes=round(total * _number(most[1]) / 100) if most else 0,
        share=_number(share[2]) if share else 100,
        usual=_number(share[3]) if share else 0,
        by_day=by_day > total / 2,
    )


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"the bureau's page shows no {pattern}")
    return found[1]


def _number(text: str) -> int:
    return int(text.replace(" ", "") or 0)
