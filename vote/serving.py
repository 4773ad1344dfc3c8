"""Starting up: the web process, the worker process, and the demonstration."""

from __future__ import annotations

import fcntl
import gc
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import click
import uvicorn
from sqlalchemy import make_url

from vote import addresses, contests, doorstep, editions, logbook, schema, settings, staff, station
from vote.app import create_app
from vote.clock import Clock, RunningClock
from vote.db import Database
from vote.doorstep import Door
from vote.editions import Edition
from vote.errors import Misuse
from vote.languages import Sentence
from vote.models import Role
from vote.proxies import Proxies
from vote.settings import Settings
from vote.tokens import Keys
from vote.worker import Worker

YOUNG = 20_000  # objects, from one look of the collector of cycles to the next
DEMONSTRATION = Sentence("la démonstration")
DEMO_CLOCK = "2019-11-18T10:00:00+01:00"
DEMO_STAFF = (
    (Role.JUROR, "jury@example.org", "Camille, du jury"),
    (Role.OFFICER, "bureau@example.org", "Dominique, du bureau"),
)


def serve(chosen: Settings, *, host: str, work_here: bool, clock: Clock | None = None) -> None:
    """Serve until SIGTERM; then finish what waits, and return."""
    logbook.keep(chosen.log_level)
    _share_the_interpreter()
    with _the_only(chosen, "web", *(["worker"] if work_here else [])):
        _serve(chosen, host, work_here, clock)


def _serve(chosen: Settings, host: str, work_here: bool, clock: Clock | None) -> None:
    contest = _loaded(chosen).contest
    door = _door(host, chosen.port)
    server: uvicorn.Server | None = None
    app = create_app(
        chosen,
        clock or _clock(chosen),
        contest=contest,
        work_here=work_here,
        ask=station.name_server(chosen) if work_here else None,
        leaving=lambda: server is not None and server.should_exit,
    )
    # Once uvicorn has drained, it raises the signal again, which would end the process short of returning.
    signal.signal(signal.SIGTERM, lambda *_: None)
    config = uvicorn.Config(
        app,
        # An access log would hold the tokens of confirmation links.
        access_log=False,
        log_config=None,
        log_level="error",  # what is no HTTP at all is no news, and must not fill the log
        proxy_headers=False,  # see `vote.proxies`
        server_header=False,
        timeout_graceful_shutdown=20,
        **doorstep.options(
            Door(
                door,
                app.state.wall.at_once,
                app.state.apology.at_once,
                app.state.hatch,
                Proxies(chosen.trusted_proxies),
            )
        ),
    )
    server = uvicorn.Server(config)
    # What is here now stays: the collector of cycles need not look through it again and again, nor so often through
    # those who wait, of whom there are many at once and nearly none in a cycle.
    gc.freeze()
    gc.set_threshold(YOUNG)
    with suppress(KeyboardInterrupt):  # which uvicorn raises again once it has drained
        server.run([door])


def _door(host: str, port: int) -> socket.socket:
    """Where people knock, from now on. Raises Misuse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family, backlog=doorstep.OUTSIDE)
    except OSError as problem:
        why = os.strerror(problem.errno).lower() if problem.errno and problem.errno > 0 else str(problem)
        raise Misuse(f"{host}, port {port}, cannot be served: {why}.") from problem
    door.setblocking(False)
    return door


def work(chosen: Settings) -> None:
    """Carry letters and keep house until SIGTERM or Ctrl-C."""
    logbook.keep(chosen.log_level)
    _share_the_interpreter()
    with _the_only(chosen, "worker"):
        _work(chosen)


def _work(chosen: Settings) -> None:
    edition = _loaded(chosen)
    database, keys = Database(chosen.database_url), Keys(chosen.secrets)
    worker = Worker(
        database,
        _clock(chosen),
        station.letterhead(chosen, keys, edition),
        station.carriers(chosen),
        station.sealer_for(chosen.public_url, chosen.seal_key, edition.contest, chosen.mixing_minutes, chosen.crowd),
        station.name_server(chosen),
    )
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    worker.start()
    stop.wait()
    worker.stop()
    database.close()


def demo(folder: Path, port: int, *, screening: bool = True) -> None:
    """Make whatever is missing of a demonstration in `folder`, print what to open, and serve it on 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = settings.from_environ(
        {
            "VOTE_DEMO": "1",
            "DATABASE_URL": f"sqlite:///{folder / 'vote.db'}",
            "VOTE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "VOTE_SECRET": _kept(folder / "secret", secrets.token_hex(32)),
            "VOTE_PEPPER": _kept(folder / "pepper", secrets.token_hex(32)),
            "VOTE_SEAL_KEY": _kept(folder / "seal-key", secrets.token_hex(32)),
            "VOTE_MIXING_MINUTES": "1",
            "VOTE_MAIL_FROM": "vote@example.org",
            "VOTE_PIGEONHOLE": str(folder / "letters"),
            # A simulated crowd comes from many networks, and says so as a proxy of this machine would.
            "VOTE_TRUSTED_PROXIES": "127.0.0.1",
            "VOTE_SCREENING": "on" if screening else "off",
            "VOTE_CLOCK": _kept(folder / "clock", DEMO_CLOCK),
            "PORT": str(port),
        }
    )
    clock = _clock(chosen)
    database = Database(chosen.database_url)
    schema.upgrade(database)
    edition = _edition()
    contests.load(database, edition, clock.now(), DEMONSTRATION)
    click.echo(
        f"\n  The site               {chosen.public_url}/\n  The demo mailbox       {chosen.public_url}/demo/courrier"
    )
    for role, address, name in DEMO_STAFF:
        parsed = addresses.parse(address)
        staff.add(database, edition.contest, parsed, name, role, clock.now(), DEMONSTRATION)
        token = staff.invite(database, Keys(chosen.secrets), parsed, clock.now())
        click.echo(f"  Sign in as {role:<11} {chosen.public_url}/entrer/{token}   (once)")
    click.echo("\n  Ctrl-C stops; the data stays in " + str(folder) + ".\n")
    database.close()
    with _clock_kept(folder / "clock", clock):
        serve(chosen, host="127.0.0.1", work_here=True, clock=clock)


@contextmanager
def _the_only(chosen: Settings, *roles: str) -> Iterator[None]:
    """On SQLite one process takes the votes and one, the same or a worker beside it, does the rest. Raises Misuse.

    The locks are the system's, and gone with the process, however it ends.
    """
    url = make_url(chosen.database_url)
    with ExitStack() as held:
        for role in roles if url.get_backend_name() == "sqlite" else ():
            lock = Path(f"{url.database}.{role}")
            lock.parent.mkdir(parents=True, exist_ok=True)
            try:
                fcntl.flock(held.enter_context(lock.open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as taken:
                raise Misuse(
                    f"Another {role} process works on {url.database}: on SQLite there is one (and `vote worker` only "
                    "beside `vote serve --web-only`); for more, use PostgreSQL."
                ) from taken
        yield


def _share_the_interpreter() -> None:
    # Threads give way at each statement and each letter: Python's own five milliseconds would be most of both.
    sys.setswitchinterval(0.0005)


@contextmanager
def _clock_kept(path: Path, clock: Clock) -> Iterator[None]:
    """The next demonstration in this folder goes on from where this one stopped: its time never runs backwards."""
    try:
        yield
    finally:
        path.write_text(clock.now().isoformat(), encoding="utf-8")


def _kept(path: Path, first: str) -> str:
    if not path.exists():
        path.write_text(first, encoding="utf-8")
        path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()


def _edition() -> Edition:
    return editions.read(settings.edition_file() or editions.SHIPPED)


def _clock(chosen: Settings) -> Clock:
    return RunningClock.from_instant(chosen.clock_from) if chosen.clock_from else RunningClock()


def _loaded(chosen: Settings) -> Edition:
    """The edition as the database holds it. Raises Misuse where the database is not ready for this version."""
    with closing(Database(chosen.database_url)) as database:
        schema.require_current(database)
        with database.reading() as session:
            return contests.edition_of(contests.read(session, _edition().contest).edition)
