"""Attacks that make everything look right again as far as they can: without the station's key, and with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

from attacks import Act, named
from intruder import OWN_KEY, Intruder

BALLOT_TABLES = ("ballot_box", "tiles", "lots")
COUNTS = ("poll_book", "running_count", "envelopes")


def move_votes(intruder: Intruder) -> None:
    intruder.do("UPDATE ballot_box SET laureate = 'permis-de-construire' WHERE position < 60")


def reorder(intruder: Intruder) -> None:
    """The first lot, in another order than that of its codes."""
    for column in ("laureate", "salt", "ballot_code"):
        intruder.swap(column, 12, 57)


def exchange_results(intruder: Intruder) -> None:
    """Results and their minute agree with each other; the ballots are another matter."""
    results = json.loads(intruder.value("SELECT results FROM contests"))
    first, second, *_ = results["votes"]
    results["votes"][first], results["votes"][second] = 150, results["votes"][second] + results["votes"][first] - 150
    intruder.do("UPDATE contests SET results = :results", results=json.dumps(results))
    intruder.do('UPDATE minutes SET "after" = :results WHERE number = 6', results=json.dumps(results))


def rewrite_edition(intruder: Intruder) -> None:
    """Another edition, and the minute that records its digest."""
    before = intruder.value("SELECT edition FROM contests")
    after = before.replace("Coup de C", "Choc de C")
    digests = [sha256(text.encode()).hexdigest() for text in (before, after)]
    intruder.do("UPDATE contests SET edition = :after", after=after)
    recorded = intruder.value('SELECT "after" FROM minutes WHERE number = 1').replace(*digests)
    intruder.do('UPDATE minutes SET "after" = :recorded WHERE number = 1', recorded=recorded)


def extend(intruder: Intruder) -> None:
    """A longer extension, and the minute that tells it."""
    intruder.do("UPDATE contests SET closes_at = '2019-11-25 23:00:00.000000'")
    intruder.do('UPDATE minutes SET "after" = \'{"closes_at":"2019-11-25T23:00:00+00:00"}\' WHERE number = 3')


def drop_consultation(intruder: Intruder) -> None:
    intruder.do("DELETE FROM minutes WHERE number = 4")


def edit_reason(intruder: Intruder) -> None:
    intruder.do("UPDATE minutes SET why = 'Panne' WHERE number = 3")


def take_out(intruder: Intruder) -> None:
    """The last ballot, with a signature."""
    intruder.do("DELETE FROM ballot_box WHERE position = 299")
    intruder.do("UPDATE lots SET size = 299 WHERE number = 3")
    intruder.do("DELETE FROM poll_book WHERE voter_key = (SELECT voter_key FROM poll_book ORDER BY voter_key LIMIT 1)")


def stuff(intruder: Intruder) -> None:
    """One more ballot, at the end of the last lot, with a signature."""
    intruder.do("INSERT INTO ballot_box SELECT contest, 300, :code, laureate, salt, commitment FROM ballot_box "
                "WHERE position = 299", code=b"\xff" * 10)  # fmt: skip
    intruder.do("UPDATE lots SET size = 301 WHERE number = 3")
    intruder.do("UPDATE checkpoints SET size = 301 WHERE number >= 4")
    intruder.do("INSERT INTO poll_book SELECT slug, zeroblob(32) FROM contests")


def change_salts(intruder: Intruder) -> None:
    intruder.do("UPDATE ballot_box SET salt = zeroblob(32) WHERE position BETWEEN 100 AND 110")


def replace_last_lot(intruder: Intruder) -> None:
    intruder.do("UPDATE ballot_box SET laureate = 'ilot-femmes', salt = randomblob(32) WHERE position >= 250")


def hide_a_checkpoint(intruder: Intruder) -> None:
    """Of a lot that is then told as one with the next."""
    intruder.do("DELETE FROM checkpoints WHERE number = 2")
    intruder.do("UPDATE checkpoints SET number = number - 1 WHERE number > 2")
    intruder.do("DELETE FROM lots WHERE number = 1")
    intruder.do("UPDATE lots SET start = 0, number = 1 WHERE number = 2")
    intruder.do("UPDATE lots SET number = 2 WHERE number = 3")


def roll_back(*tables: str) -> Act:
    return lambda intruder: intruder.put_back_yesterday(*tables)


def then(act: Callable[[Intruder], None], *steps: Callable[[Intruder], None]) -> Act:
    def run(intruder: Intruder) -> None:
        for step in (act, *steps):
            step(intruder)

    return run


def signed_by_another(intruder: Intruder) -> None:
    intruder.sign(OWN_KEY)


def everything(act: Callable[[Intruder], None]) -> Act:
    """The act, and all that follows from it made right with the station's own key."""
    steps = (Intruder.open_anew, Intruder.announce, Intruder.plant, Intruder.chain)
    return then(act, *steps, lambda intruder: intruder.sign(intruder.genuine))


FORGERIES = named("forgeries", {
    "move votes, with commitments": then(move_votes, Intruder.open_anew),
    "move votes, with commitments and tree": then(move_votes, Intruder.open_anew, Intruder.plant),
    "move votes, with commitments, tree and results":
        then(move_votes, Intruder.open_anew, Intruder.plant, Intruder.announce, Intruder.chain),
    "move votes, all signed with another key":
        then(move_votes, Intruder.open_anew, Intruder.announce, Intruder.plant, Intruder.chain, signed_by_another),
    "move votes, the last checkpoints signed with another key":
        then(move_votes, Intruder.open_anew, Intruder.plant, lambda intruder: intruder.sign(OWN_KEY, first=4)),
    "sign everything with another key": signed_by_another,
    "reorder a lot, with tree": then(reorder, Intruder.open_anew, Intruder.plant),
    "change salts, with commitments and tree": then(change_salts, Intruder.open_anew, Intruder.plant),
    "exchange results and their minute": then(exchange_results, Intruder.chain),
    "rewrite the edition and its minute": then(rewrite_edition, Intruder.chain),
    "extend, with its minute": then(extend, Intruder.chain),
    "stuff the box, with signature, count and tree": then(stuff, Intruder.announce, Intruder.plant, Intruder.chain),
    "take a ballot out, with signature, count and tree":
        then(take_out, Intruder.announce, Intruder.plant, Intruder.chain),
    "roll back the box": roll_back("ballot_box"),
    "roll back box, tree and lots": roll_back(*BALLOT_TABLES),
    "roll back box, tree, lots and counts": roll_back(*BALLOT_TABLES, *COUNTS),
    "roll back box, tree, lots and checkpoints": roll_back(*BALLOT_TABLES, "checkpoints"),
    "roll back everything but the poll book":
        roll_back(*BALLOT_TABLES, "checkpoints", "minutes", "contests", "running_count"),
    "roll back everything but the minutes": roll_back(*BALLOT_TABLES, *COUNTS, "checkpoints", "contests"),
    "roll back the minutes": roll_back("minutes"),
    "roll back the contest": roll_back("contests"),
    "hide a checkpoint and tell two lots as one": hide_a_checkpoint,
    "reorder a lot, all with the station's key": everything(reorder),
    "exchange the results, all with the station's key":
        then(exchange_results, Intruder.chain, lambda intruder: intruder.sign(intruder.genuine)),
})  # fmt: skip

SEEN_BY_WITNESSES_ALONE = named("rewritten history", {
    "roll back the whole database": roll_back(),
    "move votes, all with the station's key": everything(move_votes),
    "change salts, all with the station's key": everything(change_salts),
    "replace the last lot, all with the station's key": everything(replace_last_lot),
    "stuff the box, all with the station's key": everything(stuff),
    "take a ballot out, all with the station's key": everything(take_out),
    "edit a reason, all with the station's key": everything(edit_reason),
    "drop a minute, all with the station's key": everything(drop_consultation),
    "rewrite the edition, all with the station's key": everything(rewrite_edition),
    "extend, all with the station's key": everything(extend),
}, witness=True)  # fmt: skip
