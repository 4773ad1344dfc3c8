"""Who may enter where: an address is public by name or lies in a keeper's room, or the application does not start."""

from __future__ import annotations

from collections.abc import Iterable

from vote.errors import Misuse
from vote.models import Role

ROOMS = {"/jury": Role.JUROR, "/bureau": Role.OFFICER}

PUBLIC = frozenset(
    {
        "/",
        "/laureats/{slug}",
        "/bulletin",
        "/confirmation",
        "/confirmation/{token}",
        "/confirmation/{token}/pas-moi",
        "/recu",
        "/urne",
        "/urne/checkpoint",
        "/urne/cle",
        "/urne/preuve/{code}",
        "/urne/coherence",
        "/urne/bulletins.txt",
        "/resultats",
        "/resultats/carte",
        "/resultats.json",
        "/resultats.csv",
        "/resultats/urne.zip",
        "/proces-verbal",
        "/proces-verbal.pdf",
        "/reglement",
        "/donnees-personnelles",
        "/accessibilite",
        "/mentions-legales",
        "/entrer",
        "/entrer/code",
        "/entrer/cle",
        "/entrer/{token}",
        "/sortir",
        "/sante",
        "/pret",
        "/metrics",
        "/static/{name}",
        "/demo/courrier",
    }
)


def keeper(path: str) -> Role | None:
    """The role a path asks for; None where it lies in no room."""
    for room, role in ROOMS.items():
        if path == room or path.startswith(f"{room}/"):
            return role
    return None


def check(paths: Iterable[str]) -> None:
    """Raise Misuse for a path that is neither public by name nor in a room, or that is both."""
    for path in paths:
        if (path in PUBLIC) == (keeper(path) is not None):
            raise Misuse(f"The address {path} has no single access rule: name it public, or put it in a room.")
