"""What goes wrong in a round; the keeper mends it once the votes go on, or after a while."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from cluster.machines import cut
from cluster.site import Cluster

POSTGRESQL = ("/usr/bin/patroni", "postgres")
WATCHDOG_SECONDS = 20  # what Patroni sets the watchdog to: its `ttl`


@dataclass(frozen=True)
class Mishap:
    name: str
    harm: Callable[[Cluster, random.Random], None]


def kill_primary(cluster: Cluster, chance: random.Random) -> None:
    cluster.who_is("leader").signal(signal.SIGKILL, *POSTGRESQL)


def cut_off_primary(cluster: Cluster, chance: random.Random) -> None:
    leader = cluster.who_is("leader")
    cut(leader, [server for server in cluster.servers if server is not leader], from_here=True)


def cut_off_primary_but_for_the_web(cluster: Cluster, chance: random.Random) -> None:
    leader = cluster.who_is("leader")
    cut(leader, [server for server in cluster.servers if server is not leader], from_here=False)


def freeze_and_cut_off_primary(cluster: Cluster, chance: random.Random) -> None:
    """Nobody tells it to step down, until the watchdog, whose part is played here, resets the machine."""
    leader = cluster.who_is("leader")
    leader.signal(signal.SIGSTOP, "/usr/bin/patroni")
    cut(leader, [server for server in cluster.servers if server is not leader], from_here=False)
    time.sleep(WATCHDOG_SECONDS)
    leader.signal(signal.SIGKILL, *POSTGRESQL)


def switch_over(cluster: Cluster, chance: random.Random) -> None:
    leader, candidate = cluster.who_is("leader"), cluster.who_is("sync_standby")
    words = ["patronictl", "-c", str(leader.folder / "patroni.yml"), "switchover", "vote", "--force"]
    subprocess.run(
        [*words, "--candidate", candidate.name], check=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL
    )


def kill_web(cluster: Cluster, chance: random.Random) -> None:
    chance.choice(cluster.web_nodes).kill()


def kill_leading_worker(cluster: Cluster, chance: random.Random) -> None:
    (cluster.leading_worker() or chance.choice(cluster.workers)).kill()


def kill_standby(cluster: Cluster, chance: random.Random) -> None:
    cluster.who_is("sync_standby").signal(signal.SIGKILL, *POSTGRESQL)


def kill_etcd(cluster: Cluster, chance: random.Random) -> None:
    chance.choice(cluster.servers).signal(signal.SIGKILL, "etcd ")


MISHAPS = (
    Mishap("the primary killed, PostgreSQL and Patroni", kill_primary),
    Mishap("the primary cut off from everybody", cut_off_primary),
    Mishap("the primary cut off from all but web nodes and workers", cut_off_primary_but_for_the_web),
    Mishap("the same, its Patroni frozen until the watchdog resets it", freeze_and_cut_off_primary),
    Mishap("a planned switchover", switch_over),
    Mishap("the synchronous standby killed", kill_standby),
    Mishap("a member of etcd killed", kill_etcd),
    Mishap("a web node killed", kill_web),
    Mishap("the leading worker killed", kill_leading_worker),
)
