"""The DNS of a simulated contest: which server takes the mail of each domain from which somebody votes."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from fraud.people import Voter

# Of honest small domains, in percent: at hosts that anybody may use, and with one regional host that also has others.
BIG, REGIONAL = 55, 15
BIG_HOSTS = ("aspmx.l.google.com", "ecole-fr.mail.protection.outlook.com", "mx1.mail.ovh.net", "spool.mail.gandi.net")
REGIONAL_HOST = "mx.hebergeur-regional.fr"
SHARED = {"D": "198.51.100.8", "D patient": "203.0.113.8"}  # one server, which each of the domains calls otherwise


class Zone:
    """Answers as `mail_hosts.Ask` wants it, always the same for the same domain."""

    def __init__(self, voters: Iterable[Voter]) -> None:
        self._parts = {voter.address.rpartition("@")[2]: voter.part for voter in voters}

    def ask(self, name: str, kind: str, _seconds: float = 0) -> list[str]:
        draw = Random(name)
        if kind == "MX":
            return [self._server(name, draw)]
        own = f"91.{draw.randrange(256)}.{draw.randrange(256)}.25"
        return [SHARED.get(self._parts.get(name.removeprefix("mail."), ""), own)]

    def _server(self, domain: str, draw: Random) -> str:
        luck = draw.randrange(100)
        if self._parts.get(domain) in {"homes", "telephones", "forum"}:
            if luck < BIG:
                return draw.choice(BIG_HOSTS)
            if luck < BIG + REGIONAL:
                return REGIONAL_HOST
        return f"mail.{domain}"
