"""The demonstration's mailbox, in place of everybody's; it exists nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from vote.web.visits import Visit


@dataclass(frozen=True, slots=True)
class Opened:
    to: str
    subject: str
    language: str
    at: datetime
    text: str
    links: list[str]
    code: str | None


def mailbox(visit: Visit) -> Response:
    if visit.station.pigeonhole is None:
        raise HTTPException(404)
    to = visit.request.query_params.get("a", "").strip()[:254]
    letters = [_open(message) for message in visit.station.pigeonhole.letters(to)]
    return visit.page("demo/mailbox.html", letters=letters, to=to)


def _open(message: EmailMessage) -> Opened:
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    code = re.search(r"\b\d{3} \d{3}\b", text)
    return Opened(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        language=str(message["Content-Language"]),
        at=parsedate_to_datetime(str(message["Date"])),
        text=text,
        links=re.findall(r"https?://\S+/(?:confirmation|entrer)/\S+", text),
        code=code.group() if code else None,
    )
