"""Machines on a network that exists for one run alone, each with its own address and folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

DEPLOY = Path(__file__).parents[2] / "deploy"
HERE = ("10.0.0.1", "10.0.0.11", "10.0.0.12")  # the web nodes, the workers and the keeper of the run
CROWD = "10.1.0.0/16"  # where people come from
NEEDED = {
    "etcd": "etcd-server",
    "patroni": "patroni",
    "patronictl": "patroni",
    "haproxy": "haproxy",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "setpriv": "util-linux",
    "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
}
# In namespaces that end with it, under an init that collects the dead: a server takes one that lingers for a rival.
ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", '"$@"; exit $?']
AWAY = (
    "table inet vote { set away { type ipv4_addr; };"
    " chain in { type filter hook prerouting priority -300; ip saddr @away drop; }; }"
)


def lacking() -> str:
    """What this run would need, in one sentence; nothing where it is all here."""
    if os.geteuid() != 0:
        return "`make cluster` makes networks of its own: run it as root."
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    packages = sorted({package for program, package in NEEDED.items() if shutil.which(program, path=path) is None})
    install = f"apt-get install --no-install-recommends {' '.join(packages)}"
    return f"`make cluster` needs {', '.join(packages)}: {install}" if packages else ""


def lay_cables() -> None:
    """The network of this run, and room for its machines. Nothing of it outlives the process that called."""
    for line in (
        "mount -t tmpfs none /run",
        "mount -t tmpfs -o mode=1777 none /dev/shm",  # where a PostgreSQL that is killed leaves its own
        "mkdir -p /run/netns /run/postgresql",
        "ip link set lo up",
        "ip link add lan type bridge",
        *(f"ip address add {address}/24 dev lan" for address in HERE),
        "ip link set lan up",
        f"ip route add local {CROWD} dev lo",
    ):
        _call(*line.split())
    _call("nft", AWAY)


@dataclass
class Machine:
    """`folders` stand on it in the place of its own."""

    name: str
    address: str
    folder: Path
    folders: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.folder.chmod(0o755)
        cable = f"to-{self.name}"
        for line in (
            f"ip netns add {self.name}",
            f"ip link add {cable} type veth peer name eth0 netns {self.name}",
            f"ip link set {cable} master lan up",
            f"ip -n {self.name} address add {self.address}/24 dev eth0",
            f"ip -n {self.name} link set eth0 up",
            f"ip -n {self.name} link set lo up",
            f"ip -n {self.name} route add {CROWD} via {HERE[0]}",
        ):
            _call(*line.split())
        _call("ip", "netns", "exec", self.name, "nft", AWAY)

    def make_folder(self, name: str, owner: str = "root") -> Path:
        made = self.folder / name
        made.mkdir()
        shutil.chown(made, owner)
        return made

    def start(self, *words: str, user: str = "root", **environ: str) -> None:
        mounts = [f"mount --bind {self.folder / name} {place}" for name, place in self.folders.items()]
        become = f'exec setpriv --reuid={user} --regid={user} --init-groups "$@"'
        script = " && ".join([*mounts, become])
        with (self.folder / "log").open("ab") as log:
            self.started.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.name, "sh", "-c", script, "sh", *words],
                    env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environ},
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                )
            )

    def processes(self, program: str) -> list[int]:
        """Those whose command names it."""
        listed = _call("ip", "netns", "pids", self.name).split()
        return [int(pid) for pid in listed if program in _command(int(pid))]

    def signal(self, how: signal.Signals, *programs: str) -> None:
        for program in programs:
            for pid in self.processes(program):
                _signal(pid, how)
        for process in self.started:
            process.poll()

    def hear_not(self, addresses: Iterable[str]) -> None:
        _call(*self._nft(), "add", "element", "inet", "vote", "away", f"{{ {', '.join(addresses)} }}")

    def hear_all(self) -> None:
        _call(*self._nft(), "flush", "set", "inet", "vote", "away")

    def _nft(self) -> list[str]:
        return ["ip", "netns", "exec", self.name, "nft"]


class Server(Machine):
    """A machine with a member of etcd and a PostgreSQL under Patroni, configured as `deploy` says."""

    def prepare(self, certificate: Path, key: Path) -> None:
        self.folders = {
            "etcd": "/var/lib/etcd",
            "etc": "/etc/postgresql",
            "lib": "/var/lib/postgresql",
            "run": "/run/postgresql",
        }
        self.make_folder("etcd", "etcd")
        for name in ("etc", "lib", "run"):
            self.make_folder(name, "postgres")
        (self.folder / "lib" / "wal").mkdir()
        shutil.chown(self.folder / "lib" / "wal", "postgres")
        for secret, name in ((certificate, "server.pem"), (key, "server.key")):
            shutil.copy(secret, self.folder / "etc" / name)
            shutil.chown(self.folder / "etc" / name, "postgres")
            (self.folder / "etc" / name).chmod(0o600)
        for file in ("etcd.yml", "patroni.yml"):
            (self.folder / file).write_text(configuration(file, self.name, self.address))

    def start_etcd(self) -> None:
        self.start("etcd", "--config-file", str(self.folder / "etcd.yml"), user="etcd")

    def start_patroni(self) -> None:
        passwords = {"PATRONI_REPLICATION_USERNAME": "replicator", "PATRONI_REPLICATION_PASSWORD": "r" * 20}
        passwords |= {"PATRONI_REWIND_USERNAME": "rewinder", "PATRONI_REWIND_PASSWORD": "w" * 20}
        self.start("patroni", str(self.folder / "patroni.yml"), user="postgres", **passwords)

    def mend(self) -> None:
        """Whoever is gone comes back."""
        self.hear_all()
        self.signal(signal.SIGCONT, "/usr/bin/patroni")
        if not self.processes("etcd "):
            self.start_etcd()
        if not self.processes("/usr/bin/patroni"):
            self.start_patroni()

    def members(self) -> dict[str, tuple[str, str]]:
        """Role and state of each PostgreSQL, as this one's Patroni sees them; nothing where it does not answer."""
        try:
            with urlopen(f"http://{self.address}:8008/cluster", timeout=2) as answer:
                told = json.load(answer)
        except (URLError, OSError, ValueError):
            return {}
        return {member["name"]: (member["role"], member["state"]) for member in told["members"]}

    def psql(self, statement: str) -> None:
        socket = self.folder / "run"
        words = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-h", str(socket), "-U", "postgres", "-c", statement]
        _call("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *words)


def cut(one: Server, others: Iterable[Server], *, from_here: bool) -> None:
    """From now on nothing passes between them, in neither direction, and nobody is told."""
    for other in others:
        other.hear_not([one.address])
    one.hear_not([other.address for other in others] + (list(HERE) if from_here else []))
    if from_here:
        _call("nft", "add", "element", "inet", "vote", "away", f"{{ {one.address} }}")


def join(servers: Iterable[Server]) -> None:
    for server in servers:
        server.hear_all()
    _call("nft", "flush", "set", "inet", "vote", "away")


def configuration(file: str, name: str, address: str) -> str:
    """That of `deploy`, as it says that the servers differ; no machine here may be reset, nothing is kept elsewhere."""
    ports = {"etcd.yml": (2379, 2380), "patroni.yml": (5432, 8008)}[file]
    words = {"name: one": f"name: {name}"} | {f"10.0.0.21:{port}\n": f"{address}:{port}\n" for port in ports}
    if file == "patroni.yml":
        words |= {"mode: required": "mode: off", "/backup/wal": "/var/lib/postgresql/wal"}
    return substitute((DEPLOY / file).read_text(encoding="utf-8"), words)


def substitute(text: str, words: Mapping[str, str]) -> str:
    """What is not there to be replaced is a fault."""
    for old, new in words.items():
        if old not in text:
            raise LookupError(f"{old!r} is not in the configuration")
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """One for all machines and the site, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    names = ",".join([*(f"IP:10.0.0.{last}" for last in (10, 21, 22, 23)), "DNS:vote.example.org"])
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=vote.example.org"
    )
    _call(*words.split(), "-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(certificate))
    return certificate, key


def versions() -> Iterator[str]:
    for command in (
        "/usr/lib/postgresql/15/bin/postgres --version",
        "patroni --version",
        "etcd --version",
        "haproxy -v",
        "uname -sr",
    ):
        yield _call(*command.split()).splitlines()[0].partition(" - http")[0].replace("Version: ", "")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _signal(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)


def _call(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout
