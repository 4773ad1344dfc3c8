import string
import time
import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from vote.addresses import NOT_READ, OFTEN_MEANT, SAME_DOMAIN, parse
from vote.errors import Invalid

CANONICAL = [
    ("marie@example.org", "marie@example.org"),
    ("  Marie.Curie@Example.ORG\n", "marie.curie@example.org"),
    ("marie+vote@example.com", "marie@example.com"),
    ("marie+a+b@laposte.net", "marie@laposte.net"),
    ("marie.+vote@example.org", "marie@example.org"),
    ("+33612345678@example.org", "+33612345678@example.org"),
    ("+33612345678+vote@example.org", "+33612345678@example.org"),
    ("A.B+x@gmail.com", "ab@gmail.com"),
    ("a.b@googlemail.com", "ab@gmail.com"),
    ("a_b-c@gmail.com", "a_b-c@gmail.com"),
    ("Jean.Dupont+vote@outlook.com", "jean.dupont@outlook.com"),
    ("jean.dupont+x@hotmail.fr", "jean.dupont@hotmail.fr"),
    ("marie.c+x@me.com", "marie.c@icloud.com"),
    ("marie.c@mac.com", "marie.c@icloud.com"),
    ("Marie-C.u_rie+x@protonmail.com", "mariecurie@proton.me"),
    ("mariecurie@pm.me", "mariecurie@proton.me"),
    ("mariecurie@protonmail.ch", "mariecurie@proton.me"),
    ("marie+x@fastmail.com", "marie@fastmail.com"),
    ("vote@marie.fastmail.com", "marie@fastmail.com"),
    ("vote@marie.fastmail.fm", "marie@fastmail.fm"),
    ("jean-paul@yahoo.fr", "jean-paul@yahoo.fr"),
    ("jean.paul+x@yahoo.fr", "jean.paul@yahoo.fr"),
    ("marie.curie@wanadoo.fr", "marie.curie@orange.fr"),
    ("marie.curie@laposte.net", "marie.curie@laposte.net"),
    ("marie.curie@free.fr", "marie.curie@free.fr"),
    ("marie@économie-sociale.fr", "marie@xn--conomie-sociale-9mb.fr"),
    ("marie@XN--conomie-sociale-9MB.fr", "marie@xn--conomie-sociale-9mb.fr"),
    ("marie@example。org", "marie@example.org"),
    ("René@example.org", "rené@example.org"),
    ("rene\u0301@example.org", "rené@example.org"),
    ("ＭＡＲＩＥ＋ｖｏｔｅ@example.org", "marie@example.org"),
    ("o'neil@example.org", "o'neil@example.org"),
    ("-@proton.me", "-@proton.me"),
]


@pytest.mark.parametrize(("typed", "canonical"), CANONICAL)
def test_a_mailbox_has_one_canonical_form(typed: str, canonical: str) -> None:
    address = parse(typed)
    assert (address.canonical, address.domain) == (canonical, canonical.rpartition("@")[2])
    assert parse(address.canonical).canonical == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ab@gmail.com", "a.b+x@gmail.com"),
        ("ab@gmail.com", "A.B@GoogleMail.com"),
        ("marie@icloud.com", "marie+prix@mac.com"),
        ("marie.curie@proton.me", "marie_curie@protonmail.com"),
        ("marie@wanadoo.fr", "marie@orange.fr"),
        ("marie@fastmail.fm", "prix@marie.fastmail.fm"),
        ("marie@example.org", "MARIE+prix@EXAMPLE.ORG"),
    ],
)
def test_another_spelling_is_the_same_person(one: str, other: str) -> None:
    assert parse(one).canonical == parse(other).canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jean@outlook.com", "jean@hotmail.fr"),
        ("jean@hotmail.com", "jean@hotmail.fr"),
        ("jean@live.fr", "jean@msn.com"),
        ("jean.dupont@outlook.fr", "jeandupont@outlook.fr"),
        ("jean.dupont@orange.fr", "jeandupont@orange.fr"),
        ("jean.dupont@icloud.com", "jeandupont@icloud.com"),
        ("jean_dupont@gmail.com", "jeandupont@gmail.com"),
        ("jean-paul@yahoo.fr", "jean-pierre@yahoo.fr"),
        ("jean@yahoo.fr", "jean@yahoo.com"),
        ("jean@sfr.fr", "jean@neuf.fr"),
        ("jean@fastmail.com", "jean@fastmail.fm"),
        ("jean@marie.example.org", "jean@example.org"),
        ("jean@example.org", "jean@example.com"),
        ("+1@example.org", "+2@example.org"),
    ],
)
def test_another_mailbox_is_another_person(one: str, other: str) -> None:
    assert parse(one).canonical != parse(other).canonical


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        (" Marie.Curie+Prix@Gmail.com ", "Marie.Curie+Prix@Gmail.com"),
        ("Marie@Économie-Sociale.fr", "Marie@xn--conomie-sociale-9mb.fr"),
        ("rene\u0301@example.org", "rené@example.org"),
    ],
)
def test_the_letter_goes_to_the_address_as_typed(text: str, typed: str) -> None:
    assert parse(text).typed == typed


EMPTY, LONG, INVISIBLE = "Indiquez votre adresse", "trop longue", "caractère invisible"
SEVERAL, SPACED, QUOTED = "une seule adresse", "sans espace", "guillemets"
MALFORMED, UNREACHABLE = "incomplète ou contient une faute", "ne peut pas recevoir de courrier"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", EMPTY),
        (" \t\r\n\u00a0", EMPTY),
        ("a" * 10_000, LONG),
        ("a@" * 5_000, LONG),
        ("a" * 243 + "@example.org", LONG),
        ("é" * 150 + "@example.org", LONG),
        ("marie@example.org\r\nBcc: pierre@example.org", INVISIBLE),
        ("marie@example.org\nBcc:pierre@example.org", INVISIBLE),
        ("marie\0@example.org", INVISIBLE),
        ("marie\u200b@example.org", INVISIBLE),
        ("\u202emarie@example.org", INVISIBLE),
        ("marie\ud800@example.org", INVISIBLE),
        ("marie@example.org,pierre@example.org", SEVERAL),
        ("marie@example.org; pierre@example.org", SEVERAL),
        ("Marie Curie <marie@example.org>", SEVERAL),
        ("<marie@example.org>", SEVERAL),
        ("marie@example.org pierre@example.org", SPACED),
        ("marie @example.org", SPACED),
        ("marie@example.org\u2028Bcc:pierre@example.org", SPACED),
        ('"marie"@example.org', QUOTED),
        ('"a@b"@example.org', QUOTED),
        ("marie", MALFORMED),
        ("example.org", MALFORMED),
        ("@example.org", MALFORMED),
        ("marie@", MALFORMED),
        ("marie@@example.org", MALFORMED),
        ("marie@pierre@example.org", MALFORMED),
        ("marie＠example.org", MALFORMED),
        ("marie＠pierre@example.org", MALFORMED),
        ("a…b@example.org", MALFORMED),
        ("marie，pierre@example.org", MALFORMED),
        (".marie@example.org", MALFORMED),
        ("marie.@example.org", MALFORMED),
        ("marie..curie@example.org", MALFORMED),
        ("marie@example..org", MALFORMED),
        ("marie@-example.org", MALFORMED),
        ("marie@exam_ple.org", MALFORMED),
        ("mailto:marie@example.org", MALFORMED),
        ("marie(prix)@example.org", MALFORMED),
        ("marie\\@example.org", MALFORMED),
        ("marie@" + "a" * 64 + ".org", MALFORMED),
        ("marie@gmail", UNREACHABLE),
        ("marie@example.org.", UNREACHABLE),
        ("marie@[192.0.2.1]", UNREACHABLE),
        ("marie@[IPv6:2001:db8::1]", UNREACHABLE),
        ("marie@192.0.2.1", UNREACHABLE),
        ("marie@localhost", UNREACHABLE),
        ("marie@Mairie.LOCAL", UNREACHABLE),
        ("marie@mairie.test", UNREACHABLE),
        ("marie@mairie.invalid", UNREACHABLE),
    ],
)
def test_what_cannot_be_written_to_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refusal:
        parse(text)
    assert list(refusal.value.errors) == ["email"]


def test_ten_kilobytes_are_refused_at_once() -> None:
    texts = ["a" * 10_000, "\u0301" * 10_000, "a@" + "xn--." * 2_000, '"' + "\\" * 9_999, "@" * 10_000]
    started = time.perf_counter()
    for text in texts * 20:
        with pytest.raises(Invalid):
            parse(text)
    assert time.perf_counter() - started < 1


def test_every_letter_that_folds_does_so_once_and_for_all() -> None:
    for letter in map(chr, range(0x80, 0x20000)):
        if letter.casefold() != letter or unicodedata.decomposition(letter):
            _check(f"a{letter}@example.org")


NAMES = st.text(string.ascii_letters + string.digits + ".+-_'éßΣςİŉᾳ\u0301\u0345ﬁ＋．１", min_size=1, max_size=12)
DOMAINS = st.sampled_from([*SAME_DOMAIN, *NOT_READ, "marie.fastmail.com", "example.org", "Économie.FR", "outlook.com"])


@given(st.builds("{}@{}".format, NAMES, DOMAINS))
@example("a.\u0301@gmail.com")
@example("-\u0301a@proton.me")
def test_the_canonical_form_is_an_address_and_its_own_canonical_form(text: str) -> None:
    _check(text)


@given(st.text(max_size=300) | st.emails() | st.text("aé.+@-_ \n\r\t,;<>\"'()[]:\\\0\u200b\ud800", max_size=300))
def test_any_text_is_an_address_or_a_refusal(text: str) -> None:
    _check(text)


def _check(text: str) -> None:
    """An accepted text is one safe recipient with a stable canonical form; anything else is an Invalid."""
    try:
        address = parse(text)
    except Invalid:
        return
    again = parse(address.canonical)
    assert (again.canonical, again.domain) == (address.canonical, address.domain)
    assert parse(address.typed).canonical == address.canonical
    for written in (address.typed, address.canonical):
        assert written.count("@") == 1
        assert not any(letter.isspace() or letter in ',;<>"' for letter in written)
        assert not any(unicodedata.category(letter).startswith(("C", "Z")) for letter in written)
        assert written.rpartition("@")[2].isascii()


@given(st.text("aZ9_-.+!é", min_size=1, max_size=66), st.sampled_from(OFTEN_MEANT))
def test_an_ordinary_name_needs_no_validator_for_the_same_address(name: str, domain: str) -> None:
    text = f"{name}@{domain}"
    try:
        valid = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        with pytest.raises(Invalid):
            parse(text)
    else:
        assert parse(text).typed == f"{valid.local_part}@{domain}"
