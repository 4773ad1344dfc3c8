"""Verify a published vote: does all that its bundle holds agree, and did the polling station sign it?

    python verify.py BUNDLE.zip [--key VERIFIER_KEY] [--checkpoint FILE ...]      (or the folder of an unpacked bundle)

Needs Python 3.9 or later and the package "cryptography"; no network, no secret, and none of the code that ran the vote.
Exit status: 0 if everything agrees, 1 if something is WRONG, 2 if this is not a bundle. Whoever holds the private key
can sign a whole new story, but not one that agrees with the checkpoints you kept while the vote was on (--checkpoint).
"""

from __future__ import annotations

import base64
import json
import re
import zipfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import reduce
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CHECKPOINT = re.compile(r"(.+)\n(0|[1-9][0-9]{0,11})\n(\S{44})\nminutes ([1-9][0-9]{0,11}) ([0-9a-f]{64})\n")
BALLOT = re.compile(rb"([0-9]+) ([0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}) ([0-9a-f]{64})\n")
OPENING = re.compile(rb"([0-9]+) ([0-9a-f]{64}) ([a-z0-9-]+)\n")
FROM_CROCKFORD = bytes.maketrans(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(description="Verify a published vote.")
    parser.add_argument("bundle", type=Path, help="the zip file, or the folder it was unpacked in")
    parser.add_argument("--key", default="", help="the verifier key that you know, to compare with the bundle's")
    parser.add_argument("--checkpoint", nargs="+", action="extend", default=[], help="files of checkpoints you kept")
    given = parser.parse_args(arguments)
    try:
        if given.bundle.is_dir():
            names = [file.name for file in given.bundle.iterdir()]
            return Verifier(names, lambda name: (given.bundle / name).open("rb"), given.key, given.checkpoint).verify()
        with zipfile.ZipFile(given.bundle) as archive:
            return Verifier(archive.namelist(), archive.open, given.key, given.checkpoint).verify()
    except Exception as problem:
        print(f"{str(given.bundle)!a} is not a bundle: {str(problem)!a}")
        return 2


class Wrong(Exception):
    """A check failed; the text says what, and where."""


def require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


class Verifier:
    """The checks of one bundle, in order: each says what it checks, and leaves what it found to those that follow."""

    def __init__(self, names: list[str], open_: Callable[[str], IO[bytes]], key: str, kept: list[str]) -> None:
        require("manifest.txt" in names, "it holds no manifest.txt")
        self.names, self.open, self.known_key, self.kept = names, open_, key.strip(), kept
        self.sizes = set[int]()  # of the boxes whose root hashes the checkpoints give

    def __getattr__(self, name: str) -> Any:
        raise Wrong(f"it cannot be checked without the {name}")  # which an earlier check did not find

    def verify(self) -> int:
        wrong, opened = 0, "depouillement.txt" in self.names
        checks = [self.check_key, self.check_files, self.check_minutes, self.check_checkpoints, self.check_ballots]
        for check in [*checks, self.check_results, *[self.check_recount] * opened]:
            try:
                check()
                print(f"ok     {check.__doc__}")
            except Exception as why:  # what cannot even be read must never pass for good
                wrong += 1
                print(f"WRONG  {check.__doc__} No: {why if isinstance(why, (Wrong, OSError)) else ascii(why)}.")
        if not opened:
            print("note   The ballots stay closed in this bundle: the scrutineers' bundle allows a recount.")
        if not (self.known_key and self.kept):
            print("note   Without --key anyone may have signed; without --checkpoint the signer may have changed all.")
        print(f"VERDICT: {wrong} of these checks found something WRONG." if wrong else "VERDICT: everything agrees.")
        return 1 if wrong else 0

    def check_key(self) -> None:
        """The key in cle.txt is well formed, and the one you know if you gave one."""
        line = self.read("cle.txt").decode().strip()
        self.signer, key_id, encoded = line.split("+", 2)
        material = base64.b64decode(encoded, validate=True)
        require(len(material) == 33 and material[0] == 1, "it is not an Ed25519 key")
        self.key_id = sha256(self.signer.encode() + b"\n" + material).digest()[:4]
        require(key_id == self.key_id.hex(), f"its id is {self.key_id.hex()}, not {key_id!a}")
        require(self.known_key in ("", line), f"the bundle's is another, {line!a}")
        self.key = Ed25519PublicKey.from_public_bytes(material[1:])

    def check_files(self) -> None:
        """The manifest is signed with the key; every file is as it says, none is missing, none was added."""
        self.origin, *lines = self.signed_text(self.read("manifest.txt").decode(), "manifest.txt")[:-1].split("\n")
        manifest = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        require(len(manifest) == len(lines) and sorted(manifest) == list(manifest), "the manifest is malformed")
        there, listed = Counter(self.names), Counter([*manifest, "manifest.txt"])
        changed = [n for n in manifest if n in there and sha256(self.read(n)).hexdigest() != manifest[n]]
        problems = {"missing": listed - there, "not in the manifest, or twice": there - listed, "changed": changed}
        said = [f"{what}: {', '.join(map(ascii, sorted(names)))}" for what, names in problems.items() if names]
        require(not said, "; ".join(said))

    def check_minutes(self) -> None:
        """Each minute follows from the one before, and the edition is the last that they record."""
        minutes, text, previous = json.loads(self.read("minutes.json")), self.read("edition.json"), b""
        for number, minute in enumerate(minutes, start=1):
            require(minute["number"] == number, f"minute {number} is missing or out of place")
            require(minute["contest"] == minutes[0]["contest"], f"minute {number} is of another contest")
            content = {name: value for name, value in minute.items() if name != "hash"}
            line = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            previous = sha256(previous + line.encode()).digest()
            require(minute["hash"] == previous.hex(), f"minute {number} was changed, or one before it")
        self.minutes, self.edition = minutes, json.loads(text)
        digests = [minute["after"]["digest"] for minute in minutes if minute["act"] == "edition"]
        require(digests[-1:] == [sha256(text).hexdigest()], "edition.json is not the one in the last such minute")
        require(self.edition["contest"] == minutes[0]["contest"], "edition.json is of another contest than the minutes")

    def check_checkpoints(self) -> None:
        """The checkpoints, and those you kept, are signed with the key, bound to the minutes, and never go back."""
        texts = {ascii(file): Path(file).read_text(encoding="utf-8-sig") for file in self.kept}
        self.kept_checkpoints = [found for file in texts for found in self.read_checkpoints(file, texts[file])]
        self.checkpoints = list(self.read_checkpoints("checkpoint", self.read("checkpoints.txt").decode()))
        before = (0, 0)
        for label, size, _, minute, _ in self.checkpoints:
            require(size >= before[0] and minute >= before[1], f"{label} goes back: it is older than the one before it")
            before = (size, minute)

    def check_ballots(self) -> None:
        """Each ballot has its own code; the list began as each checkpoint says, and the last is of the whole list."""
        self.count, roots = tree_roots(self.leaves(), self.sizes)
        for series in (self.kept_checkpoints, self.checkpoints):
            agreed = 0
            for label, size, root, _, _ in sorted(series, key=lambda found: found[1]):
                require(size <= self.count, f"{label} has {size} ballots, the list {self.count}")
                same = base64.b64encode(roots[size]).decode() == root
                require(same, f"the ballots from position {agreed} to {size - 1} are not those of {label}")
                agreed = size
        require(self.checkpoints[-1][1] == self.count, f"the ballots from position {agreed} on are in no checkpoint")

    def check_results(self) -> None:
        """The results agree with the edition, the minutes, the box and the list of rejected ballots."""
        results, edition = json.loads(self.read("resultats.json")), self.edition
        rows, copied = results["laureates"], results["minutes"]
        total, turnout, aside, rejected = (results[name] for name in ("votes", "turnout", "set_aside", "rejected"))
        self.votes = votes = {row["slug"]: row["votes"] for row in rows}
        for figure in (*votes.values(), total, turnout, aside, rejected):
            require(type(figure) is int and figure >= 0, f"{figure!a} is not a number of ballots")
        require(results["contest"] == edition["contest"], "they are of another contest than the edition")
        laureates, named = ({row["slug"]: row["name"] for row in found} for found in (edition["laureates"], rows))
        require(named == laureates and len(named) == len(rows), "their laureates are not those of the edition")
        require(sum(row["votes"] for row in rows) == total, f"the votes of the laureates do not add up to {total}")
        require(total == self.count, f"they count {total} votes, the box holds {self.count} ballots")
        require(turnout == total + aside + rejected, f"the turnout {turnout} is not {total} + {aside} + {rejected}")
        published = [minute for minute in self.minutes if minute["act"] == "publication"]
        require(len(published) == 1, f"{len(published)} minutes record a publication")
        number, recorded = published[0]["number"], {"ballots": total, "signatures": turnout, **published[0]["after"]}
        require(recorded["votes"] == {s: n for s, n in votes.items() if n}, f"minute {number} records other votes")
        require((recorded["ballots"], recorded["signatures"]) == (total, turnout), f"minute {number} has other totals")
        out = [line.split(" ") for line in self.read("ecartes.txt").decode().splitlines()]
        require(self.codes.isdisjoint(code for code, _ in out), "a rejected ballot is in the box")
        require(rejected == len(out), f"ecartes.txt lists {len(out)} rejected ballots, the results {rejected}")
        for after in [minute["after"] for minute in self.minutes if minute["act"] == "rejection"]:
            group = "\n".join(code for code, suspicion in out if suspicion == after["suspicion"])
            require(sha256(group.encode()).hexdigest() == after["codes"], "ecartes.txt is not what the minutes record")
        for row in rows:  # rounded so that together they make 100: each is less than a tenth away
            exact = 100 * row["votes"] / max(total, 1)
            require(abs(row["share"] - exact) < 0.1001, f"the share of {row['slug']!a} is not {row['share']!a}")
        whole = [note for _, size, _, _, note in self.checkpoints if size == self.count]
        require(results["checkpoint"] in whole, "checkpoints.txt has no such checkpoint of the whole box as theirs")
        require(copied[number - 1 :] and copied == self.minutes[: len(copied)], "their minutes are not minutes.json's")

    def check_recount(self) -> None:
        """Every ballot opens, and their recount gives the results."""
        recount = dict.fromkeys(self.votes, 0)
        ballots, openings = self.read_lines("bulletins.txt", BALLOT), self.read_lines("depouillement.txt", OPENING)
        for position, (ballot, opening) in enumerate(zip_longest(ballots, openings)):
            if not ballot or not opening:
                raise Wrong(f"there is no ballot, or no opening, at position {position}")
            salt, slug = bytes.fromhex(opening[0].decode()), opening[1].decode()
            same = sha256(salt + opening[1]).hexdigest().encode() == ballot[1] and slug in recount
            require(same, f"the ballot at position {position} was not sealed as a vote for {slug!a} with this salt")
            recount[slug] += 1
        require(recount == self.votes, f"the ballots give {recount!a}, the results {self.votes!a}")

    def signed_text(self, note: str, label: str) -> str:
        """The text of a note (https://c2sp.org/signed-note) that bears one signature, the key's."""
        text, _, signature = note.rpartition(f"\n— {self.signer} ")
        try:
            blob = base64.b64decode(signature)
            self.key.verify(blob[4:], text.encode())
        except (InvalidSignature, ValueError):
            raise Wrong(f"{label} was changed after it was signed, or signed with another key") from None
        usual = base64.b64encode(self.key_id + blob[4:]).decode()  # base64 may spell the same bytes in several ways
        require(text.endswith("\n") and signature == f"{usual}\n", f"{label} is not a note with one signature")
        return text

    def read_checkpoints(self, label: str, text: str) -> Iterator[tuple[str, int, str, int, str]]:
        """Label, size, root hash, number of the minute bound, and note (https://c2sp.org/tlog-checkpoint) of each."""
        for place, part in enumerate(text.split("\f"), start=1):
            name, note = f"{label} {place}", part.strip("\n") + "\n"
            if not (form := CHECKPOINT.fullmatch(self.signed_text(note, name))) or form[1] != self.origin:
                raise Wrong(f"{name} is not a checkpoint of this box")
            size, minute = int(form[2]), int(form[4])
            bound = minute <= len(self.minutes) and self.minutes[minute - 1]["hash"] == form[5]
            require(bound, f"{name} is bound to another minute {minute} than the one here")
            self.sizes.add(size)
            yield name, size, form[3], minute, note

    def leaves(self) -> Iterator[bytes]:
        self.codes: set[str] = set()
        for position, (code, commitment) in enumerate(self.read_lines("bulletins.txt", BALLOT)):
            require(code.decode() not in self.codes, f"the ballot at position {position} has the code of another")
            self.codes.add(code.decode())
            yield int(code.translate(FROM_CROCKFORD, b"-"), 32).to_bytes(10, "big") + bytes.fromhex(commitment.decode())

    def read_lines(self, name: str, form: re.Pattern[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """What follows the position, which counts from 0, in each line."""
        with self.open(name) as file:
            for position, line in enumerate(file):
                if not (parts := form.fullmatch(line)) or parts[1] != b"%d" % position:
                    raise Wrong(f"the line for position {position} in {name} is missing or malformed")
                yield parts[2], parts[3]

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()


def tree_roots(leaves: Iterable[bytes], sizes: Collection[int]) -> tuple[int, dict[int, bytes]]:
    """How many leaves, and the root hash (RFC 6962, section 2.1) of the first n of them for each n of `sizes`."""
    roots, count, subtrees = {0: sha256().digest()}, 0, list[bytes]()  # roots of complete subtrees, largest first
    for count, leaf in enumerate(leaves, start=1):
        node, rest = sha256(b"\0" + leaf).digest(), count
        while rest % 2 == 0:  # it and the last are of one size: together they are the next larger
            node, rest = sha256(b"\1" + subtrees.pop() + node).digest(), rest // 2
        subtrees.append(node)
        if count in sizes:
            roots[count] = reduce(lambda right, left: sha256(b"\1" + left + right).digest(), reversed(subtrees))
    return count, roots


if __name__ == "__main__":
    raise SystemExit(main())
