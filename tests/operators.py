"""What an operator has at hand: an edition that is open today, and the settings of a site."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from vote.cli import main
from vote.clock import RunningClock
from vote.editions import SHIPPED

SETTINGS = {
    "VOTE_PUBLIC_URL": "http://testserver",
    "VOTE_SECRET": "s" * 40,
    "VOTE_PEPPER": "p" * 40,
    "VOTE_SEAL_KEY": "5e" * 32,
    "VOTE_MAIL_FROM": "vote@example.org",
    "SMTP_URL": "smtp://127.0.0.1:9",
    "VOTE_NAME_SERVER": "off",
}


def edition_of_today(path: Path) -> Path:
    """The shipped edition with other dates: it opened yesterday and closes in a week."""
    now = RunningClock().now().replace(microsecond=0)
    text = SHIPPED.read_text(encoding="utf-8")
    for key, at in (("opens_at", now - timedelta(days=1)), ("closes_at", now + timedelta(days=7))):
        text = re.sub(rf"^{key} = \S+", f"{key} = {at.isoformat()}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    return path


class Operator:
    def __init__(self, url: str, edition: Path) -> None:
        self.url = url
        self.environment = {**SETTINGS, "DATABASE_URL": url, "VOTE_EDITION": str(edition)}

    def run(self, *words: str, answer: str = "", **settings: str) -> Result:
        return CliRunner().invoke(main, words, input=answer, env={**self.environment, **settings})

    def says(self, *words: str, answer: str = "") -> str:
        """What a command that is obeyed says."""
        result = self.run(*words, answer=answer)
        assert result.exit_code == 0, result.output
        return result.output

    def is_told(self, *words: str, answer: str = "", **settings: str) -> str:
        """The one sentence with which a command is refused."""
        result = self.run(*words, answer=answer, **settings)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.output.startswith("Error: ")
        assert result.output.count("\n") == 1
        return result.output

    def prepares(self) -> None:
        self.says("db", "upgrade")
        self.says("edition", "load")
