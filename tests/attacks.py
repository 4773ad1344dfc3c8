"""The attacks on a published contest that one statement or two can do; those with more craft are in `forgeries`.

The box holds 300 ballots in lots of 100, 150 and 50; its five checkpoints are of 0, 100, 250, 300 and 300 ballots and
bound to minutes 1, 2, 3, 5 and 6: edition, staff, extension, consultation, closure, publication.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from intruder import OWN_KEY, Intruder
from people import CONTEST

ANOTHER = "CASE laureate WHEN 'ilot-femmes' THEN 'bien-etre-medical' ELSE 'ilot-femmes' END"
ELSEWHERE = ("INSERT INTO contests SELECT 'ailleurs', edition, opens_at, closes_at, closed_at, published_at, results "
             "FROM contests; INSERT INTO laureates SELECT 'ailleurs', slug FROM laureates;")  # fmt: skip

Act = str | Callable[[Intruder], None]


class Attack(NamedTuple):
    """`witness`: an audit alone finds nothing, a checkpoint that a juror kept does."""

    group: str
    name: str
    act: Act
    witness: bool = False

    def run(self, intruder: Intruder) -> None:
        if isinstance(self.act, str):
            intruder.script(self.act)
        else:
            self.act(intruder)


def named(group: str, acts: Mapping[str, Act], *, witness: bool = False) -> list[Attack]:
    return [Attack(group, name, act, witness) for name, act in acts.items()]


def swap_laureates(intruder: Intruder) -> None:
    different = "SELECT min(position) FROM ballot_box WHERE laureate <> (SELECT laureate FROM ballot_box LIMIT 1)"
    intruder.swap("laureate", 0, intruder.value(different))


def resign_one(intruder: Intruder, number: int) -> None:
    note = intruder.value("SELECT note FROM checkpoints WHERE number = :number", number=number)
    signed = OWN_KEY.sign(note.split("\n\n")[0] + "\n")
    intruder.do("UPDATE checkpoints SET note = :note WHERE number = :number", note=signed, number=number)


def cosign(intruder: Intruder) -> None:
    note = intruder.value("SELECT note FROM checkpoints WHERE number = 3")
    other = OWN_KEY.sign(note.split("\n\n")[0] + "\n").split("\n\n")[1]
    intruder.do("UPDATE checkpoints SET note = :note WHERE number = 3", note=note + other)


def unsign(intruder: Intruder) -> None:
    note = intruder.value("SELECT note FROM checkpoints WHERE number = 5")
    intruder.do("UPDATE checkpoints SET note = :note WHERE number = 5", note=note.split("— ")[0])


def edit_note(old: str, new: str, number: int = 5) -> str:
    return f"UPDATE checkpoints SET note = replace(note, '{old}', '{new}') WHERE number = {number}"


BALLOTS = named("ballots", {
    "give a ballot to another laureate": f"UPDATE ballot_box SET laureate = {ANOTHER} WHERE position = 0",
    "give all ballots to one laureate": "UPDATE ballot_box SET laureate = 'permis-de-construire'",
    "give the last ballot to another laureate": f"UPDATE ballot_box SET laureate = {ANOTHER} WHERE position = 299",
    "swap the laureates of two ballots": swap_laureates,
    "swap the salts of two ballots": lambda intruder: intruder.swap("salt", 10, 11),
    "swap the codes of two ballots": lambda intruder: intruder.swap("ballot_code", 20, 21),
    "swap the commitments of two ballots": lambda intruder: intruder.swap("commitment", 30, 31),
    "swap the salts of two lots' ballots": lambda intruder: intruder.swap("salt", 99, 100),
    "change a code": "UPDATE ballot_box SET ballot_code = zeroblob(10) WHERE position = 150",
    "empty a salt": "UPDATE ballot_box SET salt = zeroblob(0) WHERE position = 150",
    "change a salt": "UPDATE ballot_box SET salt = zeroblob(32) WHERE position = 150",
    "change a commitment": "UPDATE ballot_box SET commitment = zeroblob(32) WHERE position = 150",
    "cut a commitment short": "UPDATE ballot_box SET commitment = substr(commitment, 1, 31) WHERE position = 150",
    "write a code that cannot be read": "UPDATE ballot_box SET ballot_code = 'illisible' WHERE position = 150",
    "delete the first ballot": "DELETE FROM ballot_box WHERE position = 0",
    "delete a ballot": "DELETE FROM ballot_box WHERE position = 120",
    "delete the last ballot": "DELETE FROM ballot_box WHERE position = 299",
    "delete the last lot": "DELETE FROM ballot_box WHERE position >= 250",
    "delete all ballots": "DELETE FROM ballot_box",
    "delete a ballot and close the ranks": "DELETE FROM ballot_box WHERE position = 120;"
    "UPDATE ballot_box SET position = -position WHERE position > 120;"
    "UPDATE ballot_box SET position = -position - 1 WHERE position < 0",
    "add a ballot at the end": "INSERT INTO ballot_box VALUES "
    f"('{CONTEST}', 300, randomblob(10), 'ilot-femmes', randomblob(32), randomblob(32))",
    "add a ballot at the beginning": "INSERT INTO ballot_box VALUES "
    f"('{CONTEST}', -1, randomblob(10), 'ilot-femmes', randomblob(32), randomblob(32))",
    "duplicate a ballot under another code": "INSERT INTO ballot_box "
    "SELECT contest, 300, randomblob(10), laureate, salt, commitment FROM ballot_box WHERE position = 5",
    "swap the places of two ballots": "UPDATE ballot_box SET position = -1 WHERE position = 7;"
    "UPDATE ballot_box SET position = 7 WHERE position = 8; UPDATE ballot_box SET position = 8 WHERE position = -1",
    "move a ballot to another lot": "UPDATE ballot_box SET position = -1 WHERE position = 7;"
    "UPDATE ballot_box SET position = 7 WHERE position = 270; UPDATE ballot_box SET position = 270 WHERE position = -1",
    "reverse a lot": "UPDATE ballot_box SET position = -position WHERE position BETWEEN 1 AND 98;"
    "UPDATE ballot_box SET position = 99 + position WHERE position < 0",
    "hide a ballot in another contest": ELSEWHERE +
    "UPDATE ballot_box SET contest = 'ailleurs' WHERE position = 299",
})  # fmt: skip

TREE = named("tree and lots", {
    "change a tile": "UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0",
    "change the tile above": "UPDATE tiles SET hashes = zeroblob(32) WHERE level = 1",
    "cut a tile short": "UPDATE tiles SET hashes = substr(hashes, 1, 64) WHERE level = 0 AND number = 1",
    "delete a tile": "DELETE FROM tiles WHERE level = 1",
    "delete the tree": "DELETE FROM tiles",
    "add a tile": f"INSERT INTO tiles VALUES ('{CONTEST}', 2, 0, randomblob(32))",
    "move the border between two lots": "UPDATE lots SET size = 101 WHERE number = 1;"
    "UPDATE lots SET start = 101 WHERE number = 2",
    "make one lot of two": "DELETE FROM lots WHERE number = 2;"
    "UPDATE lots SET start = 100, number = 2 WHERE number = 3",
    "make two lots of one": "UPDATE lots SET start = 275, number = 4 WHERE number = 3;"
    "INSERT INTO lots SELECT contest, 3, 250, 275, sealed_at FROM lots WHERE number = 4",
    "delete the last of the lots": "DELETE FROM lots WHERE number = 3",
    "delete the first of the lots": "DELETE FROM lots WHERE number = 1",
    "delete all of the lots": "DELETE FROM lots",
    "add a lot": "INSERT INTO lots SELECT contest, 4, 300, 310, sealed_at FROM lots WHERE number = 3",
    "change when a lot was sealed": "UPDATE lots SET sealed_at = '2019-11-17 10:00:00.000000' WHERE number = 1",
})  # fmt: skip

CHECKPOINTS = named("checkpoints", {
    "edit the size in a note": edit_note("\n300\n", "\n299\n"),
    "edit the size of the first note": edit_note("\n0\n", "\n100\n", 1),
    "edit the minute in a note": edit_note("minutes 6", "minutes 5"),
    "edit the name in a note": edit_note("testserver", "elsewhere"),
    "spell a signature differently": edit_note("=\n", "\n", 2),
    "add a line to a note": edit_note("minutes 6", "autre ligne\nminutes 6"),
    "empty a note": "UPDATE checkpoints SET note = '' WHERE number = 2",
    "exchange two notes": "UPDATE checkpoints SET note = (SELECT c.note FROM checkpoints c WHERE c.number = 3) "
    "WHERE number = 2",
    "remove a signature": unsign,
    "sign the last checkpoint with another key": lambda intruder: resign_one(intruder, 5),
    "sign an early checkpoint with another key": lambda intruder: resign_one(intruder, 2),
    "delete the first checkpoint": "DELETE FROM checkpoints WHERE number = 1",
    "delete an early checkpoint": "DELETE FROM checkpoints WHERE number = 2",
    "delete the last checkpoint": "DELETE FROM checkpoints WHERE number = 5",
    "delete the last checkpoints of the whole box": "DELETE FROM checkpoints WHERE number >= 4",
    "delete all checkpoints": "DELETE FROM checkpoints",
    "swap two checkpoints": "UPDATE checkpoints SET number = -1 WHERE number = 3;"
    "UPDATE checkpoints SET number = 3 WHERE number = 4; UPDATE checkpoints SET number = 4 WHERE number = -1",
    "repeat the last checkpoint": "INSERT INTO checkpoints "
    "SELECT contest, 6, size, note, at FROM checkpoints WHERE number = 5",
    "repeat an early checkpoint at the end": "INSERT INTO checkpoints "
    "SELECT contest, 6, size, note, at FROM checkpoints WHERE number = 2",
    "change the size beside a note": "UPDATE checkpoints SET size = 299 WHERE number = 5",
    "change when a checkpoint was signed": "UPDATE checkpoints SET at = '2019-11-17 10:00:00.000000' WHERE number = 2",
}) + named("checkpoints", {
    "have a stranger sign a checkpoint too": cosign,
    "delete a checkpoint between two lots' and close the ranks": "DELETE FROM checkpoints WHERE number = 4;"
    "UPDATE checkpoints SET number = 4 WHERE number = 5;"
    "UPDATE lots SET sealed_at = (SELECT at FROM checkpoints WHERE number = 4) WHERE number = 3",
}, witness=True)  # fmt: skip
