"""Several nodes that seal, publish and cast at the same moment: each ballot is sealed once, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from crowds import MIXING, cast, complaints, new_sealer, sealed, waiting
from people import CONTEST, MORNING

from vote import contests, sealing
from vote.db import Database

LATER = MORNING + MIXING


def test_many_sealers_at_once_seal_each_ballot_once(database_url: str) -> None:
    nodes = [Database(database_url) for _ in range(4)]
    start = threading.Barrier(len(nodes))

    def seal(node: Database) -> bool:
        sealer = new_sealer()
        start.wait()
        return sealing.seal(node, sealer, LATER) is not None

    codes = cast(nodes[0], range(200), MORNING)
    with ThreadPoolExecutor(len(nodes)) as pool:
        assert sum(pool.map(seal, nodes)) == 1
    assert sealed(nodes[0]) == sorted(codes)
    assert complaints(nodes[0]) == []
    for node in nodes:
        node.close()


def test_another_node_seals_once_the_lease_has_run_out(database: Database) -> None:
    first, second = new_sealer(), new_sealer()
    assert sealing.seal(database, first, MORNING) is not None
    assert sealing.seal(database, second, MORNING + timedelta(minutes=4)) is None
    assert sealing.seal(database, first, MORNING + timedelta(minutes=4)) is not None
    assert sealing.seal(database, second, MORNING + timedelta(minutes=8)) is None
    assert sealing.seal(database, second, MORNING + timedelta(minutes=9)) is not None
    assert sealing.seal(database, first, MORNING + timedelta(minutes=10)) is None


def test_a_publication_and_sealers_at_once_do_not_disturb_each_other(database_url: str) -> None:
    nodes = [Database(database_url) for _ in range(3)]
    cast(nodes[0], range(300), MORNING)
    contests.close(nodes[0], CONTEST, who="Camille", why="Essai", at=LATER)
    sealer, later = new_sealer(), LATER + timedelta(minutes=3)
    start = threading.Barrier(len(nodes))

    def do(act: Callable[[Database], object], node: Database) -> None:
        start.wait()
        act(node)

    def publish(node: Database) -> None:
        contests.publish(node, sealer, who="Camille", why="Essai", at=later)

    def seal(node: Database) -> None:
        sealing.seal(node, sealer, later)

    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(do, (publish, seal, seal), nodes))
    assert len(sealed(nodes[0])) == 300
    assert complaints(nodes[0]) == []
    for node in nodes:
        node.close()


def test_votes_cast_while_a_lot_is_sealed_go_into_the_next(database_url: str) -> None:
    node, other = Database(database_url), Database(database_url)
    early = cast(node, range(400), MORNING)
    over = threading.Event()

    def vote_on() -> list[bytes]:
        codes: list[bytes] = []
        while not over.is_set():
            # The last ones of the very window that is being sealed, still on their way to the commit.
            codes += cast(other, [1000 + len(codes)], LATER - timedelta(seconds=1))
        return codes

    with ThreadPoolExecutor(1) as pool:
        meanwhile = pool.submit(vote_on)
        sealer = new_sealer()
        sealing.seal(node, sealer, LATER)
        sealing.seal(node, sealer, LATER)
        over.set()
        late = meanwhile.result()
    assert set(early) <= set(sealed(node))
    assert len(sealed(node)) + waiting(node) == len(early) + len(late)
    cast(node, range(2000, 2010), LATER)
    sealing.seal(node, sealer, LATER + MIXING)
    assert set(late) <= set(sealed(node))
    assert complaints(node) == []
    node.close()
    other.close()
