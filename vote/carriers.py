"""The ways a letter can leave: a mail server, or the pigeonhole of a demonstration."""

from __future__ import annotations

import logging
import smtplib
import ssl
import time
from email import message_from_string, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from vote.models import Delivery
from vote.settings import Smtp

CALL_SECONDS = 20
IDLE_SECONDS = 20

log = logging.getLogger(__name__)


class Carrier(Protocol):
    """One way out, used by one thread at a time."""

    def carry(self, message: bytes, sender: str, address: str) -> Delivery:
        """SENT once accepted, REFUSED for good, or WAITING where a later try may succeed. Never raises."""
        ...

    def close(self) -> None: ...


class SmtpCarrier:
    """One connection to the mail server, opened when first needed and kept while it is busy."""

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None
        self._last_used = 0.0

    def carry(self, message: bytes, sender: str, address: str) -> Delivery:
        try:
            connection = self._connect()
        except (smtplib.SMTPException, OSError, UnicodeError) as problem:
            # Our account or the server's greeting: nothing that this letter could be blamed for.
            log.warning("the mail server cannot be reached: %s", _reason(problem))
            return Delivery.WAITING
        try:
            connection.sendmail(sender, [address], message, _options(connection, address))
        except smtplib.SMTPRecipientsRefused as refusal:
            (code, _), *_rest = refusal.recipients.values()
            return self._give_back(code)
        except smtplib.SMTPSenderRefused as refusal:
            log.warning("the mail server refuses our sender: %s", _reason(refusal))
            return self._give_back(450)
        except smtplib.SMTPResponseException as refusal:
            return self._give_back(refusal.smtp_code)
        except (smtplib.SMTPException, OSError, UnicodeError) as problem:
            log.warning("the mail server left in mid-letter: %s", _reason(problem))
            self._drop()
            return Delivery.REFUSED if isinstance(problem, smtplib.SMTPNotSupportedError) else Delivery.WAITING
        self._last_used = time.monotonic()
        return Delivery.SENT

    def close(self) -> None:
        self._drop()

    def _connect(self) -> smtplib.SMTP:
        if self._connection is not None and time.monotonic() - self._last_used > IDLE_SECONDS:
            self._drop()
        if self._connection is None:
            self._connection = _open(self._server)
        return self._connection

    def _give_back(self, code: int) -> Delivery:
        # RFC 5321 section 4.2.1: 5yz is for good, anything else may pass later.
        if code == 421:
            self._drop()
        self._last_used = time.monotonic()
        return Delivery.REFUSED if 500 <= code < 600 else Delivery.WAITING

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()


def _open(server: Smtp) -> smtplib.SMTP:
    if server.tls == "implicit":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=CALL_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=CALL_SECONDS)
    try:
        if server.tls == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user is not None:
            connection.login(server.user, server.password or "")
    except BaseException:
        connection.close()
        raise
    return connection


def _options(connection: smtplib.SMTP, address: str) -> list[str]:
    """What to ask of the server for this address (RFC 6531). Raises SMTPNotSupportedError."""
    if address.isascii():
        return []
    connection.ehlo_or_helo_if_needed()
    if not connection.has_extn("smtputf8"):
        raise smtplib.SMTPNotSupportedError("the server takes no address outside ASCII")
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _reason(problem: BaseException) -> str:
    """The kind and code of a failure; a server's own words may quote an address and stay out of the log."""
    code = getattr(problem, "smtp_code", "")
    return f"{problem.__class__.__name__} {code}".strip()


class Pigeonhole:
    """Letters kept in a folder, one file each, instead of being sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def carry(self, message: bytes, sender: str, address: str) -> Delivery:
        written = self._folder / f"{time.time_ns():020d}-{_fingerprint(address)}"
        written.write_bytes(message)
        written.rename(written.with_suffix(".eml"))
        return Delivery.SENT

    def close(self) -> None:
        """Nothing is held open."""

    def letters(self, address: str = "", most: int = 30) -> list[EmailMessage]:
        """The latest letters, newest first; those to one address where it is given."""
        pattern = f"*-{_fingerprint(address)}.eml" if address else "*.eml"
        paths = sorted(self._folder.glob(pattern), reverse=True)[:most]
        return [message_from_string(path.read_text(encoding="utf-8"), policy=policy.default) for path in paths]


def _fingerprint(address: str) -> str:
    return sha256(address.strip().lower().encode()).hexdigest()[:16]
