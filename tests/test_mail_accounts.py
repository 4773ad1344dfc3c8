"""Letters leave over TLS and with a name and a password, where the operator says so."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers import MailServer

from vote.carriers import SmtpCarrier
from vote.models import Delivery
from vote.settings import Smtp

USER, PASSWORD = "vote", "sesame@1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)  # noqa: TID251
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    written = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("certificate") / "mail.pem"
    path.write_bytes(written + made.public_bytes(encoding))
    return path


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, which this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate)
    return made


def knows_us(server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: object) -> AuthResult:
    assert isinstance(credentials, LoginPassword)
    known = (credentials.login, credentials.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@pytest.fixture
def mail(certificate: Path) -> Iterator[MailServer]:
    """A server that takes letters over STARTTLS alone, from those it knows."""
    with MailServer(
        tls_context=context(certificate), require_starttls=True, authenticator=knows_us, auth_required=True
    ) as server:
        yield server


def send(server: Smtp) -> Delivery:
    letter = EmailMessage()
    letter["From"] = "vote@example.org"
    letter["To"] = "marie@example.org"
    letter.set_content("Bonjour")
    carrier = SmtpCarrier(server)
    try:
        return carrier.carry(letter.as_bytes(), "vote@example.org", "marie@example.org")
    finally:
        carrier.close()


def test_a_letter_leaves_over_starttls_with_name_and_password(trusted: Path, mail: MailServer) -> None:
    assert send(replace(mail.smtp, tls="starttls", user=USER, password=PASSWORD)) is Delivery.SENT
    assert len(mail.accepted) == 1


@pytest.mark.parametrize("password", ["wrong", "fausse clé", None])
def test_a_wrong_password_keeps_the_letter_for_later(trusted: Path, mail: MailServer, password: str | None) -> None:
    assert send(replace(mail.smtp, tls="starttls", user=USER, password=password)) is Delivery.WAITING


def test_a_server_that_asks_for_tls_gets_no_letter_in_clear(mail: MailServer) -> None:
    assert send(mail.smtp) is Delivery.WAITING


def test_a_certificate_that_nobody_vouches_for_gets_no_letter(mail: MailServer) -> None:
    assert send(replace(mail.smtp, tls="starttls")) is Delivery.WAITING


def test_a_server_without_starttls_gets_no_letter_where_it_was_asked_for(mail_server: MailServer) -> None:
    assert send(replace(mail_server.smtp, tls="starttls")) is Delivery.WAITING
    assert mail_server.accepted == []


def test_a_letter_leaves_over_tls_from_the_first_byte(trusted: Path) -> None:
    with MailServer(ssl_context=context(trusted)) as server:
        assert send(replace(server.smtp, tls="implicit")) is Delivery.SENT
