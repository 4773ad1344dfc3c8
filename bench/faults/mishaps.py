"""What goes wrong in a round, at a moment that the seed chooses, for a while that it chooses too."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from faults.orders import BROKEN, FLUSHES, FULL, SENDS, WRITES, Orders
from faults.site import Node, Site

Harm = Callable[[Site, random.Random], None]


@dataclass(frozen=True)
class Mishap:
    """`by_orders`: it needs the library that obeys them. `on`: the only kind of database that it can happen on."""

    name: str
    harm: Harm
    by_orders: bool = False
    on: str = "both"


def kill_web(site: Site, chance: random.Random) -> None:
    chance.choice(site.webs).kill()


def kill_worker(site: Site, chance: random.Random) -> None:
    site.interrupted()
    site.worker.kill()


def kill_all(site: Site, chance: random.Random) -> None:
    site.interrupted()
    for node in site.nodes:
        node.kill()
    time.sleep(chance.uniform(0, 0.2))


def web_dies_at_a_call(site: Site, chance: random.Random) -> None:
    _die_at_a_call(site, chance.choice(site.webs), chance)


def worker_dies_at_a_call(site: Site, chance: random.Random) -> None:
    site.interrupted()
    _die_at_a_call(site, site.worker, chance)
    site.interrupted()


def sealer_dies_at_a_call(site: Site, chance: random.Random) -> None:
    """A worker that comes back has a lot to seal at once, and is gone in the middle of it."""
    site.interrupted()
    site.worker.kill()
    site.pass_time(400)  # the last one's lease is over, and the lot is ready
    site.worker.start(site.now())
    kind, most = (SENDS, 60) if site.server is not None else (chance.choice((WRITES, FLUSHES)), 20)
    site.worker.orders.die_at(kind, chance.randint(1, most), after=chance.random() < 0.5)
    site.worker.is_gone(patience=2.5)
    site.worker.kill()
    site.interrupted()


def _die_at_a_call(site: Site, node: Node, chance: random.Random) -> None:
    kind, most = (SENDS, 40) if site.server is not None else (chance.choice((WRITES, FLUSHES)), 15)
    node.orders.die_at(kind, chance.randint(1, most), after=chance.random() < 0.5)
    node.is_gone(patience=1.0)


def disk_full(site: Site, chance: random.Random) -> None:
    _fail(site, FULL, chance)


def disk_broken(site: Site, chance: random.Random) -> None:
    _fail(site, BROKEN, chance)


def disk_slow(site: Site, chance: random.Random) -> None:
    for disk in _disks(site):
        disk.slow(chance.uniform(0.02, 0.3))
    _last(chance)


def _fail(site: Site, error: int, chance: random.Random) -> None:
    site.interrupted()
    for disk in _disks(site):
        disk.fail(error)
    _last(chance)
    for disk in _disks(site):
        disk.fail(0)
    site.interrupted()


def _disks(site: Site) -> list[Orders]:
    return [site.disk] if site.disk is not None else [node.orders for node in site.nodes]


def clock_apart(site: Site, chance: random.Random) -> None:
    """One process goes wrong by half a minute, and right again."""
    node, seconds = chance.choice(site.nodes), chance.choice((-30, 30))
    node.orders.move_clock(seconds)
    _last(chance)
    if not node.is_gone():
        node.orders.move_clock(-seconds)


def clock_jumps(site: Site, chance: random.Random) -> None:
    """All clocks go back by half a minute, or ahead, and stay there."""
    site.pass_time(chance.choice((-30, 30)))


def restarted_with_another_clock(site: Site, chance: random.Random) -> None:
    """Everything starts anew at another time of day."""
    kill_all(site, chance)
    site.pass_time(chance.choice((-30, 30)))


def mail_gone(site: Site, chance: random.Random) -> None:
    site.interrupted()
    site.post.stop()
    _last(chance)
    site.post.start()
    site.interrupted()


def mail_refuses(site: Site, chance: random.Random) -> None:
    site.post.refuse_for_now(chance.randint(1, 30))
    _last(chance)


def mail_hangs_up(site: Site, chance: random.Random) -> None:
    site.post.hang_up(chance.randint(1, 10))
    _last(chance)


def mail_slow(site: Site, chance: random.Random) -> None:
    """And the worker dies before the answers come: what it handed over is accepted, and nobody wrote it down."""
    site.post.delay(0.3)
    _last(chance)
    kill_worker(site, chance)
    time.sleep(0.3)
    site.interrupted()


def database_crashes(site: Site, chance: random.Random) -> None:
    assert site.server is not None
    site.server.stop_hard()
    _last(chance)
    site.server.start()


def backend_dies_at_a_flush(site: Site, chance: random.Random) -> None:
    """The database cuts everybody off, and recovers."""
    assert site.disk is not None
    site.disk.die_at(chance.choice((WRITES, FLUSHES)), chance.randint(1, 10), after=chance.random() < 0.5)
    _last(chance)
    site.disk.live()


def _last(chance: random.Random) -> None:
    time.sleep(chance.uniform(0.2, 0.8))


MISHAPS = (
    Mishap("a web process killed", kill_web),
    Mishap("a web process killed at a write, a flush or a statement", web_dies_at_a_call, by_orders=True),
    Mishap("the worker killed", kill_worker),
    Mishap("the worker killed at a write, a flush or a statement", worker_dies_at_a_call, by_orders=True),
    Mishap("the worker killed as it seals", sealer_dies_at_a_call, by_orders=True),
    Mishap("everything killed at once", kill_all),
    Mishap("the disk full", disk_full, by_orders=True),
    Mishap("the disk broken", disk_broken, by_orders=True),
    Mishap("the disk slow", disk_slow, by_orders=True),
    Mishap("one clock wrong by 30 seconds", clock_apart, by_orders=True),
    Mishap("all clocks moved by 30 seconds", clock_jumps, by_orders=True),
    Mishap("everything restarted 30 seconds ahead or behind", restarted_with_another_clock),
    Mishap("the mail server gone", mail_gone),
    Mishap("the mail server refuses for now", mail_refuses),
    Mishap("the mail server hangs up in mid-letter", mail_hangs_up),
    Mishap("the mail server slow, and the worker killed", mail_slow),
    Mishap("the database crashed", database_crashes, on="postgresql"),
    Mishap(
        "the database's process killed at a write or a flush", backend_dies_at_a_flush, by_orders=True, on="postgresql"
    ),
)


def possible(kind: str, orders: bool) -> list[Mishap]:
    return [mishap for mishap in MISHAPS if mishap.on in {"both", kind} and (orders or not mishap.by_orders)]
