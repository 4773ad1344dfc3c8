"""What the voter typed, as an address to write to and as one person's mailbox."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from vote.errors import Invalid

LONGEST = 254  # octets: RFC 5321, 4.5.3.1.3, with RFC 3696 erratum 1690

# One person, one vote: the spellings of a mailbox are one voter. A rule stands here if the provider documents it, or if
# a mistake could hardly meet two real people; a doubtful rule would refuse somebody who has not voted.
#
# What follows "+" is dropped everywhere: Gmail, Outlook, iCloud, Proton, Fastmail deliver it to the same mailbox, and
# any other server may. Kept, one mailbox would have as many votes as it likes; dropped, it confuses only two mailboxes
# whose own names hold a "+" after the same beginning.
#
# Absent on purpose: outlook.*, hotmail.*, live.*, msn.com, whose accounts are distinct and whose dots count; sfr.fr,
# neuf.fr, free.fr, laposte.net, of which no alias is known. At yahoo.*, "base-keyword" can be a disposable address, but
# its base is not the account's name and published rules disagree on hyphens in ordinary names: cutting could merge
# every "jean-".
SAME_DOMAIN = {
    "googlemail.com": "gmail.com",
    "me.com": "icloud.com",  # support.apple.com/118230
    "mac.com": "icloud.com",
    "protonmail.com": "proton.me",  # proton.me/support/addresses-and-aliases
    "protonmail.ch": "proton.me",
    "pm.me": "proton.me",
    "wanadoo.fr": "orange.fr",  # the same service renamed in 2006; not found documented by Orange
}
NOT_READ = {
    "gmail.com": ".",
    "proton.me": ".-_",  # proton.me/support/change-username
}
# Where most French letters go, and the real domains that look like one of them: nobody is asked about those.
OFTEN_MEANT = (
    *("gmail.com", "orange.fr", "hotmail.fr", "hotmail.com", "yahoo.fr", "yahoo.com", "free.fr", "laposte.net"),
    *("wanadoo.fr", "outlook.fr", "outlook.com", "sfr.fr", "icloud.com", "live.fr", "bbox.fr", "protonmail.com"),
)
# At one of those, such a name is all that the validator asks for: most addresses need not be taken apart by it.
ORDINARY, LONGEST_NAME = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*"), 64  # RFC 5321, 4.5.3.1.1
PLAIN = re.compile(r"[!#$%&'*+\-./0-9=?@A-Z^_`a-z{|}~]+")  # nothing of it is refused at sight
REAL_TOO = {"mail.com", "ymail.com", "email.com"}
NAME_IS_SUBDOMAIN = {"fastmail.com", "fastmail.fm"}  # anything@name.fastmail.com is name@fastmail.com


@dataclass(frozen=True, slots=True)
class Address:
    typed: str  # to send to: one recipient, no control character; ASCII domain, but maybe not local part
    canonical: str  # the same for every spelling of one mailbox; itself an address, and its own canonical form
    domain: str  # of `canonical`


def parse(text: str) -> Address:
    """Raises Invalid for what cannot be written to. Asks no name server: example.org and example.com are accepted, the
    names reserved for no public use (.test, .local, .invalid, localhost…) are not."""
    text = text.strip()
    name, _, domain = text.rpartition("@")
    if domain in OFTEN_MEANT and len(name) <= LONGEST_NAME and ORDINARY.fullmatch(name):
        return Address(text, *_mailbox(name, domain))
    _refuse_at_sight(text)
    try:
        valid = validate_email(text, check_deliverability=False)
        canonical, domain = _mailbox(valid.local_part, valid.ascii_domain)
        # Folding may turn a letter into a sign: "＠" is one mailbox's letter, "@" is not. Of ASCII it makes ASCII.
        if not valid.local_part.isascii():
            validate_email(canonical, check_deliverability=False)
    except EmailNotValidError:
        _refuse_for_its_reason(text)
    written = text.rpartition("@")[2]
    return Address(f"{valid.local_part}@{written if written.isascii() else valid.ascii_domain}", canonical, domain)


def provider(address: str) -> str:
    """The mail provider of an address if many people write from there, else nothing: it might say who."""
    domain = address.rpartition("@")[2].lower()
    return domain if domain in OFTEN_MEANT else ""


def probably_meant(address: str) -> str | None:
    """The address with a common domain in place of one that looks like a slip of the finger; None where none does."""
    name, _, domain = address.lower().rpartition("@")
    if domain in OFTEN_MEANT or domain in REAL_TOO:
        return None
    near = _near(domain)
    return f"{address.rpartition('@')[0]}@{near}" if near and name else None


@lru_cache(maxsize=1024)
def _near(domain: str) -> str | None:
    return next((known for known in OFTEN_MEANT if _is_a_slip(domain, known)), None)


def _is_a_slip(typed: str, meant: str) -> bool:
    """One letter too many, missing, wrong, or two swapped: a Damerau-Levenshtein distance of one."""
    start = next((n for n, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    left, right = typed[start:], meant[start:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:] if len(right) > 1 else False
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]


def _mailbox(local_part: str, domain: str) -> tuple[str, str]:
    """The canonical address, and its domain."""
    domain = SAME_DOMAIN.get(domain, domain)
    name = _fold(local_part)
    below, _, above = domain.partition(".")
    if above in NAME_IS_SUBDOMAIN:
        name, domain = below, above
    # A tag follows a name: "+33612345678" is all name. A name never ends with a dot.
    name = (name[0] + name[1:].partition("+")[0]).rstrip(".")
    read = name.translate(dict.fromkeys(map(ord, NOT_READ.get(domain, ""))))
    return f"{_fold(read) or name}@{domain}", domain


def _fold(name: str) -> str:
    """Compatibility caseless form (Unicode Standard, 3.13, D146), composed; folding twice changes nothing."""
    if name.isascii():
        return name.lower()
    once = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", name).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def _refuse_at_sight(text: str) -> None:
    if not text:
        _refuse("Indiquez votre adresse e-mail : nous y enverrons votre code.")
    if len(text.encode(errors="replace")) > LONGEST:
        _refuse(
            "Cette adresse est trop longue : une adresse e-mail compte au plus {most:number} caractères.", most=LONGEST
        )
    if PLAIN.fullmatch(text) and "=?" not in text:
        return
    # U+FFFD stands for what could not be read as a character.
    if any(unicodedata.category(letter).startswith("C") or letter == "\ufffd" for letter in text):
        _refuse("Cette adresse contient un caractère invisible, peut-être copié avec elle : retapez-la au clavier.")
    if any(letter in ",;<>" for letter in text):
        _refuse("Indiquez une seule adresse, sans nom, virgule, point-virgule ni chevrons.")
    if any(letter.isspace() for letter in text):
        _refuse("Une adresse e-mail s’écrit sans espace : vérifiez la vôtre.")
    if "=?" in text:
        # In the head of a letter it would be read as an encoded word (RFC 2047), and hide another address.
        _refuse("Cette adresse ne peut pas servir ici : indiquez-en une autre.")
    if '"' in text:
        _refuse("Une adresse avec des guillemets ne peut pas servir ici : indiquez-en une autre.")


def _refuse_for_its_reason(text: str) -> NoReturn:
    domain = text.rpartition("@")[2].lower()
    reserved = any(f".{domain}".endswith(f".{name}") for name in SPECIAL_USE_DOMAIN_NAMES)
    if domain != text.lower() and domain and (reserved or "." not in domain or not domain[-1].isalpha()):
        _refuse("Le domaine écrit après l’arobase ne peut pas recevoir de courrier : vérifiez la fin de l’adresse.")
    _refuse("Cette adresse est incomplète ou contient une faute : elle doit ressembler à prenom.nom@example.org.")


def _refuse(sentence: str, **values: Any) -> NoReturn:
    raise Invalid(sentence, field="email", **values)
