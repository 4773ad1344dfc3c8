"""Whether this process lives, can take votes, and how it does: a word for everybody, the figures for its keepers."""

from __future__ import annotations

import ipaddress
import logging
from hmac import compare_digest

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vote import watch
from vote.db import UNSEEN
from vote.errors import Unavailable
from vote.web.visits import Visit

FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"}

log = logging.getLogger(__name__)


def alive(visit: Visit) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n")


def ready(visit: Visit) -> Response:
    """This process can take votes: its database answers, in this schema, at the same time of day."""
    if found := watch.hindrances(visit.station.database):
        log.warning("not ready: %s", ", ".join(found))
        raise Unavailable(UNSEEN)
    return PlainTextResponse("ok\n")


def metrics(visit: Visit) -> Response:
    """The figures, for who has the token; without one set, for this machine itself. Nobody else learns they exist."""
    if not _is_keeper(visit.request, visit.station.settings.metrics_token):
        raise HTTPException(404)
    return Response(visit.station.meters.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_keeper(request: Request, token: str | None) -> bool:
    if token is not None:
        return compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())
    # A proxy on this machine is this machine, too: whoever comes by one is not.
    if request.client is None or FORWARDED & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
