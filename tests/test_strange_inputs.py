"""Whatever reads what strangers hold, or what an operator is handed, answers with a refusal of its own and no fault."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bundles import bundles_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import CONTEST, MORNING

from vote import bundle, editions, envelope, proofs, staff
from vote.bundle import pack, unpack
from vote.db import Database
from vote.editions import SHIPPED, Edition
from vote.errors import Expired, Invalid, Misuse
from vote.notes import decode_proof, read_checkpoint
from vote.proofs import Toll
from vote.tokens import Keys

KEYS = Keys(("s" * 40,))
IDENTIFIER = b"i" * 16
# What is nearly right goes further in than what is not.
TOKENS = (
    st.text(max_size=80)
    | st.text("AZaz09-_.=é\0", max_size=80)
    | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
)
SIGNED = st.sampled_from(["sign-in", f"confirmation:{CONTEST}", f"ballot:{CONTEST}", "vote"]).flatmap(
    lambda purpose: st.binary(max_size=40).map(lambda raw: KEYS.sign_id(purpose, raw))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TOML = SHIPPED.read_text(encoding="utf-8")
on_a_database = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_a_database
@given(text=TOKENS | SIGNED)
def test_any_text_is_a_session_or_a_link_of_nobody(database: Database, text: str) -> None:
    with database.reading() as session:
        assert staff.member(session, text, MORNING) is None
        assert not staff.link_is_usable(session, KEYS, text, MORNING)
    staff.leave(database, text, MORNING)
    with pytest.raises(Expired):
        staff.enter_by_link(database, KEYS, text, MORNING, "fr")


@on_a_database
@given(identifier=st.binary(max_size=40), code=TOKENS)
def test_any_text_is_a_wrong_code(database: Database, identifier: bytes, code: str) -> None:
    with pytest.raises(Invalid):
        staff.enter_by_code(database, KEYS, identifier, code, MORNING, "fr")


@given(st.text(max_size=40) | st.text("0123456789 ٣²\u2003", max_size=8))
def test_any_text_proves_no_mailbox(typed: str) -> None:
    own = KEYS.code("vote", IDENTIFIER)
    assert KEYS.proves("vote", IDENTIFIER, typed) == ("".join(typed.split()) == own)


@given(TOKENS | SIGNED)
def test_any_text_is_a_ballot_of_nobody(text: str) -> None:
    assert envelope.unseal(KEYS, CONTEST, text) is None


@given(
    TOKENS
    | JSON.map(lambda found: base64.b64encode(json.dumps(found).encode()).decode())
    | st.dictionaries(
        st.sampled_from(["algorithm", "challenge", "number", "salt", "signature", "took"]), JSON, max_size=6
    ).map(lambda changed: payload(**changed))
)
def test_what_is_no_proof_of_work_is_none(text: str) -> None:
    assert proofs.solved(KEYS, text, MORNING) is None


def payload(**changed: Any) -> str:
    """What a browser would send for a challenge of ours that it has not solved, but for what is changed."""
    made = proofs.challenge(KEYS, Toll(1), MORNING)
    return base64.b64encode(json.dumps({**made, "number": -1, **changed}).encode()).decode()


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["a/b", "12", "AAAA", "", "=" * 44, "A" * 43 + "="])).map("\n".join)
)
def test_any_text_is_a_checkpoint_and_a_proof_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        read_checkpoint(text)
    with suppress(ValueError):
        decode_proof(text.split("\n"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_file_is_an_edition_or_misuse(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "edition.toml"
    path.write_bytes(data.draw(st.binary(max_size=60) | changed(TOML.encode())))
    with suppress(Misuse):
        assert isinstance(editions.read(path), Edition)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> bytes:
    return bundles_of(tmp_path_factory.mktemp("bundles"), prepared_file).scrutineers


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_file_is_audited_or_is_no_bundle(published: bytes, data: st.DataObject) -> None:
    """Its bytes changed, or one of its files changed and put back in order."""
    files = unpack(published)
    name = data.draw(st.sampled_from(sorted(files)))
    content = data.draw(
        st.binary(max_size=200)
        | changed(published)
        | changed(files[name]).map(lambda other: pack({**files, name: other}))
        | JSON.map(lambda other: pack({**files, name: json.dumps(other).encode()}))
    )
    with suppress(Misuse):
        findings = bundle.read(content)
        assert content == published or not all(finding.holds for finding in findings)


def changed(content: bytes) -> st.SearchStrategy[bytes]:
    """The same, with some bytes in one place instead of others."""
    return st.builds(
        lambda place, cut, put: content[:place] + put + content[place + cut :],
        st.integers(0, len(content)),
        st.integers(0, 40),
        st.binary(max_size=12) | st.sampled_from([b"", b"0", b"[", b'"', b"\n", b"= {}", b"9" * 20, b"\xff", b"\0"]),
    )
