"""Every setting that is missing or malformed is one sentence that names it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from vote import settings
from vote.errors import Misuse
from vote.settings import Smtp

GOOD = {
    "VOTE_PUBLIC_URL": "https://vote.example.org",
    "VOTE_SECRET": "s" * 32,
    "VOTE_PEPPER": "p" * 32,
    "VOTE_SEAL_KEY": "5e" * 32,
    "VOTE_MAIL_FROM": "vote@example.org",
    "SMTP_URL": "smtp://mail.example.org",
}

BAD = [
    *((name, value) for name in GOOD for value in ("", " ") if (name, value) != ("SMTP_URL", " ")),
    ("SMTP_URL", "mail.example.org"),
    ("SMTP_URL", "http://mail.example.org"),
    ("SMTP_URL", "smtp://"),
    ("SMTP_URL", "smtp://mail.example.org:many"),
    ("SMTP_URL", "smtp://mail.example.org:99999"),
    ("SMTP_URL", "smtp://[mail.example.org"),
    ("SMTP_URL", "smtp://vote:s%C3%A9same@mail.example.org"),
    ("DATABASE_URL", "mysql://localhost/vote"),
    ("DATABASE_URL", "vote.db"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "postgresql://host:port/vote"),
    ("DATABASE_URL", "postgresql+asyncpg://host/vote"),
    ("VOTE_PUBLIC_URL", "vote.example.org"),
    ("VOTE_PUBLIC_URL", "ftp://vote.example.org"),
    ("VOTE_PUBLIC_URL", "https://"),
    ("VOTE_PUBLIC_URL", "https://vote.example.org/2019"),
    ("VOTE_PUBLIC_URL", "https://vote.example.org?x"),
    ("VOTE_PUBLIC_URL", "https://vote.example.org#x"),
    ("VOTE_PUBLIC_URL", "https://[vote"),
    ("VOTE_PUBLIC_URL", "https://vote.example.org:port"),
    ("VOTE_PUBLIC_URL", "https://vote.example.org\nX: y"),
    ("VOTE_SECRET", "s" * 31),
    ("VOTE_SECRET", f"{'s' * 32},short"),
    ("VOTE_SECRET", f"{'s' * 32},"),
    ("VOTE_PEPPER", "p" * 31),
    ("VOTE_SEAL_KEY", ""),
    ("VOTE_SEAL_KEY", "5e" * 31),
    ("VOTE_SEAL_KEY", "seal" * 16),
    ("VOTE_PEPPER_FILE", "/nowhere/pepper"),
    ("VOTE_PEPPER_FILE", "/"),
    ("VOTE_MAIL_FROM", "vote"),
    ("VOTE_MAIL_FROM", "a@b@c"),
    ("VOTE_MAIL_FROM", "Vote <vote@example.org>"),
    ("VOTE_MAIL_FROM", "vote@example.org\nBcc: eve@example.org"),
    ("PORT", "http"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "²"),
    ("VOTE_MIXING_MINUTES", "0"),
    ("VOTE_MIXING_MINUTES", "1.5"),
    ("VOTE_TRUSTED_PROXIES", "*"),
    ("VOTE_TRUSTED_PROXIES", "10.0.0.1, proxy.example.org"),
    ("VOTE_CLOCK", "2019-11-18T10:00:00+01:00"),
    ("VOTE_NAME_SERVER", "ns.example.org"),
    ("VOTE_NAME_SERVER", "10.0.0.53:dns"),
    ("VOTE_NAME_SERVER", "fd00::53"),
    ("VOTE_NAME_SERVER", "no"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_is_one_sentence_that_names_it(name: str, value: str) -> None:
    with pytest.raises(Misuse) as refused:
        settings.from_environ(GOOD | {name: value})
    sentence = str(refused.value)
    assert sentence.startswith(name)
    assert sentence.endswith((".", "….", "`."))
    assert "\n" not in sentence
    assert not any(secret in sentence for secret in ("s" * 31, "p" * 31, "sésame", "s%C3"))


@pytest.mark.parametrize("value", ["tomorrow", "2019-11-18T10:00:00"])
def test_the_clock_of_a_demonstration_is_an_instant(value: str) -> None:
    with pytest.raises(Misuse, match=r"^VOTE_CLOCK "):
        settings.from_environ(GOOD | {"VOTE_DEMO": "1", "VOTE_CLOCK": value})


def test_what_has_a_default_may_be_left_out() -> None:
    chosen = settings.from_environ(GOOD)
    assert chosen.database_url == "sqlite:///var/vote.db"
    assert (chosen.port, chosen.mixing_minutes, chosen.trusted_proxies) == (8000, 60, ())
    assert (chosen.demo, chosen.clock_from, chosen.pigeonhole) == (False, None, None)
    assert chosen.smtp == Smtp("mail.example.org", 25)
    assert chosen.secure


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_platforms_may_name_postgresql_as_they_do(scheme: str) -> None:
    chosen = settings.from_environ(GOOD | {"DATABASE_URL": f"{scheme}://vote:se%40cret@db:5432/vote?sslmode=require"})
    assert chosen.database_url == "postgresql+psycopg://vote:se%40cret@db:5432/vote?sslmode=require"


def test_several_hosts_may_stand_in_one_url() -> None:
    url = "postgresql+psycopg://vote:secret@/vote?host=db1:5432&host=db2:5432&target_session_attrs=read-write"
    assert settings.database_url({"DATABASE_URL": url}) == url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", Smtp("mail.example.org", 25)),
        ("smtp://mail.example.org?starttls=1", Smtp("mail.example.org", 587, "starttls")),
        ("smtps://mail.example.org", Smtp("mail.example.org", 465, "implicit")),
        (
            "smtp://vote%40example.org:p%40ss%3Aword@[::1]:2525?starttls=1",
            Smtp("::1", 2525, "starttls", "vote@example.org", "p@ss:word"),
        ),
    ],
)
def test_the_mail_server_is_read_from_its_url(url: str, server: Smtp) -> None:
    assert settings.from_environ(GOOD | {"SMTP_URL": url}).smtp == server


def test_secrets_rotate_newest_first_and_stay_out_of_sight() -> None:
    chosen = settings.from_environ(
        GOOD | {"VOTE_SECRET": f"{'n' * 40}, {'o' * 40}", "SMTP_URL": "smtp://vote:sesame@mail.example.org"}
    )
    assert chosen.secrets == ("n" * 40, "o" * 40)
    assert not any(secret in repr(chosen) for secret in ("nnn", "ooo", "ppp", "sesame", "sqlite"))


def test_the_pepper_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    path.write_text("f" * 64 + "\n")
    assert settings.from_environ(GOOD | {"VOTE_PEPPER_FILE": str(path)}).pepper == b"f" * 64
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(Misuse, match=r"^VOTE_PEPPER_FILE cannot be read"):
        settings.from_environ(GOOD | {"VOTE_PEPPER_FILE": str(path)})


def test_a_demonstration_needs_no_mail_server_and_may_set_its_clock() -> None:
    without = {name: value for name, value in GOOD.items() if name != "SMTP_URL"}
    chosen = settings.from_environ(without | {"VOTE_DEMO": "1", "VOTE_CLOCK": "2019-11-18T10:00:00+01:00"})
    assert chosen.smtp is None
    assert chosen.pigeonhole == Path("var/letters")
    assert chosen.clock_from == datetime.fromisoformat("2019-11-18T10:00:00+01:00")


def test_proxies_are_addresses_and_networks() -> None:
    chosen = settings.from_environ(GOOD | {"VOTE_TRUSTED_PROXIES": "10.0.0.1, 192.168.0.0/16,::1,"})
    assert [str(one) for one in chosen.trusted_proxies] == ["10.0.0.1/32", "192.168.0.0/16", "::1/128"]


def test_the_edition_may_be_another_file() -> None:
    assert settings.edition_file({}) is settings.edition_file({"VOTE_EDITION": ""}) is None
    assert settings.edition_file({"VOTE_EDITION": "next.toml"}) == Path("next.toml")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000", "https://vote.example.org/"])
def test_letters_may_link_to_any_host(url: str) -> None:
    assert settings.from_environ(GOOD | {"VOTE_PUBLIC_URL": url}).public_url == url.rstrip("/")


def test_the_pepper_may_be_said_to_be_destroyed() -> None:
    assert settings.from_environ(GOOD | {"VOTE_PEPPER": settings.DESTROYED}).pepper is None


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("", ("", 53)),
        ("off", None),
        ("10.0.0.53", ("10.0.0.53", 53)),
        ("10.0.0.53:5353", ("10.0.0.53", 5353)),
        ("[fd00::53]", ("fd00::53", 53)),
        ("[fd00::53]:5353", ("fd00::53", 5353)),
    ],
)
def test_mail_hosts_are_asked_for_where_the_operator_says(value: str, server: tuple[str, int] | None) -> None:
    assert settings.from_environ(GOOD | {"VOTE_NAME_SERVER": value}).name_server == server
