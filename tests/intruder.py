"""Somebody with full SQL access, no scruples, and tools to make a forgery look right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from people import CONTEST
from sqlalchemy import Connection, select, text

from vote import ballot_box, merkle, minutes
from vote.ballot_box import commitment
from vote.db import Database
from vote.models import Minute, Table
from vote.notes import Checkpoint, Signer

FINAL = ("ballot_box", "checkpoints", "minutes")
OWN_KEY = Signer(f"testserver/{CONTEST}", b"another private key of 32 bytes!")


class Intruder:
    """Works on one connection; `genuine` is the station's own key, which only the worst attacks have."""

    def __init__(self, connection: Connection, genuine: Signer, yesterday: Path) -> None:
        self._connection, self.genuine, self._yesterday = connection, genuine, yesterday
        self._renumbered: dict[int, int] = {}

    def do(self, statement: str, **values: Any) -> None:
        self._connection.execute(text(statement), values)

    def script(self, statements: str) -> None:
        """Statements as they are, one after the other."""
        for statement in statements.split(";"):
            self._connection.exec_driver_sql(statement)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        return list(self._connection.execute(text(statement), values))

    def value(self, statement: str, **values: Any) -> Any:
        return self._connection.execute(text(statement), values).scalar_one()

    def unlock(self) -> None:
        """Remove the triggers, as an operator can."""
        if self._connection.dialect.name == "sqlite":
            self.do("PRAGMA defer_foreign_keys = ON")
        for table in FINAL:
            if self._connection.dialect.name == "sqlite":
                for kind in ("update", "delete"):
                    self.do(f"DROP TRIGGER {table}_no_{kind}")
            else:
                self.do(f"DROP TRIGGER {table}_final ON {table}")

    def put_back_yesterday(self, *tables: str) -> None:
        """These tables, or all of them, as they were in yesterday's copy of the file."""
        old = Database(f"sqlite:///{self._yesterday}")
        for table in tables or [name for name in Table.metadata.tables if name != "alembic_version"]:
            self.do(f"DELETE FROM {table}")
            with old.engine.connect() as connection:
                rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                self.do(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})", **row)
        old.close()

    def open_anew(self) -> None:
        """Recompute every commitment from salt and laureate."""
        for position, salt, laureate in self.rows("SELECT position, salt, laureate FROM ballot_box"):
            self.do("UPDATE ballot_box SET commitment = :new WHERE position = :position",
                    new=commitment(bytes(salt), laureate), position=position)  # fmt: skip

    def plant(self) -> None:
        """Grow the tree anew from the ballots as they are now."""
        rows = self.rows("SELECT ballot_code, commitment FROM ballot_box ORDER BY position")
        leaves = [ballot_box.leaf_hash(bytes(code), bytes(committed)) for code, committed in rows]
        self.do("DELETE FROM tiles")
        for level, number, hashes in merkle.append(lambda _level, _number: b"", 0, leaves):
            self.do("INSERT INTO tiles VALUES (:contest, :level, :number, :hashes)",
                    contest=CONTEST, level=level, number=number, hashes=hashes)  # fmt: skip

    def chain(self) -> None:
        """Give every minute the number and the hash that follow from the one before."""
        previous = b""
        self._renumbered.clear()
        lines = self._connection.execute(select(Minute.__table__).order_by(Minute.number)).all()
        for number, line in enumerate(lines, start=1):
            document: Any = line
            previous = minutes.digest({**minutes.document(document), "number": number}, previous)
            self.do("UPDATE minutes SET number = :number, hash = :hash WHERE number = :old",
                    number=number, hash=previous, old=line.number)  # fmt: skip
            self._renumbered[line.number] = number

    def sign(self, signer: Signer, *, first: int = 1) -> None:
        """Sign every checkpoint from the `first` on anew: the tree and the minutes as they are now."""
        tiles = {(level, number): bytes(hashes) for level, number, hashes in
                 self.rows("SELECT level, number, hashes FROM tiles")}  # fmt: skip
        last = self.value("SELECT max(position) + 1 FROM ballot_box")
        for row in self.rows("SELECT number, size, note FROM checkpoints WHERE number >= :first", first=first):
            bound = int(row.note.split("minutes ")[1].split(" ")[0])
            bound = self._renumbered.get(bound, bound)
            found = self.rows("SELECT number, hash FROM minutes WHERE number <= :bound ORDER BY number DESC LIMIT 1",
                              bound=bound)  # fmt: skip
            size = min(row.size, last)
            root = merkle.root(lambda level, number: tiles.get((level, number), b""), size)
            extension = f"minutes {found[0].number} {bytes(found[0].hash).hex()}"
            note = signer.sign(Checkpoint(signer.name, size, root, (extension,)).body())
            self.do("UPDATE checkpoints SET note = :note, size = :size WHERE number = :number",
                    note=note, size=size, number=row.number)  # fmt: skip

    def announce(self) -> None:
        """Make counts, results and their minute those of the ballots as they are now."""
        rows = self.rows("SELECT laureate, count(*) AS votes FROM ballot_box GROUP BY laureate")
        votes = {row.laureate: row.votes for row in rows}
        total = sum(votes.values())
        results = json.dumps({"votes": votes, "signatures": total, "ballots": total})
        self.do("UPDATE contests SET results = :results", results=results)
        self.do("UPDATE minutes SET \"after\" = :results WHERE act = 'publication'", results=results)
        self.do("DELETE FROM running_count")
        for laureate, count in votes.items():
            self.do("INSERT INTO running_count VALUES (:contest, :laureate, 0, :votes)",
                    contest=CONTEST, laureate=laureate, votes=count)  # fmt: skip
        self.do("UPDATE turnout SET votes = votes + :total - (SELECT sum(votes) FROM turnout) "
                "WHERE (hour_at, slot) = (SELECT hour_at, slot FROM turnout LIMIT 1)", total=total)  # fmt: skip

    def swap(self, column: str, one: int, other: int) -> None:
        """Exchange what two ballots have in a column."""
        values = {place: self.value(f"SELECT {column} FROM ballot_box WHERE position = :at", at=place)
                  for place in (one, other)}  # fmt: skip
        empty: Any = "permis-de-construire" if column == "laureate" else b"-"
        for place, value in ((one, empty), (other, values[one]), (one, values[other])):
            self.do(f"UPDATE ballot_box SET {column} = :value WHERE position = :at", value=value, at=place)
