"""Servers that race each other under one load generator, each on its own processor."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import ground

HERE = Path(__file__).parent
LOAD, SERVER = ["taskset", "-c", "0"], ["taskset", "-c", "1"]
READY_SECONDS, REST_SECONDS = 60, 10


@dataclass(frozen=True)
class Heat:
    """What wrk saw of one server: answers a second, the 99th percentile in milliseconds, answers of 400 and above."""

    rate: float
    p99: float
    answers: int
    refused: int


@dataclass(frozen=True)
class Runner:
    """A server that is up."""

    port: int
    pid: int
    ready_seconds: float

    @property
    def megabytes(self) -> float:
        """Resident memory, now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    @property
    def cpu_seconds(self) -> float:
        return _cpu_seconds(Path(f"/proc/{self.pid}/stat"))

    @property
    def loop_seconds(self) -> float:
        """Processor time of its first thread, which the event loop has."""
        return _cpu_seconds(Path(f"/proc/{self.pid}/task/{self.pid}/stat"))


def _cpu_seconds(stat: Path) -> float:
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def site(url: str, port: int, *, pinned: bool = True, **more: str) -> Iterator[Runner]:
    """`vote serve --web-only` with everything switched on, behind a proxy that names each client."""
    command = [sys.executable, "-m", "vote", "serve", "--web-only"]
    with _running(command, port, environ(url, port, **more), pinned=pinned, probe="/pret") as runner:
        yield runner


def environ(url: str, port: int, **more: str) -> dict[str, str]:
    """The settings of a process of ours."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "VOTE_DEMO": "1",
        "VOTE_CLOCK": ground.CLOCK,
        "VOTE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VOTE_SECRET": ground.SECRET,
        "VOTE_PEPPER": ground.PEPPER,
        "VOTE_SEAL_KEY": ground.SEAL_KEY,
        "VOTE_MAIL_FROM": "vote@example.org",
        "VOTE_TRUSTED_PROXIES": "127.0.0.1",
        "VOTE_PIGEONHOLE": f"{tempfile.gettempdir()}/letters-of-the-bench",
        "PORT": str(port),
        **more,
    }


@contextmanager
def baseline(kind: str, port: int, *, pinned: bool = True, **environ: str) -> Iterator[Runner]:
    command = [sys.executable, str(HERE / "baselines.py"), kind, str(port)]
    with _running(command, port, environ, pinned=pinned, probe="/") as runner:
        yield runner


def run(
    runners: Sequence[Runner],
    clients: int,
    seconds: float,
    *,
    path: str = "/",
    script: Sequence[Path] = (),
    may_end: bool = False,
) -> Heat:
    """Load every server at once, the clients shared among them; each with its own file of requests, or with GETs.

    Unless it `may_end`, a file that is used up before the time ends the benchmark.
    """
    with ExitStack() as stack:
        loads = []
        for place, runner in enumerate(runners):
            command = [
                *LOAD,
                "wrk",
                "-t1",
                f"-c{clients // len(runners)}",
                f"-d{seconds}s",
                "--latency",
                "--timeout=30s",
            ]
            if script:
                command += [
                    "-s",
                    str(HERE / "requests.lua"),
                    f"http://127.0.0.1:{runner.port}",
                    "--",
                    str(script[place]),
                ]
            else:
                command += [*_headers(path), f"http://127.0.0.1:{runner.port}{path.partition(' ')[0]}"]
            loads.append(
                stack.enter_context(
                    subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                )
            )
        heats = [_read(_told(load, may_end), may_end) for load in loads]
    for runner in runners:
        _rest(runner)
    return Heat(
        sum(heat.rate for heat in heats),
        max(heat.p99 for heat in heats),
        sum(heat.answers for heat in heats),
        sum(heat.refused for heat in heats),
    )


def warm(runners: Sequence[Runner], seconds: float, *, script: Sequence[Path]) -> None:
    """What a server does for the first time only is done before it is measured."""
    run(runners, 16, seconds, script=script, may_end=True)


def _told(load: subprocess.Popen[str], may_end: bool) -> str:
    """All that wrk says. With its file used up it would sleep until its time is over."""
    assert load.stdout is not None
    told = ""
    for line in load.stdout:
        told += line
        if may_end and "ran dry" in line:
            load.send_signal(signal.SIGINT)
    return told


def _rest(runner: Runner) -> None:
    """Until it has done what it still does for clients who have left: the next to run shares its processor."""
    deadline, spent = time.monotonic() + REST_SECONDS, -1.0
    while spent < (now := runner.cpu_seconds) and time.monotonic() < deadline:
        spent = now
        time.sleep(0.1)


def _headers(path: str) -> list[str]:
    """`path` may carry an entity tag after a space: whoever has the page asks whether it changed."""
    tag = path.partition(" ")[2]
    return ["-H", f"If-None-Match: {tag}"] if tag else []


def _read(report: str, may_end: bool) -> Heat:
    if "Socket errors" in report:
        raise SystemExit(f"the load was not served:\n{report}")
    if "ran dry" in report and not may_end:
        raise SystemExit("all requests that had been prepared were answered before the time ended: prepare more")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    answers = re.search(r"(\d+) requests in", report)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    if not (rate and p99 and answers):
        raise SystemExit(f"wrk said something else:\n{report}")
    milliseconds = float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]
    return Heat(float(rate[1]), milliseconds, int(answers[1]), int(refused[1]) if refused else 0)


@contextmanager
def _running(
    command: Sequence[str], port: int, environ: Mapping[str, str], *, pinned: bool, probe: str
) -> Iterator[Runner]:
    started = time.monotonic()
    with subprocess.Popen(
        [*(SERVER if pinned else ()), *command], env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE), **environ}
    ) as process:
        try:
            while not _answers(port, probe):
                if process.poll() is not None or time.monotonic() - started > READY_SECONDS:
                    raise SystemExit(f"{' '.join(command)} did not start")
                time.sleep(0.005)
            yield Runner(port, process.pid, time.monotonic() - started)
        finally:
            process.terminate()
            process.wait(60)


def _answers(port: int, probe: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{probe}", timeout=5):
            return True
    except HTTPError:
        return True
    except OSError:
        return False
