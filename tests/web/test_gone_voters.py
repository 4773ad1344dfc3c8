"""Voters who are gone before the answer: their vote is in, whole, or it is not; jurors who are slow see the latest."""

from __future__ import annotations

import asyncio
import socket
import time

from people import CONTEST, House
from starlette.types import Message
from test_jury_live import Node

from vote import tally
from vote.web import jury


def test_a_vote_whose_voter_is_gone_is_in_or_not_but_never_half(house: House) -> None:
    voters = [house.voter(f"v{number}@example.org") for number in range(8)]
    for voter in voters:
        voter.choose()
    codes = [voter.code() for voter in voters]
    with Node(house) as node:
        for number, (voter, code) in enumerate(zip(voters, codes, strict=True)):
            body = f"code={code.replace(' ', '')}"
            cookie = voter.browser.cookies["bulletin"]
            head = f"POST /confirmation HTTP/1.1\r\nHost: testserver\r\nCookie: bulletin={cookie}\r\n"
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", node.port)) as connection:
                # Some leave before the end of what they say, some right after it.
                connection.sendall(f"{head}{body}".encode()[: -3 if number % 2 else None])
        time.sleep(0.3)
    with house.database.reading() as session:
        balance = tally.balance(session, CONTEST)
    assert balance.balanced
    assert balance.signatures == 4
    for voter, code in zip(voters, codes, strict=True):
        assert voter.type_code(code).status_code == 200
    assert sum(house.ballots().values()) == 8


def test_a_slow_juror_skips_to_the_latest_figures(house: House) -> None:
    cookie = house.juror().client.cookies["salle"]
    gallery = jury.Gallery(house.station, bool)
    stream = jury.Stream(gallery, jury.Viewer(cookie, "fr"))
    seen: list[bytes] = []

    async def watch() -> None:
        ready, patience = asyncio.Event(), asyncio.Event()

        async def receive() -> Message:
            await patience.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message.get("body"):
                seen.append(message["body"])
                await ready.wait()  # the first figures take long to leave

        task = asyncio.create_task(stream({"type": "http", "method": "GET"}, receive, send))
        while not seen:
            await asyncio.sleep(0.01)
        for _ in range(3):
            with house.database.writing() as session:
                tally.move(session, CONTEST, 0, {"ilot-femmes": 1}, 1, house.clock.now())
            version = gallery.version
            while gallery.version == version:
                await asyncio.sleep(0.01)
        ready.set()
        while len(seen) < 2:
            await asyncio.sleep(0.01)
        patience.set()
        await task

    assert house.main.portal is not None
    house.main.portal.call(watch)
    assert len(seen) == 2
    assert b"<strong>3</strong>" in seen[1]
