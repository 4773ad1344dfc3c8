"""The scan leaves out no address and no field that is typed into; guessed tokens are taken by nobody."""

from __future__ import annotations

import re
from pathlib import Path

from scan import guesses, targets

from vote import web
from vote.web.routes import TABLE

SOURCE = "".join(path.read_text(encoding="utf-8") for path in Path(web.__path__[0]).glob("*.py"))
EMPTY_FORMS = {"/bureau/controle", "/entrer/{token}", targets.WAY_OUT}  # a button alone


def test_every_address_that_takes_something_is_scanned() -> None:
    scanned = {(target.method, target.path) for target in targets.every()}
    assert {path for path, _, act, _ in TABLE if act and ("POST", path) not in scanned} == EMPTY_FORMS
    open_paths = {path for path, *_ in TABLE if "{" in path}
    assert open_paths == {target.path for target in targets.every() if target.place == "path"}


def test_every_field_and_parameter_is_tried() -> None:
    named = set(re.findall(r'(?:\bform\[|_identifier\(visit, |query_params\.get\()"(\w+)"', SOURCE))
    assert len(named) > 15
    assert named <= {name for target in targets.every() for name in target.tried}


def test_tokens_that_nobody_was_given_are_taken_by_nobody(tmp_path: Path) -> None:
    guessed = guesses.guess(tmp_path, 20_000)
    assert sum(one.tried for one in guessed) == 20_000
    assert [one.taken for one in guessed] == [0] * len(guessed)
