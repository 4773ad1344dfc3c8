"""Lighthouse's four marks, as a telephone sees the home page, the receipt and the results of a demonstration."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser
from stage import FLAGS, Demonstration, Visitor, chromium, demonstration

VERSION = "12.8"
MARKS = ("performance", "accessibility", "best-practices", "seo")
ILOT = "L’Îlot Femmes"


def main() -> None:
    if shutil.which("npx") is None:
        sys.exit("Lighthouse needs node and npm, which are not here.")
    rows: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder, demonstration(Path(folder)) as demo:
        with chromium() as browser:
            cookie = vote(browser, demo)
        rows["home"] = measure(demo, "/", folder)
        rows["receipt"] = measure(demo, "/recu", folder, cookie)
        with chromium() as browser:
            publish(browser, demo)
        rows["results"] = measure(demo, "/resultats", folder)
    print(f"{'':10}" + "".join(f"{mark:>16}" for mark in MARKS))
    for name, marks in rows.items():
        print(f"{name:10}" + "".join(f"{mark:>16}" for mark in marks))


def vote(browser: Browser, demo: Demonstration) -> str:
    """Vote, and return the cookie that shows the receipt again."""
    voter = Visitor(browser, demo.url)
    voter.ask_for_a_letter(ILOT, "marie@example.org")
    voter.type_code(voter.read_code("marie@example.org"))
    return "; ".join(f"{found.get('name')}={found.get('value')}" for found in voter.context.cookies())


def publish(browser: Browser, demo: Demonstration) -> None:
    officer = Visitor(browser, demo.url)
    officer.open(demo.officer)
    officer.press("Entrer")
    officer.act("Clore le vote avant la date", "Mesure.", "CLORE")
    officer.act("Proclamer les résultats", "Mesure.", "PROCLAMER")


def measure(demo: Demonstration, address: str, folder: str, cookie: str = "") -> list[int]:
    """Marks out of a hundred, in the order of MARKS."""
    report = Path(folder) / "report.json"
    command = ["npx", "--yes", f"lighthouse@{VERSION}", f"{demo.url}{address}", "--quiet", "--output=json"]
    command += [f"--output-path={report}", f"--only-categories={','.join(MARKS)}"]
    command += [f"--chrome-flags=--headless=new {' '.join(FLAGS)}", f"--chrome-path={shutil.which('chromium')}"]
    if cookie:
        command.append(f"--extra-headers={json.dumps({'Cookie': cookie})}")
    subprocess.run(command, check=True, env={**_environment(), "CHROME_PATH": str(shutil.which("chromium"))})
    found = json.loads(report.read_text(encoding="utf-8"))["categories"]
    return [round(100 * found[mark]["score"]) for mark in MARKS]


def _environment() -> dict[str, str]:
    import os  # noqa: PLC0415 (node needs the path and the home that this process has)

    return dict(os.environ)


if __name__ == "__main__":
    main()
