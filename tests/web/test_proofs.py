"""The urn as anybody sees it: every state of a ballot, proofs that verify, and never for whom it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from crowds import SLUGS, cast
from people import CONTEST, EDITION, House

from vote import merkle, sealing
from vote.ballot_box import leaf_hash
from vote.envelope import read_receipt_code, receipt_code
from vote.notes import Checkpoint, Verifier, decode_proof, read_checkpoint


def seal(house: House, voters: int = 12) -> list[str]:
    """A crowd votes and is sealed an hour later; answers their receipt codes."""
    first = int(house.clock.now().timestamp())
    codes = cast(house.database, range(first, first + voters), house.clock.now())
    house.clock.forward(hours=1)
    assert sealing.seal(house.database, house.station.sealer, house.clock.now()) is not None
    return [receipt_code(code) for code in codes]


def ask(house: House, code: str) -> Any:
    return house.client().get("/urne", params={"code": code})


def signed_box(house: House) -> Checkpoint:
    """The latest checkpoint, verified with the key that the site shows."""
    verifier = Verifier.read(house.client().get("/urne/cle").text)
    text = verifier.verifies(house.client().get("/urne/checkpoint").text)
    assert text is not None
    return read_checkpoint(text)


def included(house: House, code: str) -> bool:
    """Whether the proof of this ballot leads to the latest checkpoint."""
    proof, box = house.client().get(f"/urne/preuve/{code}").json(), signed_box(house)
    ballot_code = read_receipt_code(proof["code"])
    assert ballot_code is not None
    assert (proof["code"], proof["size"]) == (code, box.size)
    leaf = leaf_hash(ballot_code, bytes.fromhex(proof["commitment"]))
    return merkle.includes(leaf, proof["position"], box.size, decode_proof(proof["proof"]), box.root)


def test_a_ballot_is_unknown_then_waits_then_is_sealed(house: House) -> None:
    assert ask(house, "0000-0000-0000-0000").status_code == 404
    voter = house.voter("marie@example.org")
    code = voter.vote()
    page = ask(house, code)
    assert (page.status_code, "compté" in page.text, code in page.text) == (200, True, True)
    assert house.client().get(f"/urne/preuve/{code}").status_code == 404
    seal(house)
    page = ask(house, code)
    assert (page.status_code, "dans l’urne" in page.text) == (200, True)
    assert included(house, code)


@pytest.mark.parametrize("spelling", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} ",
                                      lambda code: code.replace("-", " "), lambda code: code.replace("0", "O"),
                                      lambda code: code.replace("1", "l")])  # fmt: skip
def test_a_code_may_be_typed_as_people_type(house: House, spelling: Any) -> None:
    code = house.voter("marie@example.org").vote()
    page = ask(house, spelling(code))
    assert page.status_code == 200
    assert code in page.text


@pytest.mark.parametrize(
    "code", ["x", "1234", "0000-0000-0000-000U", "\0", "é" * 16, "0" * 10_000, "<script>", "𝟘" * 16]
)
def test_what_is_no_code_is_told_so(house: House, code: str) -> None:
    page = ask(house, code)
    assert page.status_code == 422
    assert "<script>" not in page.text.partition("</h1>")[2]
    assert house.client().get(f"/urne/preuve/{code.replace(chr(0), '%00')[:2000]}").status_code == 404


def test_no_answer_ever_tells_for_whom(house: House) -> None:
    voters = {slug: house.voter(f"{slug}@example.org").vote(slug) for slug in SLUGS}
    names = [*SLUGS, *(laureate.name for laureate in EDITION.laureates)]

    def answers() -> list[str]:
        paths = ["/urne/checkpoint", "/urne/bulletins.txt", "/urne/cle"]
        paths += [f"/urne{form}{code}" for code in voters.values() for form in ("?code=", "/preuve/")]
        return [house.client().get(path).text for path in paths]

    before = answers()
    seal(house)
    for text in before + answers():
        assert not any(name in text for name in names)


def test_every_ballot_of_every_lot_is_proved_in_the_latest_box(house: House) -> None:
    codes = seal(house) + seal(house, 17) + seal(house, 11)
    assert signed_box(house).size == 40
    assert all(included(house, code) for code in codes)


def test_the_page_holds_the_proof_for_its_script(house: House) -> None:
    code = seal(house)[0]
    found = re.search(r'<script type="application/json" id="proof">(.*?)</script>', ask(house, code).text, re.DOTALL)
    assert found is not None
    assert json.loads(found.group(1)) == house.client().get(f"/urne/preuve/{code}").json()


def test_coherence_leads_from_each_box_to_each_later_one(house: House) -> None:
    boxes = []
    for voters in (10, 13, 32):
        seal(house, voters)
        boxes.append(signed_box(house))
    for place, new in enumerate(boxes):
        for old in boxes[: place + 1]:
            answer = house.client().get(f"/urne/coherence?de={old.size}&a={new.size}").json()
            assert (answer["from"], answer["to"]) == (old.size, new.size)
            assert merkle.extends(old.size, old.root, new.size, new.root, decode_proof(answer["proof"]))
    assert house.client().get("/urne/coherence?de=0&a=0").json() == {"from": 0, "to": 0, "proof": []}


@pytest.mark.parametrize("query", ["", "de=1", "a=1", "de=&a=", "de=-1&a=5", "de=5&a=4", "de=0&a=13", "de=1.5&a=2",
                                   "de=1e1&a=12", "de=%00&a=1", "de=١&a=2", "de=0&a=999999999999999",
                                   "de=0&a=99999999999999999999999", "de=0x1&a=2", "de=+1&a=2"])  # fmt: skip
def test_sizes_that_cannot_be_are_refused(house: House, query: str) -> None:
    seal(house)
    assert house.client().get(f"/urne/coherence?{query}").status_code == 422


def test_the_public_list_has_a_line_for_each_sealed_ballot(house: House) -> None:
    assert house.client().get("/urne/bulletins.txt").text == ""
    codes = seal(house) + seal(house, 10)
    lines = house.client().get("/urne/bulletins.txt").text.splitlines()
    assert [int(line.split(" ")[0]) for line in lines] == list(range(22))
    assert {line.split(" ")[1] for line in lines} == set(codes)
    leaves = []
    for line in lines:
        _, code, commitment = line.split(" ")
        leaves.append(leaf_hash(read_receipt_code(code) or b"", bytes.fromhex(commitment)))
    tiles = {(level, number): hashes for level, number, hashes in merkle.append(lambda *_: b"", 0, leaves)}
    assert merkle.root(lambda level, number: tiles.get((level, number), b""), 22) == signed_box(house).root


def test_before_the_first_sealing_there_is_no_checkpoint(house: House) -> None:
    assert house.client().get("/urne/checkpoint").status_code == 404
    assert house.client().get("/urne").status_code == 200
    assert house.client().get("/urne/cle").text.startswith(f"testserver/{CONTEST}+")
    sealing.seal(house.database, house.station.sealer, house.clock.now())
    assert signed_box(house).size == 0


def test_a_code_that_is_one_letter_off_is_unknown(house: House) -> None:
    code = seal(house)[0]
    assert ask(house, code[:-1] + ("0" if code[-1] != "0" else "1")).status_code == 404
