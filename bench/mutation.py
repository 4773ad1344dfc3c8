"""Mutants of the rules, and which of them the tests let live: `make mutants`, which writes bench/MUTANTS.md.

bench/mutants.toml says why a survivor changes no promise. Fails where one has no reason, or a reason no survivor.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

HERE = Path(__file__).parent
REPORT, REASONS, COPY = HERE / "MUTANTS.md", HERE / "mutants.toml", Path("mutants")
SECONDS = "seconds"  # how long each go took, one a line
DEAD, ALIVE, UNTRIED = ("killed", "refused by mypy"), "survived", "not tried"
ENDS = {
    "killed": "killed",
    "caught by type check": "refused by mypy",
    "timeout": "timed out",
    "not checked": UNTRIED,
}
WORDS = re.compile(r"\w+|\W")
FUNCTION = re.compile(r"^vote\.|(?<=\.)x_|(?<=\.)xǁ|__mutmut_\d+$")
AROUND = 40  # characters that are shown before and after a change

HEAD = """\
# Mutants

Written by `make mutants`: mutmut changes the functions of the modules below in one place at a time (an operator, a
number, a string, an argument, a condition) and runs the tests that call the function, in one process and on SQLite,
until one fails. What `mypy --strict` refuses needs no test: `make test` asks that too. Nothing outside functions is
changed (queries made once, tables of figures), and what only PostgreSQL runs is not put to the test.
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`change` says of a survivor where it is and what it changes, in words that outlive changes elsewhere."""

    module: str
    end: str
    change: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutation", description=str(__doc__).splitlines()[0])
    parser.add_argument("--again", action="store_true", help="keep those that died in the last run, try the others")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--read", action="store_true", help="only read what the last run left in mutants/")
    asked = parser.parse_args()
    if not asked.read:
        run(asked.workers, again=asked.again)
    mutants = list(read())
    groups = tomllib.loads(REASONS.read_text(encoding="utf-8"))["left"]
    if not asked.read:
        REPORT.write_text(report(mutants, groups), encoding="utf-8")
    return complain(mutants, groups)


def run(workers: int, *, again: bool) -> None:
    """From nothing; or `again`, where mutmut tries what it has no verdict on: what did not die, and what is new."""
    if again:
        forget_what_may_have_changed()
        for found in results():
            left = [name for name, code in found.exit_code_by_key.items() if end_of(code) not in DEAD]
            found.exit_code_by_key |= dict.fromkeys(left)
            found.save()
    else:
        shutil.rmtree(COPY, ignore_errors=True)
    tools, began = Path(sys.executable).parent, time.monotonic()
    given = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(HERE)}
    command = [str(tools / "mutmut"), "run", "--max-children", str(workers)]
    subprocess.run(command, check=True, env={**os.environ, **given})
    with (COPY / SECONDS).open("a") as file:
        file.write(f"{time.monotonic() - began:.0f}\n")


def forget_what_may_have_changed() -> None:
    """What mutmut does not mutate it copies once and leaves as it was: translations would lag behind templates."""
    mutated = {Path(path) for path in walk_mutatable_files()}
    for path in Path("vote").rglob("*.*"):
        if path not in mutated:
            (COPY / path).unlink(missing_ok=True)


def results() -> Iterator[SourceFileMutationData]:
    for path in walk_mutatable_files():
        found = SourceFileMutationData(path=path)
        found.load()
        yield found


def end_of(code: int | None) -> str:
    return ENDS.get(status_by_exit_code[code], ALIVE)


def read() -> Iterator[Mutant]:
    for found in results():
        path = Path(found.path)
        for name, code in found.exit_code_by_key.items():
            end = end_of(code)
            yield Mutant(path.stem, end, describe(name, path) if end == ALIVE else "")


def describe(name: str, path: Path) -> str:
    """Such as "poll_book.signatures: … == contest)) or ⟦0 → 1⟧"."""
    diff = get_diff_for_mutant(name, path=path).splitlines()[2:]
    old, new = (WORDS.findall(" ".join(line[1:].strip() for line in diff if line.startswith(sign))) for sign in "-+")
    first = shared(old, new)
    last = shared(old[first:][::-1], new[first:][::-1])
    before, after = "".join(old[:first]), "".join(old[len(old) - last :])
    before = before if len(before) <= AROUND else f"…{before[-AROUND:]}"
    after = after if len(after) <= AROUND else f"{after[:AROUND]}…"
    change = f"⟦{''.join(old[first : len(old) - last])} → {''.join(new[first : len(new) - last])}⟧"
    function = FUNCTION.sub("", name).replace("ǁ", ".")
    return f"{function}: {before}{change}{after}"


def shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two lines begin with together."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def report(mutants: Sequence[Mutant], groups: Sequence[dict[str, Any]]) -> str:
    goes = [int(line) for line in (COPY / SECONDS).read_text().split()]
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    names = ("mutmut", "mypy", "pytest", "sqlalchemy")
    lines = [
        HEAD,
        f"{datetime.now(UTC):%d %B %Y}, "
        f"{sum(goes) / 60:.0f} minutes in {len(goes)} go{'es' * (len(goes) > 1)} on {os.cpu_count()} × "
        f"{model[1] if model else platform.machine()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
        + ".\n",
        *table(mutants),
        "\n## Survivors, and why they change no promise",
    ]
    left = Counter(one.change for one in mutants if one.end == ALIVE)
    for group in [*groups, {"why": "**No reason is known.**", "mutants": sorted(left.keys() - explained(groups))}]:
        changes = [change for change in group["mutants"] if change in left]
        if changes:
            lines += [f"\n{group['why']} ({sum(left[change] for change in changes)})\n"]
            lines += [f"- `` {change} ``{f' × {left[change]}' if left[change] > 1 else ''}" for change in changes]
    return "\n".join([*lines, ""])


def table(mutants: Sequence[Mutant]) -> list[str]:
    found = {one.end for one in mutants}
    ends = [end for end in (*ENDS.values(), ALIVE) if end in found]
    lines = ["| module | mutants | " + " | ".join(ends) + " |", "|---|" + "---|" * (len(ends) + 1)]
    for module in [*dict.fromkeys(one.module for one in mutants), "all"]:
        mine = Counter(one.end for one in mutants if module in (one.module, "all"))
        lines.append(f"| {module} | {mine.total():,} | " + " | ".join(f"{mine[end]:,}" for end in ends) + " |")
    return lines


def explained(groups: Sequence[dict[str, Any]]) -> set[str]:
    return {change for group in groups for change in group["mutants"]}


def complain(mutants: Sequence[Mutant], groups: Sequence[dict[str, Any]]) -> int:
    """Print what has no reason, and the reasons that nothing has, as bench/mutants.toml would have them."""
    left, known = {one.change for one in mutants if one.end == ALIVE}, explained(groups)
    for title, changes in (("Survives without a reason:", left - known), ("Survives no more:", known - left)):
        if changes:
            print(title, *(f"    '''{change}'''," for change in sorted(changes)), sep="\n")
    untried = sum(one.end == UNTRIED for one in mutants)
    if untried:
        print(f"Not tried: {untried}. `make mutants AGAIN=1` goes on.")
    return 1 if untried or left != known else 0


if __name__ == "__main__":
    sys.exit(main())
