"""The verifier, on bundles made here from scratch: nothing else of the application takes part."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from vote import verify

ORIGIN = "vote.example/coup-de-coeur-2019"
OURS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ANOTHERS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
CONTEST = "coup-de-coeur-2019"
EDITION = {
    "contest": CONTEST,
    "laureates": [{"slug": slug, "name": f"Épicerie {slug}"} for slug in ("la-ruche", "le-pont", "le-fil")],
}
SLUGS = [laureate["slug"] for laureate in EDITION["laureates"]]  # type: ignore[index]
SUSPICION = "5d" * 16
OUT = sorted(sha256(f"rejected {n}".encode()).digest()[:10] for n in range(2))
PROGRAM = Path(verify.__file__).read_bytes()
Files = dict[str, bytes]


@dataclass
class Day:
    """A vote, told by its parts: what is changed here is changed everywhere that follows from it."""

    ballots: list[tuple[bytes, bytes, str]]
    points: list[tuple[int, int]]
    minutes: list[dict[str, Any]]
    key: Ed25519PrivateKey = OURS
    origin: str = ORIGIN
    aside: int = 0
    rejected: int = 0
    votes: Counter[str] = field(default_factory=Counter)


def day(count: int, *sizes: int) -> Day:
    """A vote of `count` ballots, with checkpoints of the empty box, of `sizes`, and of the whole box."""
    ballots = [(hashed("code", n)[:10], hashed("salt", n), SLUGS[n * n % 4 % 3]) for n in range(count)]
    votes = Counter(slug for _, _, slug in ballots)
    digest = sha256(canonical(EDITION)).hexdigest()
    after = {"votes": dict(votes), "signatures": count + 3, "ballots": count}
    minutes = [
        minute("edition", {"digest": "00" * 32}),
        minute("edition", {"digest": digest}),
        minute("rejection", rejection(OUT)),
        minute("publication", after),
        minute("consultation", None),
    ]
    points = [(0, 2), *((size, 3) for size in sizes), (count, 4)]
    return Day(ballots, points, minutes, aside=1, rejected=2, votes=votes)


def rejection(codes: list[bytes]) -> dict[str, object]:
    digest = sha256("\n".join(map(spelled, codes)).encode()).hexdigest()
    return {"suspicion": SUSPICION, "rule": "surge", "count": len(codes), "codes": digest}


def files_of(day: Day, opened: bool = False) -> Files:
    """All files of the bundle but the manifest."""
    leaves = [code + commitment(salt, slug) for code, salt, slug in day.ballots]
    minutes = chained(day.minutes)
    notes = [checkpoint(leaves[:size], minutes[number - 1], day) for size, number in day.points]
    total = sum(day.votes.values())
    results = {
        "contest": CONTEST,
        "laureates": [
            {**laureate, "votes": day.votes[laureate["slug"]], "share": share(day.votes[laureate["slug"]], total)}  # type: ignore[index, dict-item]
            for laureate in EDITION["laureates"]
        ],
        "votes": total,
        "turnout": total + day.aside + day.rejected,
        "set_aside": day.aside,
        "rejected": day.rejected,
        "checkpoint": notes[-1],
        "minutes": minutes[:4],
    }
    lines = [f"{n} {spelled(leaf[:10])} {leaf[10:].hex()}\n" for n, leaf in enumerate(leaves)]
    openings = [f"{n} {salt.hex()} {slug}\n" for n, (_, salt, slug) in enumerate(day.ballots)]
    return {
        "cle.txt": f"{vkey(day.key)}\n".encode(),
        "edition.json": canonical(EDITION),
        "minutes.json": json.dumps(minutes, indent=1).encode(),
        "checkpoints.txt": "\n\f\n".join(notes).encode(),
        "resultats.json": json.dumps(results, ensure_ascii=False).encode(),
        "bulletins.txt": "".join(lines).encode(),
        "ecartes.txt": "".join(f"{spelled(code)} {SUSPICION}\n" for code in OUT).encode(),
        "verify.py": PROGRAM,
        **({"depouillement.txt": "".join(openings).encode()} if opened else {}),
    }


def sealed(files: Files, key: Ed25519PrivateKey = OURS) -> Files:
    """The files, under a manifest signed afresh."""
    listed = sorted(set(files) - {"manifest.txt"})
    text = f"{ORIGIN}\n" + "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in listed)
    return {**files, "manifest.txt": signed(text, key).encode()}


def whole(day: Day, opened: bool = False) -> Files:
    return sealed(files_of(day, opened), day.key)


def judge(files: Files, key: str = "", kept: list[str] | None = None, twice: str = "") -> tuple[int, str]:
    """The exit status, and what is said."""
    names = [*files, *([twice] if twice else [])]
    with redirect_stdout(io.StringIO()) as said:
        status = verify.Verifier(names, lambda name: io.BytesIO(files[name]), key, kept or []).verify()
    return status, said.getvalue()


def signed(text: str, key: Ed25519PrivateKey = OURS, name: str = ORIGIN) -> str:
    return f"{text}\n— {name} {b64encode(key_id(key, name) + key.sign(text.encode())).decode()}\n"


def key_id(key: Ed25519PrivateKey, name: str = ORIGIN) -> bytes:
    return sha256(name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]


def vkey(key: Ed25519PrivateKey) -> str:
    material = b"\x01" + key.public_key().public_bytes_raw()
    return f"{ORIGIN}+{key_id(key).hex()}+{b64encode(material).decode()}"


def checkpoint(leaves: list[bytes], bound: dict[str, Any], day: Day) -> str:
    root = b64encode(tree_head(leaves)).decode()
    return signed(f"{day.origin}\n{len(leaves)}\n{root}\nminutes {bound['number']} {bound['hash']}\n", day.key)


def tree_head(leaves: list[bytes]) -> bytes:
    """MTH, word for word as section 2.1 of RFC 6962 defines it."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_head(leaves[:split]) + tree_head(leaves[split:])).digest()


def minute(act: str, after: Any, contest: str = CONTEST) -> dict[str, Any]:
    at = "2019-11-07T08:00:00.000000+00:00"
    return {"contest": contest, "at": at, "act": act, "who": "Zoé", "why": "Décidé.", "before": None, "after": after}


def chained(minutes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines, previous = [], b""
    for number, content in enumerate(minutes, start=1):
        line = content | {"number": number}
        previous = sha256(previous + canonical(line)).digest()
        lines.append(line | {"hash": previous.hex()})
    return lines


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hashed(what: str, n: int) -> bytes:
    return sha256(f"{what} {n}".encode()).digest()


def commitment(salt: bytes, slug: str) -> bytes:
    return sha256(salt + slug.encode()).digest()


def spelled(code: bytes) -> str:
    number = int.from_bytes(code, "big")
    letters = ["0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> 5 * place & 31] for place in reversed(range(16))]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4))


def share(votes: int, total: int) -> float:
    return round(1000 * votes / total) / 10 if total else 0.0


# ---- what is good passes


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(
    "sizes", [(0,), (1,), (2, 1), (3, 2, 2), (7, 1, 4, 6), (300, 10, 64, 65, 255, 256)], ids=lambda sizes: str(sizes[0])
)
def test_a_good_bundle_passes(sizes: tuple[int, ...], opened: bool) -> None:
    status, said = judge(whole(day(*sizes), opened), vkey(OURS))
    assert (status, said.count("WRONG"), said.count("ok     ")) == (0, 0, 7 if opened else 6)
    assert said.endswith("VERDICT: everything agrees.\n")
    assert ("allows a recount" in said) is not opened


def test_a_laureate_without_votes_and_added_records_pass() -> None:
    told = day(3)
    assert 0 in [told.votes[slug] for slug in SLUGS]
    assert judge(sealed(files_of(told) | {"proces-verbal.html": b"<p>", "proces-verbal.pdf": b"%PDF"}))[0] == 0


def test_the_roots_are_those_of_certificate_transparency() -> None:
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    heads = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    count, roots = verify.tree_roots(map(bytes.fromhex, leaves), set(range(9)))
    assert (count, [roots[size].hex() for size in range(9)]) == (8, heads)


def test_a_note_signed_elsewhere_is_verified() -> None:
    """The key and the note in the documentation of Go's sumdb/note."""
    line = b"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    encoded = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    verifier = verify.Verifier(["manifest.txt"], lambda name: io.BytesIO(line), "", [])
    verifier.check_key()
    assert verifier.signed_text(f"{text}\n— PeterNeumann {encoded}\n", "it") == text
    with pytest.raises(verify.Wrong, match="changed"):
        verifier.signed_text(f"{text[1:]}\n— PeterNeumann {encoded}\n", "it")


@pytest.mark.parametrize("size", range(70))
def test_the_root_of_any_number_of_ballots_is_the_definition(size: int) -> None:
    leaves = [hashed("leaf", n) for n in range(size)]
    assert verify.tree_roots(leaves, {size})[1][size] == tree_head(leaves)


# ---- what is tampered with fails, and is named


def text_of(files: Files, name: str, old: str, new: str) -> None:
    text = files[name].decode()
    assert old in text
    files[name] = text.replace(old, new, 1).encode()


def lines_of(
    name: str, change: Callable[[list[list[bytes]]], object], renumber: bool = True
) -> Callable[[Files], None]:
    """A change of the lines of a list, which are given split; positions are made good again afterwards."""

    def tamper(files: Files) -> None:
        rows = [line.split(b" ") for line in files[name].splitlines()]
        change(rows)
        files[name] = b"".join(
            b" ".join([b"%d" % n if renumber else row[0], *row[1:]]) + b"\n" for n, row in enumerate(rows)
        )

    return tamper


def json_of(name: str, change: Callable[[Any], object]) -> Callable[[Files], None]:
    def tamper(files: Files) -> None:
        document = json.loads(files[name])
        change(document)
        files[name] = canonical(document)

    return tamper


def notes_of(change: Callable[[list[str]], object]) -> Callable[[Files], None]:
    def tamper(files: Files) -> None:
        notes = files["checkpoints.txt"].decode().split("\n\f\n")
        change(notes)
        files["checkpoints.txt"] = "\n\f\n".join(notes).encode()

    return tamper


def swap(rows: list[Any], one: int, other: int) -> None:
    rows[one], rows[other] = rows[other], rows[one]


def put(rows: Any, place: Any, value: Any) -> object:
    rows[place] = value
    return rows


def ballots_of(change: Callable[[list[list[bytes]]], object], renumber: bool = True) -> Callable[[Files], None]:
    return lines_of("bulletins.txt", change, renumber)


def minutes_of(change: Callable[[Any], object]) -> Callable[[Files], None]:
    return json_of("minutes.json", change)


def results_of(change: Callable[[Any], object]) -> Callable[[Files], None]:
    return json_of("resultats.json", change)


def changed(name: str, change: Callable[[str], str]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        files[name] = change(files[name].decode()).encode()

    return apply


def openings_of(change: Callable[[list[list[bytes]]], object]) -> Callable[[Files], None]:
    return lines_of("depouillement.txt", change)


NEW = [b"", b"0123-4567-89AB-CDEF", b"ab" * 32]

BY_THE_HOLDER_OF_THE_KEY: dict[str, tuple[Callable[[Files], object], str]] = {
    "a ballot's code edited": (ballots_of(lambda b: put(b[5], 1, NEW[1])), "from position 4 to 5 are not"),
    "a ballot's commitment edited": (ballots_of(lambda b: put(b[2], 2, NEW[2])), "from position 1 to 3 are not"),
    "the first ballot dropped": (ballots_of(lambda b: b.pop(0)), "from position 0 to 0 are not"),
    "the last ballot dropped": (ballots_of(lambda b: b.pop()), "checkpoint 5 has 7 ballots, the list 6"),
    "every ballot dropped": (ballots_of(lambda b: b.clear()), "checkpoint 2 has 1 ballots, the list 0"),
    "a ballot added in the middle": (ballots_of(lambda b: b.insert(3, NEW)), "from position 1 to 3 are not"),
    "a ballot added at the end": (ballots_of(lambda b: b.append(NEW)), "from position 7 on are in no checkpoint"),
    "two ballots swapped": (ballots_of(lambda b: swap(b, 5, 6)), "from position 4 to 5 are not"),
    "a ballot repeated": (ballots_of(lambda b: b.append(b[3])), "at position 7 has the code of another"),
    "a position repeated": (ballots_of(lambda b: put(b[3], 0, b"2"), False), "line for position 3 in bulletins.txt"),
    "a position with a zero": (
        ballots_of(lambda b: put(b[3], 0, b"03"), False),
        "line for position 3 in bulletins.txt",
    ),
    "a code in lower case": (ballots_of(lambda b: put(b[1], 1, b[1][1].lower())), "line for position 1 in bulletins"),
    "a code with a letter U": (ballots_of(lambda b: put(b[1], 1, b"U" + b[1][1][1:])), "line for position 1 in"),
    "a commitment cut": (ballots_of(lambda b: put(b[6], 2, b[6][2][:62])), "line for position 6 in bulletins.txt"),
    "a last line without end": (lambda f: put(f, "bulletins.txt", f["bulletins.txt"][:-1]), "line for position 6 in"),
    "a minute edited": (minutes_of(lambda m: put(m[2], "why", "Autre.")), "minute 3 was changed"),
    "the first minute dropped": (minutes_of(lambda m: m.pop(0)), "minute 1 is missing"),
    "a minute dropped": (minutes_of(lambda m: m.pop(2)), "minute 3 is missing"),
    "the last minutes dropped": (
        minutes_of(lambda m: put(m, slice(3, 5), [])),
        "checkpoint 5 is bound to another minute 4",
    ),
    "every minute dropped": (minutes_of(lambda m: m.clear()), "0 minutes record a publication"),
    "two minutes swapped": (minutes_of(lambda m: swap(m, 1, 2)), "minute 2 is missing or out of place"),
    "a minute repeated": (minutes_of(lambda m: m.insert(2, m[1])), "minute 3 is missing or out of place"),
    "a minute's hash edited": (minutes_of(lambda m: put(m[4], "hash", "00" * 32)), "minute 5 was changed"),
    "a minute with more to say": (minutes_of(lambda m: put(m[3], "note", "")), "minute 4 was changed"),
    "a minute that is no minute": (
        minutes_of(lambda m: put(m, 1, "edition")),
        "Each minute follows from the one before",
    ),
    "the edition edited": (lambda f: text_of(f, "edition.json", "le-fil", "le-fol"), "edition.json is not the one in"),
    "no checkpoint": (lambda f: put(f, "checkpoints.txt", b""), "checkpoint 1 was changed"),
    "the last checkpoint dropped": (notes_of(lambda n: n.pop()), "from position 6 on are in no checkpoint"),
    "two checkpoints swapped": (notes_of(lambda n: swap(n, 1, 2)), "checkpoint 3 goes back"),
    "a checkpoint's size edited": (
        lambda f: text_of(f, "checkpoints.txt", "\n4\n", "\n5\n"),
        "checkpoint 3 was changed",
    ),
    "a checkpoint signed by another": (
        notes_of(lambda n: put(n, 1, signed(n[1].split("\n\n")[0] + "\n", ANOTHERS))),
        "checkpoint 2 was changed after it was signed, or signed with another key",
    ),
    "a checkpoint unsigned": (notes_of(lambda n: put(n, 2, n[2].split("\n— ")[0])), "checkpoint 3 was changed"),
    "a checkpoint that is none": (
        notes_of(lambda n: put(n, 2, signed("Bonjour.\n"))),
        "checkpoint 3 is not a checkpoint",
    ),
    "the manifest as checkpoint": (
        lambda f: put(f, "checkpoints.txt", sealed(dict(f))["manifest.txt"]),
        "checkpoint 1 is not a checkpoint",
    ),
    "votes moved": (
        results_of(lambda r: [put(r["laureates"][n], "votes", v) for n, v in ((0, 0), (1, 7))]),
        "minute 4 records other votes",
    ),
    "names swapped": (
        results_of(lambda r: [put(r["laureates"][n], "name", r["laureates"][1 - n]["name"]) for n in (0, 1)]),
        "laureates are not those of the edition",
    ),
    "a laureate dropped": (results_of(lambda r: r["laureates"].pop()), "laureates are not those of the edition"),
    "a laureate twice": (results_of(lambda r: r["laureates"].append(r["laureates"][2])), "laureates are not those of"),
    "a vote more": (results_of(lambda r: put(r["laureates"][0], "votes", 99)), "do not add up to 7"),
    "a vote in words": (results_of(lambda r: put(r["laureates"][0], "votes", "4")), "'4' is not a number of ballots"),
    "a vote in fractions": (results_of(lambda r: put(r, "votes", 7.0)), "7.0 is not a number of ballots"),
    "fewer than none set aside": (
        results_of(lambda r: [put(r, "set_aside", -1), put(r, "rejected", 4)]),
        "-1 is not a number of ballots",
    ),
    "a turnout of more": (results_of(lambda r: put(r, "turnout", 11)), "the turnout 11 is not 7 + 1 + 2"),
    "a turnout and rejected of more": (
        results_of(lambda r: [put(r, "turnout", 11), put(r, "rejected", 3)]),
        "minute 4 has other totals",
    ),
    "a rejected ballot that is not the one of the minutes": (
        changed("ecartes.txt", lambda text: text.replace(spelled(OUT[1]), spelled(hashed("code", 99)[:10]))),
        "ecartes.txt is not what the minutes record",
    ),
    "a rejected ballot that is in the box": (
        changed("ecartes.txt", lambda text: text.replace(spelled(OUT[1]), spelled(hashed("code", 0)[:10]))),
        "a rejected ballot is in the box",
    ),
    "a rejected ballot less": (
        changed("ecartes.txt", lambda text: text.splitlines(keepends=True)[0]),
        "ecartes.txt lists 1 rejected ballots, the results 2",
    ),
    "a share of more": (results_of(lambda r: put(r["laureates"][1], "share", 99.9)), "share of 'le-pont' is not 99.9"),
    "results of another contest": (results_of(lambda r: put(r, "contest", "2018")), "of another contest"),
    "results with an older minute": (results_of(lambda r: put(r["minutes"][0], "why", "")), "not minutes.json's"),
    "results without minutes": (results_of(lambda r: put(r, "minutes", [])), "not minutes.json's"),
    "results of another checkpoint": (
        results_of(lambda r: put(r, "checkpoint", None)),
        "no such checkpoint of the whole",
    ),
    "results without turnout": (results_of(lambda r: r.pop("turnout")), "KeyError('turnout')"),
    "results that are no JSON": (lambda f: put(f, "resultats.json", b"{" * 100_000), "The results agree"),
    "a salt edited": (openings_of(lambda o: put(o[4], 1, NEW[2])), "ballot at position 4 was not sealed"),
    "two salts swapped": (
        openings_of(lambda o: [put(o[n], 1, salt) for n, salt in ((2, o[3][1]), (3, o[2][1]))]),
        "ballot at position 2 was not sealed",
    ),
    "a choice edited": (openings_of(lambda o: put(o[6], 2, b"le-fil")), "not sealed as a vote for 'le-fil'"),
    "an opening dropped": (openings_of(lambda o: o.pop()), "no opening, at position 6"),
    "an opening added": (openings_of(lambda o: o.append(o[0])), "no ballot, or no opening, at position 7"),
    "an opening cut": (openings_of(lambda o: o[0].pop()), "line for position 0 in depouillement.txt"),
    "a key id edited": (lambda f: text_of(f, "cle.txt", f"+{key_id(OURS).hex()}+", "+00000000+"), "not '00000000'"),
    "a key of another kind": (
        lambda f: put(f, "cle.txt", b"name+00000000+" + b64encode(b"\x02" + bytes(32))),
        "not an Ed25519 key",
    ),
    "another key": (lambda f: put(f, "cle.txt", vkey(ANOTHERS).encode()), "manifest.txt was changed"),
}


@pytest.mark.parametrize("tampering", BY_THE_HOLDER_OF_THE_KEY)
def test_a_file_changed_and_signed_again_disagrees_with_another_file(tampering: str) -> None:
    tamper, sentence = BY_THE_HOLDER_OF_THE_KEY[tampering]
    files = files_of(day(7, 1, 4, 6), opened=True)
    tamper(files)
    status, said = judge(sealed(files))
    wrong = [line for line in said.splitlines() if line.startswith("WRONG")]
    assert status == 1
    assert any(sentence in line for line in wrong), said
    assert judge(files | {"manifest.txt": whole(day(7, 1, 4, 6), opened=True)["manifest.txt"]})[0] == 1


def without(name: str) -> Callable[[Files], object]:
    return lambda files: files.pop(name)


def manifest_of(change: Callable[[str], str]) -> Callable[[Files], object]:
    return lambda files: put(files, "manifest.txt", change(files["manifest.txt"].decode()).encode())


def respelled(note: str) -> str:
    """The same signature in other letters: the last character before "=" has two bits that count for nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = letters[letters.index(note[-3]) ^ 1]
    encoded = note.rpartition(" ")[2]
    assert b64decode(encoded) == b64decode(f"{encoded[:-3]}{other}=")
    return f"{note[:-3]}{other}=\n"


BY_ANYONE: dict[str, tuple[Callable[[Files], object], str]] = {
    "a file dropped": (without("resultats.json"), "missing: 'resultats.json'"),
    "the key dropped": (without("cle.txt"), "No: KeyError('cle.txt')"),
    "a file added": (lambda f: put(f, "LISEZ\x1b[2JMOI", b""), r"or twice: 'LISEZ\x1b[2JMOI'"),
    "a file renamed": (
        lambda f: put(f, "verifier.py", f.pop("verify.py")),
        "missing: 'verify.py'; not in the manifest",
    ),
    "two files swapped": (
        lambda f: f.update({"edition.json": f["cle.txt"], "verify.py": f["edition.json"]}),
        "changed: 'edition.json', 'verify.py'",
    ),
    "a line of the manifest dropped": (
        manifest_of(lambda m: "\n".join(line for line in m.split("\n") if not line.endswith("verify.py"))),
        "manifest.txt was changed",
    ),
    "the manifest signed by another": (lambda f: f.update(sealed(f, ANOTHERS)), "or signed with another key"),
    "the manifest signed twice": (manifest_of(lambda m: m + m.split("\n\n")[1]), "manifest.txt was changed"),
    "the signature respelled": (manifest_of(respelled), "manifest.txt is not a note with one signature"),
    "the manifest unsigned": (manifest_of(lambda m: m.split("\n— ")[0]), "manifest.txt was changed"),
    "the manifest empty": (manifest_of(lambda m: ""), "manifest.txt was changed"),
    "the manifest in another order": (
        lambda f: put(f, "manifest.txt", signed("\n".join([ORIGIN, *reversed(manifest_lines(f))]) + "\n").encode()),
        "the manifest is malformed",
    ),
}


def manifest_lines(files: Files) -> list[str]:
    return files["manifest.txt"].decode().split("\n\n")[0].split("\n")[1:]


@pytest.mark.parametrize("tampering", BY_ANYONE)
def test_a_bundle_changed_after_it_was_signed_fails(tampering: str) -> None:
    tamper, sentence = BY_ANYONE[tampering]
    files = whole(day(7, 1, 4, 6), opened=True)
    tamper(files)
    status, said = judge(files)
    assert status == 1
    assert sentence in said
    assert "\x1b" not in said


def test_a_file_that_is_there_twice_fails() -> None:
    assert "or twice: 'minutes.json'" in judge(whole(day(2)), twice="minutes.json")[1]


def total_of(told: Day) -> dict[str, Any]:
    return {"votes": dict(told.votes), "ballots": told.votes.total(), "signatures": told.votes.total() + 3}


STORIES: dict[str, tuple[Callable[[Day], object], str]] = {
    "an older box last": (lambda d: d.points.insert(2, (0, 3)), "checkpoint 3 goes back"),
    "an older minute last": (lambda d: d.points.append((7, 3)), "checkpoint 6 goes back"),
    "a box not all sealed": (lambda d: d.points.pop(), "from position 6 on are in no checkpoint"),
    "a box of another name": (
        lambda d: put(d.__dict__, "origin", "vote.example/2018"),
        "checkpoint 1 is not a checkpoint",
    ),
    "a code used twice": (lambda d: put(d.ballots, 6, (d.ballots[0][0], *d.ballots[6][1:])), "position 6 has the code"),
    "a vote for nobody": (lambda d: put(d.ballots, 6, (*d.ballots[6][:2], "moi")), "as a vote for 'moi'"),
    "votes moved in minutes and results": (
        lambda d: [d.votes.update({"la-ruche": -1, "le-pont": 1}), d.minutes[3]["after"].update(votes=dict(d.votes))],
        "the ballots give {",
    ),
    "a vote without a ballot": (
        lambda d: [d.votes.update({"le-fil": 1}), d.minutes[3]["after"].update(total_of(d))],
        "they count 8 votes, the box holds 7 ballots",
    ),
    "published twice": (lambda d: d.minutes.append(d.minutes[3]), "2 minutes record a publication"),
    "never published": (lambda d: put(d.minutes[3], "act", "closure"), "0 minutes record a publication"),
    "a minute of another contest": (lambda d: put(d.minutes[2], "contest", "2018"), "minute 3 is of another contest"),
    "an edition corrected in silence": (lambda d: put(d.minutes[1], "act", "staff"), "edition.json is not the one in"),
    "minutes of another contest": (lambda d: [put(m, "contest", "2018") for m in d.minutes], "than the minutes"),
    "other ballots than recorded": (lambda d: put(d.minutes[3]["after"], "ballots", 8), "minute 4 has other totals"),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_whole_story_that_contradicts_itself_fails(story: str) -> None:
    change, sentence = STORIES[story]
    told = day(7, 1, 4, 6)
    change(told)
    status, said = judge(whole(told, opened=True))
    assert status == 1
    assert sentence in said


# ---- what was kept is remembered


def written(path: Path, *notes: str) -> str:
    path.write_text("\n\f\n".join(notes), encoding="utf-8")
    return str(path)


def note_of(told: Day, size: int, number: int) -> str:
    leaves = [code + commitment(salt, slug) for code, salt, slug in told.ballots]
    return checkpoint(leaves[:size], chained(told.minutes)[number - 1], told)


def test_kept_checkpoints_of_the_same_box_agree(tmp_path: Path) -> None:
    told = day(7, 1, 4)
    one = written(tmp_path / "one.txt", note_of(told, 4, 3))
    unlisted = written(tmp_path / "unlisted.txt", note_of(told, 5, 3), note_of(told, 2, 2))
    mailed = tmp_path / "mailed.txt"
    mailed.write_bytes(b"\xef\xbb\xbf" + note_of(told, 7, 4).replace("\n", "\r\n").encode() + b"\r\n")
    status, said = judge(whole(told), vkey(OURS), [one, unlisted, str(mailed)])
    assert (status, "--checkpoint" in said) == (0, False)


def rewritten(told: Day) -> Day:
    """Another choice for one voter, and everything that follows from it made good."""
    code, salt, slug = told.ballots[2]
    told.ballots[2] = code, salt, next(other for other in SLUGS if other != slug)
    told.votes = Counter(slug for _, _, slug in told.ballots)
    told.minutes[3]["after"]["votes"] = dict(told.votes)
    return told


KEPT: dict[str, tuple[Callable[[Day], object], str]] = {
    "a box rewritten": (rewritten, "from position 0 to 3 are not those of"),
    "a box rolled back": (
        lambda d: [put(d.ballots, slice(3, 7), []), put(d.points, slice(2, 5), [(3, 4)]), reconciled(d)],
        "has 4 ballots, the list 3",
    ),
    "a minute rewritten": (lambda d: put(d.minutes[1], "why", "Autre."), "is bound to another minute 3"),
    "a minute dropped": (
        lambda d: [d.minutes.pop(2), put(d.points, slice(0, 5), [(0, 2), (7, 3)])],
        "bound to another minute 3",
    ),
    "another key": (lambda d: put(d.__dict__, "key", ANOTHERS), "or signed with another key"),
}


def reconciled(told: Day) -> object:
    told.votes = Counter(slug for _, _, slug in told.ballots)
    told.minutes[3]["after"] = {"votes": dict(told.votes), "signatures": len(told.ballots) + 3}
    return told


@pytest.mark.parametrize("story", KEPT)
def test_a_story_made_good_in_all_its_parts_disagrees_with_a_kept_checkpoint(story: str, tmp_path: Path) -> None:
    change, sentence = KEPT[story]
    kept = written(tmp_path / "gardée.txt", note_of(day(7, 1, 4, 6), 4, 3))
    told = day(7, 1, 4, 6)
    change(told)
    files = whole(told, opened=True)
    if story != "another key":
        assert judge(files)[0] == 0
    status, said = judge(files, kept=[kept])
    assert status == 1
    assert sentence in said
    assert r"gard\xe9e.txt' 1" in said


@pytest.mark.parametrize("text", ["", "\n\n", "Bonjour,\n\n— vous\n", "\f"])
def test_a_kept_file_that_is_no_checkpoint_is_not_passed_over(text: str, tmp_path: Path) -> None:
    assert judge(whole(day(2)), kept=[written(tmp_path / "kept.txt", text)])[0] == 1


def test_a_kept_file_that_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    status, said = judge(whole(day(2)), kept=[str(tmp_path / "absent.txt")])
    assert status == 1
    assert "absent.txt" in said


def test_a_bundle_signed_with_another_key_than_the_one_given_is_refused() -> None:
    files = whole(Day(**{**day(2).__dict__, "key": ANOTHERS}))
    files["cle.txt"] = vkey(ANOTHERS).encode()
    assert judge(files)[0] == 1  # the manifest lists the former
    files = sealed(files, ANOTHERS)
    assert judge(files)[0] == 0
    assert judge(files, vkey(ANOTHERS) + "\n")[0] == 0
    status, said = judge(files, vkey(OURS))
    assert status == 1
    assert f"the bundle's is another, '{vkey(ANOTHERS)}'" in said


# ---- any byte


SMALL = whole(day(3, 1), opened=True) | {"verify.py": b"print()\n"}
SMALL = sealed(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_byte_changed_fails(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SMALL[name]) - 1))
    flipped = bytearray(SMALL[name])
    flipped[place] ^= data.draw(st.integers(1, 255))
    assert judge(SMALL | {name: bytes(flipped)})[0] == 1


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SMALL)), st.data())
def test_any_cut_or_addition_fails(name: str, data: st.DataObject) -> None:
    content = SMALL[name]
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
    added = data.draw(st.binary(min_size=0 if end > start else 1, max_size=3))
    changed = content[:start] + added + content[end:]
    assert (judge(SMALL | {name: changed})[0] == 0) is (changed == content)


def test_every_bit_of_the_manifest_counts() -> None:
    """No other file vouches for the manifest."""
    verifier = verify.Verifier(["manifest.txt"], lambda name: io.BytesIO(SMALL[name]), "", [])
    verifier.check_key()
    note = SMALL["manifest.txt"]
    assert verifier.signed_text(note.decode(), "it")
    for bit in range(8 * len(note)):
        flipped = bytearray(note)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((verify.Wrong, UnicodeDecodeError)):
            verifier.signed_text(flipped.decode(), "it")


@pytest.mark.parametrize("name", ["bulletins.txt", "depouillement.txt", "edition.json"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_byte_changed_and_signed_again_fails(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SMALL[name]) - 1))
    flipped = bytearray(SMALL[name])
    flipped[place] ^= data.draw(st.integers(1, 255))
    assert judge(sealed(SMALL | {name: bytes(flipped)}))[0] == 1


# ---- as a juror runs it


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])
    return path


def run(*arguments: str | Path) -> tuple[int, str]:
    with redirect_stdout(io.StringIO()) as said:
        status = verify.main([str(argument) for argument in arguments])
    return status, said.getvalue()


def test_the_zip_and_its_folder_pass_and_an_altered_folder_does_not(tmp_path: Path) -> None:
    told = day(7, 4)
    path = zipped(tmp_path / "bundle.zip", whole(told))
    kept = written(tmp_path / "kept.txt", note_of(told, 4, 3))
    assert run(path, "--key", vkey(OURS), "--checkpoint", kept, kept)[0] == 0
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    assert run(tmp_path / "folder")[0] == 0
    (tmp_path / "folder" / "sub").mkdir()
    assert "or twice: 'sub'" in run(tmp_path / "folder")[1]


def test_the_program_in_the_bundle_runs_alone(tmp_path: Path) -> None:
    zipped(tmp_path / "bundle.zip", whole(day(7, 4)))
    (tmp_path / "verify.py").write_bytes(PROGRAM)
    command = [sys.executable, "-I", "-W", "error", "verify.py", "bundle.zip"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("VERDICT: everything agrees.\n")


def test_the_program_needs_nothing_but_python_and_one_package_and_is_short_enough_to_read() -> None:
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else name.name).partition(".")[0]
        for node in ast.walk(ast.parse(PROGRAM))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}
    assert len(PROGRAM.splitlines()) <= 250
    ast.parse(PROGRAM, feature_version=(3, 9))


@pytest.mark.parametrize("content", [b"", b"PK", b"Bonjour", b"PK\x05\x06" + bytes(18), None])
def test_what_is_no_bundle_is_said_to_be_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "it.zip"
    if content is not None:
        path.write_bytes(content)
    status, said = run(path)
    assert status == 2
    assert "is not a bundle" in said
    assert run(tmp_path)[0] == 2


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_byte_of_the_zip_that_is_changed_fails_or_changes_no_file(data: st.DataObject) -> None:
    with io.BytesIO() as whole_zip:
        zipped(whole_zip, SMALL)  # type: ignore[arg-type]
        content = bytearray(whole_zip.getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with redirect_stdout(io.StringIO()):
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            status = verify.Verifier(archive.namelist(), archive.open, "", []).verify()
        except Exception:
            return
        assert status == 1 or {name: archive.read(name) for name in archive.namelist()} == SMALL
