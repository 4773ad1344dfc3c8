"""The log: one JSON object a line, with the number of its request, and nothing that people typed, received or chose."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from vote.settings import ROOT

PROCESS = secrets.token_hex(4)
REQUEST: ContextVar[str] = ContextVar("request", default="")

# Our own lines hold none of these; those of libraries and of the system may.
PRIVATE = (
    (re.compile(r"[^\s@<>\"'(),;]+@[^\s@<>\"'(),;]+"), "[address]"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}\b"), "[network]"),
    (re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b|\b\d{3} ?\d{3}\b"), "[code]"),
    (re.compile(r"[\w-]{22,}"), "[token]"),
)

log = logging.getLogger(__name__)
_numbers = count(1)


def keep(level: str) -> None:
    """From now on this process writes its log to standard error: our own lines from `level` on, libraries' warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    handler.addFilter(_ours_or_grave)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    sys.excepthook = lambda *fault: log.critical("a fault ends this process", exc_info=fault)
    threading.excepthook = lambda fault: log.critical("a fault ends a thread", exc_info=fault.exc_value)


class Lines(logging.Formatter):
    """`at` (UTC), `level`, `from`, `says`; `request` where there is one; `fault` where there is one.

    A fault is its kinds and places, outermost last: its words may quote whatever was being handled.
    """

    def format(self, record: logging.LogRecord) -> str:
        # What follows the first line of a library is often the thing itself.
        says = record.getMessage().partition("\n")[0]
        if not _ours(record):
            for pattern, name in PRIVATE:
                says = pattern.sub(name, says)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "from": record.name, "says": says}
        if number := REQUEST.get():
            line["request"] = number
        if record.exc_info and record.exc_info[1] is not None:
            line["fault"] = _fault(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def number() -> str:
    """The number of the request that begins here, by which its lines in the log are found."""
    text = f"{PROCESS}-{next(_numbers)}"
    REQUEST.set(text)
    return text


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "vote"


def _ours_or_grave(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or _ours(record)


def _fault(fault: BaseException) -> list[str]:
    told: list[str] = []
    while fault is not None:
        number = getattr(fault, "sqlstate", None) or getattr(fault, "errno", None) or getattr(fault, "smtp_code", None)
        told.append(f"{type(fault).__module__}.{type(fault).__qualname__}" + (f" {number}" if number else ""))
        frames = traceback.extract_tb(fault.__traceback__)
        told += [f"  {_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
        fault = fault.__cause__ or fault.__context__  # type: ignore[assignment]
    return told


def _place(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else "/".join(path.parts[-3:])
