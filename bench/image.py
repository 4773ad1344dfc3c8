"""The image, built and run as deploy/Dockerfile says, and voted in: `make image`, which writes bench/IMAGE.md.

Takes docker or podman. Where no registry of images is at hand, `--debian` makes the base from Debian's packages.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from crowd import Browser, vote_once, wait

ROOT = Path(__file__).resolve().parent.parent
RECIPE, REPORT = ROOT / "deploy" / "Dockerfile", ROOT / "bench" / "IMAGE.md"
DEBIAN = "python3,python3-venv,python3-pip,python-is-python3"
NAME, TAG, BASE, VOLUME = "vote-tried", "localhost/vote:tried", "localhost/debian-python", "vote-tried-data"
VOTERS = 5
# What the process may do, as the kernel tells it, and which of the files named to it it could write.
INSIDE = """
import json, os, pathlib, sys
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
told = {"uid": os.getuid(), "gid": os.getgid(), "powers": int(status["CapEff"], 16) | int(status["CapBnd"], 16)}
told["no_new"] = int(status["NoNewPrivs"])
for place in sys.argv[1:]:
    try:
        pathlib.Path(place).write_text("")
        told[place] = True
    except OSError:
        told[place] = False
print(json.dumps(told))
"""
WRITABLE = {"/app/vote/here": False, "/opt/venv/here": False, "/here": False, "/tmp/here": True, "/app/var/here": True}


class Engine:
    """docker or podman, with what it needs to be told on this machine."""

    def __init__(self, command: str, building: str, running: str) -> None:
        self.command, self.building = shlex.split(command), shlex.split(building)
        self.running = [*shlex.split(_documented(r"docker run (.*?)--env-file")), *shlex.split(running)]

    def __call__(self, *arguments: str, given: bytes | None = None) -> str:
        done = subprocess.run([*self.command, *arguments], input=given, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments[:2])} failed:\n{done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def build(self, base: str | None) -> None:
        chosen = ["--build-arg", f"BASE={base}"] if base else []
        self("build", *self.building, *chosen, "-f", str(RECIPE), "-t", TAG, str(ROOT))

    def run(self, folder: Path, *arguments: str, options: Sequence[str] = ()) -> str:
        shared = ["--env-file", str(folder / "vote.env"), "-v", f"{folder}/secrets:/run/secrets:ro"]
        return self("run", *self.running, *shared, "-v", f"{VOLUME}:/app/var", *options, TAG, *arguments)


def main() -> int:
    parser = argparse.ArgumentParser(prog="image", description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--engine", default=next(filter(shutil.which, ("docker", "podman")), "docker"), metavar="COMMAND"
    )
    parser.add_argument("--build", default="", metavar="OPTIONS", help="more for `build`")
    parser.add_argument("--run", default="", metavar="OPTIONS", help="more for `run`")
    parser.add_argument("--base", help="an image of Python 3.11, by its digest; else the one of the recipe")
    parser.add_argument("--debian", action="store_true", help="make the base from Debian's packages (mmdebstrap)")
    parser.add_argument("--port", type=int, default=8000)
    asked = parser.parse_args()
    engine = Engine(asked.engine, asked.build, asked.run)
    if asked.debian:
        print("The base, from Debian's packages…", flush=True)
        _debian(engine)
    print("The image…", flush=True)
    engine.build(BASE if asked.debian else asked.base)
    with tempfile.TemporaryDirectory() as place, _tidied(engine):
        lines = [
            f"| {what} | {outcome} |" for what, outcome in _try(engine, _settings(Path(place), asked.port), asked.port)
        ]
    size = int(engine("image", "inspect", "--format", "{{.Size}}", TAG)) / 1e6
    base = "a base made of Debian's packages" if asked.debian else asked.base or "its own base"
    REPORT.write_text(
        f"# The image, run\n\n`make image`, {datetime.now(UTC):%d %B %Y}: `deploy/Dockerfile` on {base}, "
        f"{size:.0f} MB, by {engine('--version').strip()}; run with `{' '.join(engine.running)}`.\n\n"
        + "\n".join(["| what | seen |", "|---|---|", *lines])
        + "\n",
        encoding="utf-8",
    )
    print(REPORT.read_text(encoding="utf-8"))
    return 0


def _try(engine: Engine, folder: Path, port: int) -> Iterator[tuple[str, str]]:
    """What is done with the image, and what was seen; raises SystemExit where it is not what it should be."""
    engine.run(folder, "db", "upgrade", options=["--rm"])
    engine.run(folder, "edition", "load", options=["--rm"])
    yield "`vote db upgrade`, `vote edition load`", "a new volume is filled"
    began = time.monotonic()
    engine.run(folder, "serve", options=["--detach", "--name", NAME, "-p", f"127.0.0.1:{port}:{port}"])
    site = f"http://127.0.0.1:{port}"
    _require(wait(site), f"{site} is not ready")
    yield "`vote serve`", f"ready {time.monotonic() - began:.1f} s after its start"
    receipts = [vote_once(site, f"voter.{number}@example.org") for number in range(VOTERS)]
    found = ["enveloppe" in Browser(site).open(f"/urne?code={receipt}") for receipt in receipts]
    _require(all(found) and len(set(receipts)) == VOTERS, "a receipt was not found")
    yield f"{VOTERS} people vote, by the codes of their letters", "each receipt is found at `/urne`"
    told = json.loads(engine("exec", NAME, "python", "-c", INSIDE, *WRITABLE))
    _require((told["uid"], told["gid"], told["powers"], told["no_new"]) == (65532, 65532, 0, 1), f"it runs as {told}")
    yield "who it is", "user 65532, no capability, none to be had"
    _require({place: told[place] for place in WRITABLE} == WRITABLE, f"it may write where it should not: {told}")
    yield "where it can write", "`/app/var` and `/tmp`; not in the code, the libraries or the root"
    engine("exec", NAME, *json.loads(_documented(r"^HEALTHCHECK .*? CMD (\[.*\])$")))
    yield "its health check", "passes"
    began = time.monotonic()
    engine("stop", "--time", "30", NAME)
    code = engine("inspect", "--format", "{{.State.ExitCode}}", NAME).strip()
    _require(code == "0", f"it ended with {code}")
    yield "SIGTERM", f"ends it in {time.monotonic() - began:.1f} s, with exit code 0"
    engine.run(folder, "audit", options=["--rm"])
    yield "`vote audit` of the volume, in a new container", "finds nothing"


def _settings(folder: Path, port: int) -> Path:
    """A demonstration's, whose letters stay in the volume; the secrets lie in files, as in life."""
    (folder / "secrets").mkdir()
    for name in ("pepper", "seal-key"):
        (folder / "secrets" / name).write_text(secrets.token_hex(32))
        (folder / "secrets" / name).chmod(0o644)
    folder.chmod(0o755)
    settings = {
        "PORT": str(port),
        "DATABASE_URL": "sqlite:////app/var/vote.db",
        "VOTE_DEMO": "1",
        "VOTE_CLOCK": "2019-11-18T10:00:00+01:00",
        "VOTE_MAIL_FROM": "vote@example.org",
        "VOTE_PEPPER_FILE": "/run/secrets/pepper",
        "VOTE_PIGEONHOLE": "/app/var/letters",
        "VOTE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VOTE_SEAL_KEY_FILE": "/run/secrets/seal-key",
        "VOTE_SECRET": secrets.token_hex(32),
    }
    (folder / "vote.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return folder


def _debian(engine: Engine) -> None:
    command = ["mmdebstrap", "--variant=minbase", f"--include={DEBIAN}", "bookworm"]
    made = subprocess.run(command, capture_output=True, check=True)  # which writes the archive to its output
    engine("import", "-", BASE, given=made.stdout)


@contextmanager
def _tidied(engine: Engine) -> Iterator[None]:
    """Whatever happens, neither the container nor its volume stays, and what it said last is shown."""
    try:
        yield
    except BaseException:
        with suppress(SystemExit):
            print(engine("logs", NAME), file=sys.stderr)
        raise
    finally:
        for left in (("rm", "--force", NAME), ("volume", "rm", "--force", VOLUME)):
            with suppress(SystemExit):
                engine(*left)


def _documented(pattern: str) -> str:
    """What the recipe says at this place, lines that go on made one."""
    found = re.search(pattern, re.sub(r"\\\n#\s*", "", RECIPE.read_text()), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{RECIPE.name} does not say {pattern}")
    return found[1]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(otherwise)


if __name__ == "__main__":
    sys.exit(main())
