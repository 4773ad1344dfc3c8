"""The style sheet, the pictures and the small scripts, held in memory and named by their content."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vote.settings import ROOT

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Item:
    content: bytes
    kind: str
    digest: str


@cache
def items() -> dict[str, Item]:
    """Every file of static/, by name; read once."""
    return {
        path.name: Item(
            path.read_bytes(),
            mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        )
        for path in sorted((ROOT / "static").iterdir())
        if path.is_file()
    }


def address(name: str) -> str:
    """The address of an item, which changes with its content, so that browsers may keep it for good."""
    return f"/static/{name}?v={items()[name].digest}"


async def fetch(request: Request) -> Response:
    item = items().get(request.path_params["name"])
    if item is None:
        raise HTTPException(404)
    tag = f'"{item.digest}"'
    headers = {"Cache-Control": FOREVER, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(item.content, media_type=item.kind, headers=headers)
