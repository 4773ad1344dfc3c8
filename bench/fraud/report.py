"""What the simulated contests come to, as tables: each attack's gain and cost, and what honest people met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fraud import officer
from fraud.attacks import ATTACKS
from fraud.contest import LOOKS, Outcome
from fraud.people import EDITION
from fraud.zone import BIG, REGIONAL

NONE, FEW, TOLD = "none", "at most 5 %", "reported"
BOUNDS = dict.fromkeys("ABIJKL", NONE) | dict.fromkeys(("C", "D", "D patient", "F", "G"), FEW)
HONEST = ("homes", "telephones", "school", "company", "association", "forum")
GATEWAY = "L: the company's mail gateway opens the link of every letter and presses every button of its page, at once."


def write(screened: Sequence[Outcome], unscreened: Sequence[Outcome], pages: Sequence[Outcome]) -> str:
    """The report in Markdown."""
    figures = ", ".join(f"`{name}` {value}" for name, value in vars_of(EDITION.figures))
    parts = [
        "# Fraud, simulated",
        f"Written by `make fraud`: {len(screened)} whole contests of fifteen days on the application itself, each with "
        f"about {_mean(screened, HONEST, 'voters'):,.0f} honest people and every attack; {len(unscreened)} without "
        f"screening, and {len(pages)} in which everybody goes through the pages. Figures are means of one contest; "
        "the worst contest in brackets. The rules' figures, which are those shipped, were tuned on other seeds. Of "
        f"honest small domains, {BIG} % have their mail at hosts for everybody, {REGIONAL} % at one regional host, "
        "the others on servers of their own.",
        "## Attacks",
        *_table(
            (
                "attack",
                "tried",
                "cast",
                "held",
                "counted",
                "of them",
                "bound",
                "unscreened",
                "letters",
                "proofs",
                "hashes",
            ),
            [_attack(name, screened, unscreened) for name in (*ATTACKS, "L")],
        ),
        *(f"- {(attack.__doc__ or '').splitlines()[0]}" for attack in ATTACKS.values()),
        f"- {GATEWAY}",
        "## Honest people",
        *_table(
            (
                "who",
                "people",
                "refused",
                "slowed",
                "held",
                "of these, for their neighbours",
                "held in error after the decision",
            ),
            [_honest(name, (name,), screened) for name in HONEST] + [_honest("all", HONEST, screened)],
        ),
        "Held by rule: "
        + (_rules(screened, HONEST) or "none")
        + ". For their neighbours: by a rule about their network, "
        "their mail domain or its host. The others confirmed as quickly, or as late, as an attack that went on at that "
        "moment in the whole contest.",
        "## Through the pages",
        *_table(
            ("attack", "tried", "cast", "held", "counted"),
            [
                (name, *(f"{_mean(pages, (name,), key):,.0f}" for key in ("voters", "cast", "held", "counted")))
                for name in (*ATTACKS, "L")
                if _mean(pages, (name,), "voters")
            ],
        ),
        "Honest people through the pages: "
        + ", ".join(
            f"{_mean(pages, HONEST, key):,.0f} {key}" for key in ("voters", "refused", "slowed", "held", "lost")
        )
        + ".",
        "## The officer",
        f"Looks at {', '.join(f'{hour}:00' for hour in LOOKS)}, and after the end, and decides by this policy alone:",
        (officer.__doc__ or "").partition("\n\n")[2].strip(),
        "## The figures",
        figures + ".",
    ]
    return "\n\n".join(parts).replace("|\n\n|", "|\n|").replace(".\n\n- ", ".\n- ") + "\n"


def vars_of(figures: object) -> Iterable[tuple[str, object]]:
    return ((name, getattr(figures, name)) for name in figures.__dataclass_fields__)  # type: ignore[attr-defined]


def _attack(name: str, screened: Sequence[Outcome], unscreened: Sequence[Outcome]) -> tuple[str, ...]:
    mean = {key: _mean(screened, (name,), key) for key in ("voters", "cast", "held", "letters", "proofs", "hashes")}
    counted, worst = _mean(screened, (name,), "counted"), _worst(screened, (name,), "counted")
    bound = BOUNDS.get(name, TOLD)
    allowed = 0 if bound == NONE else max(20, mean["voters"] / 20) if bound == FEW else worst
    return (
        name,
        *(f"{mean[key]:,.0f}" for key in ("voters", "cast", "held")),
        f"{counted:,.1f} ({worst:,.0f})",
        f"{100 * counted / max(mean['voters'], 1):.1f} %",
        f"{bound}: {'reached' if worst <= allowed else 'NOT reached'}" if mean["voters"] and bound != TOLD else bound,
        f"{_mean(unscreened, (name,), 'counted'):,.0f}",
        f"{mean['letters']:,.0f}",
        f"{mean['proofs']:,.0f}",
        f"{mean['hashes'] / 1e6:,.1f} M",
    )


def _honest(label: str, names: Sequence[str], runs: Sequence[Outcome]) -> tuple[str, ...]:
    people = _mean(runs, names, "voters")

    def share(key: str) -> str:
        return f"{100 * _mean(runs, names, key) / max(people, 1):.2f} % ({_worst(runs, names, key):,.0f})"

    return (
        label,
        f"{people:,.0f}",
        share("refused"),
        share("slowed"),
        share("held"),
        share("neighbours"),
        share("lost"),
    )


def _rules(runs: Sequence[Outcome], names: Sequence[str]) -> str:
    rules = sorted({rule for run in runs for name in names for rule in run.rules.get(name, ())})
    return ", ".join(
        f"{rule} {sum(run.rules[n][rule] for run in runs for n in names) / len(runs):.1f}" for rule in rules
    )


def _mean(runs: Sequence[Outcome], names: Sequence[str], key: str) -> float:
    return sum(run.parts[name][key] for run in runs for name in names) / max(len(runs), 1)


def _worst(runs: Sequence[Outcome], names: Sequence[str], key: str) -> int:
    return max((sum(run.parts[name][key] for name in names) for run in runs), default=0)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
