"""The tools, as processes of their own: what each is told to do, how many requests it made, and what it found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scan import targets
from scan.house import Prey
from scan.targets import Target
from vote import languages
from vote.languages import LANGUAGES

WAPITI = Path(__file__).parents[2] / ".venv" / "wapiti"
# These want databases of products, or names in the DNS, from a network that there is none of.
WITHOUT = {"htp", "wapp", "nikto", "takeover", "log4shell"}
OURS = ("-H", "Sec-Fetch-Site: same-origin")  # or every form would be refused at once, as another site's
CRAWL_SECONDS = 60
ROOMS = dict(targets.STAFF)
GOES_ON = re.compile(r"^\[[+¨]\] [A-Z]+ https?://", re.MULTILINE)
FAULT = re.compile(r"^(5\d\d) .*?(\d+) times", re.MULTILINE)


@dataclass
class Run:
    """What one run of a tool came to. `findings` are its own words, `cut` what it had no time for."""

    tool: str
    prey: str
    target: Target | str
    requests: int = 0
    seconds: float = 0.0
    findings: list[tuple[str, str]] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Effort:
    """How far they go: sqlmap's level and risk, seconds for each of its runs and for each module of wapiti."""

    level: int = 5
    risk: int = 3
    seconds: int = 300
    module_seconds: int = 60
    modules: str = "all"


class Listener:
    """Where a server that can be talked into asking somebody would ask."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                own = self.path.startswith("/get_")  # wapiti, who asks what came
                if not own:
                    asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}" if own else b"")

            def log_message(self, *_: object) -> None:
                pass

        self.asked = asked
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever)
    thread.start()
    try:
        yield listener
    finally:
        listener.server.shutdown()
        thread.join()


def modules() -> list[str]:
    """Every module of this wapiti that can run here."""
    told = _said([*_wapiti(), "--list-modules"], 60)
    return sorted(set(re.findall(r"^\t([a-z0-9_]+)", told, re.MULTILINE)) - WITHOUT)


def wapiti(prey: Prey, who: str, effort: Effort, listener: Listener, folder: Path) -> Run:
    """One run with the cookies of `who`, from every page there is."""
    report, name = folder / f"wapiti-{who}.json", f"as {who}"
    starts = [start for path in targets.pages() for start in _starts(prey, path)]
    left_out = [f"{prey.url}{languages.address(path, lang)}" for lang in LANGUAGES for path in _left_out(who)]
    command = [
        *(*_wapiti(), "-u", f"{prey.url}/", "--flush-session", "--store-session", str(folder / f"wapiti-{who}")),
        *("-m", ",".join(modules()) if effort.modules == "all" else effort.modules, "-v", "2", "--no-bugreport"),
        *(*OURS, "--endpoint", listener.url, "--dns-endpoint", "localhost", "-f", "json", "-o", str(report)),
        *("--max-attack-time", str(effort.module_seconds), "--max-scan-time", str(CRAWL_SECONDS)),
        *(word for start in starts for word in ("-s", start)),
        *(word for place in left_out for word in ("-x", place)),
        *(("-C", prey.cookies[who]) if who in prey.cookies else ()),
    ]
    began = time.monotonic()
    told = _said(command, CRAWL_SECONDS + 60 * effort.module_seconds)
    run = Run("wapiti", prey.name, name, len(GOES_ON.findall(told)), time.monotonic() - began)
    run.cut = re.findall(r"Max attack time was reached for module (\w+)", told)
    run.cut += [f"{module} (broke off)" for module in re.findall(r"module (\w+) crashed", told)]
    if who in ROOMS and f"POST {prey.url}{ROOMS[who]}/" not in told:
        run.cut.append("the run broke off: no form of the room was seen")
    if report.exists():
        run.findings = list(_findings(json.loads(report.read_text(encoding="utf-8"))))
    else:
        run.cut.append(f"the run broke off: {' '.join(told.split())[-300:]}")
    return run


def sqlmap(prey: Prey, target: Target, effort: Effort, folder: Path) -> Run:
    """Everything that one target takes, with every technique for the database behind it."""
    url = prey.url + _path(prey, target, "*" if target.place == "path" else "")
    typed = {name: prey.code if name == "code" and target.who == "voter" else value for name, value in target.typed}
    if target.method == "GET" and typed:
        url += f"?{urlencode(typed)}"
    cookie = prey.cookies.get(target.who, "") + ("*" if target.place == "cookie" else "")
    dbms = "SQLite" if prey.site.url.startswith("sqlite") else "PostgreSQL"
    command = [
        *("sqlmap", "-u", url, "--batch", "--ignore-stdin", "--disable-coloring", "-v", "4", "--flush-session"),
        *("--level", str(effort.level), "--risk", str(effort.risk), "--dbms", dbms, "--method", target.method),
        *("--output-dir", str(folder / "sqlmap"), "--drop-set-cookie", "--ignore-redirects", "--ignore-code", "*"),
        *(*OURS, "--time-sec", "2"),
        *(("--cookie", cookie) if cookie else ()),
        *(("--data", urlencode(typed)) if target.method == "POST" and typed else ()),
        *(word for name in target.tried if target.place == "header" for word in ("-H", f"{name}: 192.0.2.7*")),
        *(("-p", ",".join(target.tried)) if target.place == "field" else ()),
    ]
    began = time.monotonic()
    told = _said(command, effort.seconds)
    run = Run("sqlmap", prey.name, target, told.count("HTTP request [#"), time.monotonic() - began)
    if "identified the following injection point" in told:
        run.findings.append(("injection", told.partition("identified the following injection point")[2][:800]))
    for status, times in FAULT.findall(told):
        run.findings.append((f"status {status}", f"{times} times"))
    if "do not appear to be injectable" not in told and not run.findings:
        run.cut.append(told.strip()[-300:] if run.requests < 5 else "out of time")
    return run


def versions() -> dict[str, str]:
    wapiti = re.search(r"Wapiti (\d[\d.]+)", _said([*_wapiti(), "--version"], 60))
    return {
        "wapiti": wapiti.group(1) if wapiti else "?",
        "sqlmap": _said(["sqlmap", "--version"], 60).split("#")[0].strip(),
        "haproxy": _said(["haproxy", "-v"], 60).split()[2],
    }


def _wapiti() -> list[str]:
    return [sys.executable, "-c", "from wapitiCore.main.wapiti import wapiti_asyncio_wrapper as go; go()"]


def _left_out(who: str) -> Sequence[str]:
    """What a run must not press or open: it would sign itself out, or wait without end."""
    return (targets.ENDLESS, targets.WAY_OUT) if who in ROOMS else (targets.ENDLESS,)


def _starts(prey: Prey, path: str) -> Iterator[str]:
    for lang in LANGUAGES:
        plain, _, query = path.partition("?")
        yield prey.url + languages.address(_filled(prey, plain), lang) + (f"?{query}" if query else "")


def _path(prey: Prey, target: Target, mark: str) -> str:
    return _filled(prey, target.path, mark)


def _filled(prey: Prey, path: str, mark: str = "") -> str:
    return targets.PART.sub(lambda _: prey.parts.get(path, "zq") + mark, path)


def _findings(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("vulnerabilities", "anomalies", "additionals"):
        for name, found in report[kind].items():
            for one in found:
                yield name, f"{one['method']} {one['path']} {one['parameter']}: {one['info']}".replace("\n", " ")


def _said(command: Sequence[str], seconds: float) -> str:
    """All that a tool says until it ends or its time is over."""
    environ = {**os.environ, "PYTHONPATH": str(WAPITI), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        encoding="utf-8",
        errors="replace",
    ) as process:
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        told, _ = process.communicate()
        timer.cancel()
    return told
