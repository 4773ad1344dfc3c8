"""The only reader of the environment; a missing or malformed setting is one sentence that names it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from vote.errors import Misuse

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_DATABASE = "sqlite:///var/vote.db"
SHORTEST_SECRET = 32
DESTROYED = "destroyed"  # what stands for the pepper after the purge

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Smtp:
    """Where letters are handed over, and how. `tls` is one of "none", "starttls", "implicit"."""

    host: str
    port: int
    tls: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """What one process was started with. `secrets` are newest first: the first signs, all verify.

    `name_server` is an address and a port; without an address, this machine's own; None where nobody is to be asked.
    """

    database_url: str = field(repr=False)
    public_url: str
    secrets: tuple[str, ...] = field(repr=False)
    pepper: bytes | None = field(repr=False)
    seal_key: bytes = field(repr=False)
    mail_from: str
    smtp: Smtp | None = None
    pigeonhole: Path | None = None
    port: int = 8000
    trusted_proxies: tuple[Network, ...] = ()
    mixing_minutes: int = 60
    crowd: int = 10
    log_level: str = "info"
    metrics_token: str | None = field(default=None, repr=False)
    demo: bool = False
    screening: bool = True
    clock_from: datetime | None = None
    name_server: tuple[str, int] | None = ("", 53)

    @property
    def secure(self) -> bool:
        """Whether people reach the site over HTTPS: cookies are then bound to it."""
        return self.public_url.startswith("https://")


def from_environ(environ: Mapping[str, str] = os.environ) -> Settings:  # noqa: TID251
    """Read and check every setting. Raises Misuse."""
    demo = environ.get("VOTE_DEMO") == "1"
    smtp = _smtp(environ["SMTP_URL"]) if environ.get("SMTP_URL") else None
    if smtp is None and not demo:
        raise Misuse("SMTP_URL is missing: give smtp://user:password@host:port?starttls=1, letters leave by it.")
    return Settings(
        database_url=database_url(environ),
        public_url=public_url(environ),
        secrets=_secrets(environ),
        pepper=_pepper(environ),
        seal_key=seal_key(environ),
        mail_from=_mail_from(environ),
        smtp=smtp,
        pigeonhole=None if smtp else Path(environ.get("VOTE_PIGEONHOLE", "var/letters")),
        port=_number(environ, "PORT", 8000, 1, 65535),
        trusted_proxies=_proxies(environ),
        mixing_minutes=_number(environ, "VOTE_MIXING_MINUTES", 60, 1, 1440),
        crowd=_number(environ, "VOTE_CROWD", 10, 1, 1000),
        log_level=_log_level(environ),
        metrics_token=_metrics_token(environ),
        demo=demo,
        screening=_screening(environ, demo),
        clock_from=_clock_from(environ, demo),
        name_server=_name_server(environ),
    )


def database_url(environ: Mapping[str, str] = os.environ) -> str:  # noqa: TID251
    """The database alone, for commands that need nothing else; with SQLAlchemy's driver named."""
    url = environ.get("DATABASE_URL") or DEFAULT_DATABASE
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"} and _parses(url):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.strip("/") not in {"", ":memory:"}:
        return url
    raise Misuse("DATABASE_URL is not usable: give sqlite:///path/to/file.db or postgresql://user:password@host/name.")


def seal_key(environ: Mapping[str, str] = os.environ) -> bytes:  # noqa: TID251
    """The Ed25519 private key that signs checkpoints: 32 bytes, given as 64 hexadecimal digits."""
    value = _secret(environ, "VOTE_SEAL_KEY", "it signs the ballot box; make one with `openssl rand -hex 32`")
    try:
        key = bytes.fromhex(value)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Misuse("VOTE_SEAL_KEY is not usable: give 64 hexadecimal digits.")
    return key


def public_url(environ: Mapping[str, str] = os.environ) -> str:  # noqa: TID251
    """The address people know the site by."""
    value = _required(environ, "VOTE_PUBLIC_URL", "letters link to it; give https://vote.example.org").rstrip("/")
    if re.fullmatch(r"https?://([\w.-]+|\[[\da-f:]+\])(:\d{1,5})?", value, re.IGNORECASE | re.ASCII) is None:
        raise Misuse("VOTE_PUBLIC_URL is not usable: give a scheme and a host only, such as https://vote.example.org.")
    return value


def _parses(url: str) -> bool:
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def edition_file(environ: Mapping[str, str] = os.environ) -> Path | None:  # noqa: TID251
    """The edition file that VOTE_EDITION names, if any."""
    return Path(environ["VOTE_EDITION"]) if environ.get("VOTE_EDITION") else None


def _required(environ: Mapping[str, str], name: str, purpose: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise Misuse(f"{name} is missing: {purpose}.")
    return value


def _secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    value = _required(
        environ, "VOTE_SECRET", "it signs ballots, links and sessions; make one with `openssl rand -hex 32`"
    )
    secrets = tuple(part.strip() for part in value.split(","))
    if any(len(secret) < SHORTEST_SECRET for secret in secrets):
        raise Misuse(
            f"VOTE_SECRET is too short: each of its comma-separated values needs {SHORTEST_SECRET} characters."
        )
    return secrets


def pepper_file(environ: Mapping[str, str] = os.environ) -> Path | None:  # noqa: TID251
    """The file that VOTE_PEPPER_FILE names, if any."""
    return Path(environ["VOTE_PEPPER_FILE"]) if environ.get("VOTE_PEPPER_FILE") else None


def _pepper(environ: Mapping[str, str]) -> bytes | None:
    """None where the operator says that the purge has destroyed it."""
    value = _secret(environ, "VOTE_PEPPER", "it keys the poll book; make one with `openssl rand -hex 32`")
    if value == DESTROYED:
        return None
    if len(value) < SHORTEST_SECRET:
        raise Misuse(f"VOTE_PEPPER is too short: it needs at least {SHORTEST_SECRET} characters.")
    return value.encode()


def _secret(environ: Mapping[str, str], name: str, purpose: str) -> str:
    """A secret from the file that NAME_FILE names, else from NAME itself."""
    if path := environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise Misuse(f"{name}_FILE cannot be read: {path} ({problem.__class__.__name__}).") from problem
    return _required(environ, name, purpose)


def _mail_from(environ: Mapping[str, str]) -> str:
    value = _required(environ, "VOTE_MAIL_FROM", "letters are sent from this address")
    if value.count("@") != 1 or any(character.isspace() or character in "<>," for character in value):
        raise Misuse("VOTE_MAIL_FROM is not an address: give one such as vote@example.org.")
    return value


def _smtp(url: str) -> Smtp:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise Misuse("SMTP_URL is not usable: its port is not a number.") from problem
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise Misuse("SMTP_URL is not usable: give smtp://user:password@host:port?starttls=1 or smtps://….")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    if not f"{user}{password}".isascii():
        raise Misuse("SMTP_URL is not usable: its user and password may hold ASCII characters only.")
    implicit = parts.scheme == "smtps"
    return Smtp(
        host=parts.hostname,
        port=port or (465 if implicit else 587 if "starttls=1" in parts.query else 25),
        tls="implicit" if implicit else "starttls" if "starttls=1" in parts.query else "none",
        user=user,
        password=password,
    )


def _proxies(environ: Mapping[str, str]) -> tuple[Network, ...]:
    found = []
    for proxy in filter(None, map(str.strip, environ.get("VOTE_TRUSTED_PROXIES", "").split(","))):
        try:
            found.append(ipaddress.ip_network(proxy))
        except ValueError as problem:
            raise Misuse(
                f"VOTE_TRUSTED_PROXIES holds {proxy!r}: give addresses or networks, such as 10.0.0.0/8."
            ) from problem
    return tuple(found)


def _name_server(environ: Mapping[str, str]) -> tuple[str, int] | None:
    value = environ.get("VOTE_NAME_SERVER", "").strip()
    if value == "off":
        return None
    if not value:
        return "", 53
    try:
        parts = urlsplit(f"//{value}")
        return str(ipaddress.ip_address(parts.hostname or "")), parts.port or 53
    except ValueError as problem:
        raise Misuse(
            "VOTE_NAME_SERVER is not usable: give an address, such as 10.0.0.53 or [fd00::53]:5353, or off."
        ) from problem


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise Misuse(f"{name} is not usable: give a whole number from {least} to {most}.")
    return int(value)


def _screening(environ: Mapping[str, str], demo: bool) -> bool:
    value = environ.get("VOTE_SCREENING") or "on"
    if value not in {"on", "off"}:
        raise Misuse("VOTE_SCREENING is not usable: give on or off.")
    if value == "off" and not demo:
        raise Misuse("VOTE_SCREENING=off is refused: only a demonstration (VOTE_DEMO=1) may vote without screening.")
    return value == "on"


def _metrics_token(environ: Mapping[str, str]) -> str | None:
    token = environ.get("VOTE_METRICS_TOKEN") or None
    if token is not None and len(token) < SHORTEST_SECRET:
        raise Misuse(f"VOTE_METRICS_TOKEN is too short: it needs at least {SHORTEST_SECRET} characters.")
    return token


def _log_level(environ: Mapping[str, str]) -> str:
    level = environ.get("VOTE_LOG_LEVEL") or "info"
    if level not in {"debug", "info", "warning"}:
        raise Misuse("VOTE_LOG_LEVEL is not usable: give debug, info or warning.")
    return level


def _clock_from(environ: Mapping[str, str], demo: bool) -> datetime | None:
    value = environ.get("VOTE_CLOCK")
    if not value:
        return None
    if not demo:
        raise Misuse("VOTE_CLOCK is refused: only a demonstration (VOTE_DEMO=1) may set the clock.")
    try:
        start = datetime.fromisoformat(value)
    except ValueError as problem:
        raise Misuse("VOTE_CLOCK is not an instant: give one such as 2019-11-18T10:00:00+01:00.") from problem
    if start.tzinfo is None:
        raise Misuse("VOTE_CLOCK has no time zone: give one such as 2019-11-18T10:00:00+01:00.")
    return start
