"""Bundles: what was published audits itself, with our code and with the verifier inside, to the last byte."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from bundles import STATION, Bundles, audit, bundles_of, publish, verify, written
from crowds import SLUGS
from people import House

from vote import bundle
from vote.db import Database
from vote.errors import Misuse


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> Bundles:
    return bundles_of(tmp_path_factory.mktemp("bundles"), prepared_file)


@pytest.fixture(params=["public", "scrutineers"])
def path(request: pytest.FixtureRequest, bundles: Bundles, tmp_path: Path) -> Path:
    found = tmp_path / f"{request.param}.zip"
    found.write_bytes(getattr(bundles, request.param))
    return found


def test_a_bundle_audits_itself(path: Path, bundles: Bundles, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(bundles.kept[1])
    status, said = audit(path, "--witness", str(kept))
    assert (status, "DISAGREES" in said) == (0, False), said
    assert "12 ballots of a kept checkpoint are still as they were" in said
    assert ("recount" in said) == (path.stem == "scrutineers")


def test_the_verifier_in_the_bundle_agrees(path: Path, bundles: Bundles, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(bundles.kept[1])
    status, said = verify(path, "--checkpoint", str(kept), "--key", STATION.signer.verifier.text())
    assert status == 0, said


def test_the_bundle_of_either_database_audits_itself(database: Database) -> None:
    publish(database)
    found = written(database)
    assert written(database) == found  # the same bytes each time
    for content in found[:2]:
        assert all(finding.holds for finding in bundle.read(content))


def test_the_public_bundle_opens_no_ballot(bundles: Bundles) -> None:
    public, opened = bundle.unpack(bundles.public), bundle.unpack(bundles.scrutineers)
    salts = [line.split(" ")[1] for line in opened["depouillement.txt"].decode().splitlines()]
    assert len(salts) == 40
    for name, content in public.items():
        assert not any(salt.encode() in content or bytes.fromhex(salt) in content for salt in salts), name
    assert "depouillement.txt" not in public
    assert not any(slug.encode() in public["bulletins.txt"] for slug in SLUGS)
    assert {name: opened[name] for name in public if name != "manifest.txt"} == {
        name: content for name, content in public.items() if name != "manifest.txt"
    }


def test_there_is_no_bundle_before_the_publication(house: House) -> None:
    house.voter("marie@example.org").vote()
    officer = house.officer()
    for _ in range(2):
        assert house.client().get("/resultats/urne.zip").status_code == 409
        assert officer.client.get("/bureau/depouillement.zip").status_code == 409
        officer.close()
    assert officer.publish().status_code == 200
    assert all(finding.holds for finding in bundle.read(house.client().get("/resultats/urne.zip").content))
    assert house.client().get("/bureau/depouillement.zip", follow_redirects=False).status_code == 303
    scrutiny = officer.client.get("/bureau/depouillement.zip")
    assert "attachment" in scrutiny.headers["content-disposition"]
    assert "depouillement.txt" in bundle.unpack(scrutiny.content)


def passes(content: bytes, kept: tuple[str, ...] = ()) -> bool:
    try:
        return all(finding.holds for finding in bundle.read(content, kept))
    except Misuse:
        return False


def test_any_flipped_byte_is_seen(bundles: Bundles) -> None:
    content = bundles.scrutineers
    chosen = {secrets.randbelow(len(content)) for _ in range(300)}
    for place in sorted({*range(200), *range(len(content) - 300, len(content)), *chosen}):
        damaged = bytearray(content)
        damaged[place] ^= 1 << secrets.randbelow(8)
        assert not passes(bytes(damaged)), place


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 100, b"pas un zip", secrets.token_bytes(5000)])
def test_what_is_no_bundle_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    status, said = audit(path)
    assert status == 1
    assert said.startswith("Error: This is not a bundle, or it is damaged")
    assert said.count("\n") == 1


def test_a_bundle_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    status, said = audit(tmp_path / "nowhere.zip")
    assert status == 2
    assert "does not exist" in said
