"""What `make bench` measures the site against: `python bench/baselines.py KIND PORT`, on the database of DATABASE_URL.

bare    (a) an ASGI application that answers the bytes of the file BODY, or 304, and does nothing else
form    (b) a Starlette endpoint that reads the form and answers a page of the same size, without a database
naive   (c) the same tables, an SQLAlchemy session for each request and one commit for each vote
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from ground import CONTEST, HOUR, KEYS, SLUGS
from sqlalchemy import Connection, create_engine, event, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from vote import envelope, proving
from vote.models import Envelope, RunningCount, Signature, Turnout, Verification
from vote.rows import insert

PAGE = Path(os.environ["BODY"]).read_bytes() if "BODY" in os.environ else b"-" * 8192


def main() -> None:
    kind, port = sys.argv[1:]
    app = {"bare": bare, "form": form, "naive": naive}[kind]
    uvicorn.run(
        app(),
        port=int(port),
        access_log=False,
        log_level="warning",
        proxy_headers=True,
        forwarded_allow_ips=["127.0.0.1"],
        server_header=False,
    )


def bare() -> ASGIApp:
    length = str(len(PAGE)).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", length), (b"etag", b'"the same"')]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})

    return app


def form() -> ASGIApp:
    async def endpoint(request: Request) -> Response:
        data = await request.form()
        return HTMLResponse(PAGE, 200 if data else 422)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=["POST"])])


def naive() -> ASGIApp:
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=40)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)

    with Session(engine) as session:
        # Counters that are there from the start, as anybody would have them.
        counts = [{"contest": CONTEST, "laureate": slug, "slot": 0, "votes": 0} for slug in SLUGS]
        session.execute(insert(session, RunningCount).on_conflict_do_nothing(), counts)
        hour = {"contest": CONTEST, "hour_at": HOUR, "slot": 0, "votes": 0}
        session.execute(insert(session, Turnout).on_conflict_do_nothing(), [hour])
        session.commit()

    def cast(ballot: envelope.FilledBallot, code: str) -> int:
        with Session(engine) as session:
            verification = session.get(Verification, ballot.verification_id)
            if verification is None or not KEYS.proves(proving.PURPOSE, verification.id, code):
                return 422
            session.add(Signature(contest=CONTEST, voter_key=verification.voter_key))
            session.add(
                Envelope(
                    ballot_code=ballot.ballot_code,
                    contest=CONTEST,
                    laureate=ballot.laureate,
                    salt=envelope.new_salt(),
                    window_at=HOUR,
                )
            )
            try:
                session.flush()
            except IntegrityError:
                return 409
            counted = RunningCount.contest == CONTEST, RunningCount.laureate == ballot.laureate
            session.execute(update(RunningCount).where(*counted).values(votes=RunningCount.votes + 1))
            at_this_hour = Turnout.contest == CONTEST, Turnout.hour_at == HOUR
            session.execute(update(Turnout).where(*at_this_hour).values(votes=Turnout.votes + 1))
            session.commit()
            return 200

    async def endpoint(request: Request) -> Response:
        data = await request.form()
        ballot = envelope.unseal(KEYS, CONTEST, request.cookies.get("bulletin"))
        if ballot is None:
            return HTMLResponse(PAGE, 410)
        return HTMLResponse(PAGE, await run_in_threadpool(cast, ballot, str(data["code"])))

    return Starlette(routes=[Route("/confirmation", endpoint, methods=["POST"])])


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


if __name__ == "__main__":
    main()
