"""Single runs, each in a process and a folder of its own, the same for the same seed."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fraud import attacks, honest
from fraud.contest import Outcome, Simulation

MEMORY = Path("/dev/shm")  # where there is one, no disk is waited for


@dataclass(frozen=True)
class Run:
    """One contest to simulate; `kind` is "screened", "open" (no screening) or "pages"."""

    seed: int
    kind: str
    voters: int
    names: tuple[str, ...] = tuple(attacks.ATTACKS)


def simulate(run: Run) -> tuple[Run, Outcome]:
    voters = list(honest.crowd(Random(run.seed), run.voters))
    for name in run.names:
        voters += attacks.ATTACKS[name](Random(f"{run.seed} {name}"))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        pages, screening = run.kind == "pages", run.kind != "open"
        simulation = Simulation(Path(folder) / "contest", voters, screening=screening, through_pages=pages)
        return run, asyncio.run(simulation.run())
