"""Bundles that were changed with care: re-packed, or signed anew with another key or even with the station's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from bundles import STATION, Bundles, Files, audit, bundles_of, verify
from intruder import OWN_KEY

from vote import bundle, minutes
from vote.notes import Signer

Change = Callable[[Files], None]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> Bundles:
    return bundles_of(tmp_path_factory.mktemp("bundles"), prepared_file)


def lines_of(files: Files, name: str = "bulletins.txt") -> list[str]:
    return files[name].decode().splitlines(keepends=True)


def in_lists(change: Callable[[list[str]], list[str]]) -> Change:
    """The same change to both lists of ballots, positions made right."""

    def act(files: Files) -> None:
        for name in ("bulletins.txt", "depouillement.txt"):
            lines = change([line.split(" ", 1)[1] for line in lines_of(files, name)])
            files[name] = "".join(f"{position} {line}" for position, line in enumerate(lines)).encode()

    return act


def replace(name: str, old: str, new: str) -> Change:
    def act(files: Files) -> None:
        assert old.encode() in files[name]
        files[name] = files[name].replace(old.encode(), new.encode(), 1)

    return act


def add_ballot(files: Files) -> None:
    """The commitment of another one, under a code of its own."""
    commitment = lines_of(files)[0].split(" ")[2]
    files["bulletins.txt"] += f"40 ZZZZ-ZZZZ-ZZZZ-ZZZZ {commitment}".encode()
    files["depouillement.txt"] += f"40 {lines_of(files, 'depouillement.txt')[0][2:]}".encode()


def open_otherwise(files: Files) -> None:
    first, *rest = lines_of(files, "depouillement.txt")
    position, salt, laureate = first.split(" ")
    other = "bien-etre-medical" if "ilot" in laureate else "ilot-femmes"
    files["depouillement.txt"] = "".join([f"{position} {salt} {other}\n", *rest]).encode()


def swap_salts(files: Files) -> None:
    rows = [line.split(" ") for line in lines_of(files, "depouillement.txt")]
    rows[3][1], rows[4][1] = rows[4][1], rows[3][1]
    files["depouillement.txt"] = "".join(" ".join(row) for row in rows).encode()


def swap_votes(files: Files) -> None:
    results = json.loads(files["resultats.json"])
    first, second = results["laureates"][:2]
    first["votes"], second["votes"] = first["votes"] + 1, second["votes"] - 1
    files["resultats.json"] = json.dumps(results, **minutes.CANONICAL).encode()


def chain_anew(files: Files) -> None:
    lines, previous = json.loads(files["minutes.json"]), b""
    lines[-2]["why"] = "Panne"
    for line in lines:
        previous = minutes.digest(line, previous)
        line["hash"] = previous.hex()
    files["minutes.json"] = json.dumps(lines, **minutes.CANONICAL).encode()


def forge_checkpoint(files: Files) -> None:
    *earlier, last = files["checkpoints.txt"].decode().split("\n\f\n")
    files["checkpoints.txt"] = "\n\f\n".join([*earlier, OWN_KEY.sign(last.split("\n\n")[0] + "\n")]).encode()


def drop_checkpoint(files: Files) -> None:
    *earlier, _ = files["checkpoints.txt"].decode().split("\n\f\n")
    files["checkpoints.txt"] = "\n\f\n".join(earlier).encode()


CHANGES: dict[str, tuple[Change, str]] = {
    "a ballot is missing": (in_lists(lambda lines: lines[:5] + lines[6:]), "of 12 ballots"),
    "the last ballot is missing": (in_lists(lambda lines: lines[:-1]), "of 40 ballots"),
    "a ballot is added": (add_ballot, "41"),
    "two ballots are swapped": (in_lists(lambda lines: [lines[1], lines[0], *lines[2:]]), "of 12 ballots"),
    "a ballot is there twice": (in_lists(lambda lines: [*lines, lines[7]]), "code of another"),
    "positions are wrong": (replace("bulletins.txt", "\n7 ", "\n8 "), "7"),
    "a code is changed": (replace("bulletins.txt", "-", "-0"), "bulletins.txt"),
    "a ballot is opened otherwise": (open_otherwise, "Ballot 0 does not open"),
    "two salts are swapped": (swap_salts, "Ballot 3 does not open"),
    "a minute is edited": (replace("minutes.json", '"why":"Fin"', '"why":"Panne"'), "Minute 2"),
    "a minute is edited and the chain made right": (chain_anew, "minute"),
    "the edition is edited": (replace("edition.json", "Coup de C", "Choc de C"), "edition"),
    "votes are moved in the results": (swap_votes, "results"),
    "the turnout is changed": (replace("resultats.json", '"turnout":40', '"turnout":41'), "results"),
    "a name is changed in the results": (replace("resultats.json", "Îlot Femmes", "Ilot Hommes"), "announcement"),
    "a checkpoint is forged": (forge_checkpoint, "Checkpoint 4 is not signed"),
    "the last checkpoint is dropped": (drop_checkpoint, "last checkpoint"),
    "the key is another": (lambda files: files.update({"cle.txt": OWN_KEY.verifier.text().encode()}), "signed"),
    "a file is dropped": (lambda files: files.__delitem__("proces-verbal.pdf"), "proces-verbal.pdf"),
    "a file is added": (lambda files: files.update({"lisez-moi.txt": b"Faux"}), "lisez-moi.txt"),
}


def sign(files: Files, signer: Signer) -> None:
    names = sorted(set(files) - {"manifest.txt"})
    listing = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in names)
    files["manifest.txt"] = signer.sign(f"{signer.name}\n{listing}").encode()


@pytest.mark.parametrize("name", CHANGES)
def test_a_bundle_changed_and_packed_again_says_where(name: str, bundles: Bundles, tmp_path: Path) -> None:
    change, where = CHANGES[name]
    files = bundle.unpack(bundles.scrutineers)
    change(files)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.pack(files))
    status, said = audit(path)
    assert status == 1
    wrong = [line for line in said.splitlines() if line.startswith("DISAGREES")]
    assert wrong
    assert where in " ".join(wrong)


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"a file is dropped", "a file is added", "the key is another"}))
def test_even_the_stations_own_key_cannot_sign_a_changed_bundle(name: str, bundles: Bundles, tmp_path: Path) -> None:
    files = bundle.unpack(bundles.scrutineers)
    CHANGES[name][0](files)
    sign(files, STATION.signer)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.pack(files))
    assert audit(path)[0] == 1


def test_a_bundle_signed_anew_with_another_key_is_seen_by_who_kept_a_checkpoint(
    bundles: Bundles, tmp_path: Path
) -> None:
    files = bundle.unpack(bundles.scrutineers)
    notes = [OWN_KEY.sign(note.split("\n\n")[0] + "\n") for note in bundles.kept]
    results = json.loads(files["resultats.json"]) | {"checkpoint": notes[-1]}
    files["checkpoints.txt"] = "\n\f\n".join(notes).encode()
    files["resultats.json"] = json.dumps(results, **minutes.CANONICAL).encode()
    files["cle.txt"] = f"{OWN_KEY.verifier.text()}\n".encode()
    sign(files, OWN_KEY)
    path, kept = tmp_path / "bundle.zip", tmp_path / "kept.txt"
    path.write_bytes(bundle.pack(files))
    kept.write_text(bundles.kept[1])
    assert audit(path)[0] == 0  # nobody can tell who knows no key and kept nothing
    status, said = audit(path, "--witness", str(kept))
    assert status == 1
    assert "A kept checkpoint is not signed by" in said
    assert verify(path, "--checkpoint", str(kept))[0] == 1
    assert verify(path, "--key", STATION.signer.verifier.text())[0] == 1


@pytest.mark.parametrize("name", ["a ballot is missing", "a minute is edited", "a checkpoint is forged",
                                  "two salts are swapped"])  # fmt: skip
def test_the_verifier_in_the_bundle_sees_it_too(name: str, bundles: Bundles, tmp_path: Path) -> None:
    files = bundle.unpack(bundles.scrutineers)
    CHANGES[name][0](files)
    sign(files, STATION.signer)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.pack(files))
    status, said = verify(path)
    assert status == 1, said
