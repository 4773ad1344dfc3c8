"""One simulated contest on the real application: only its clock is moved, from event to event."""

from __future__ import annotations

import asyncio
import heapq
import html
import json
import re
import shutil
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from altcha import v1 as altcha
from sqlalchemy import delete, select

from fraud import officer
from fraud.browser import Browser, behind_proxy
from fraud.people import DAYS, EDITION, PARIS, Voter, on
from fraud.zone import Zone
from vote import (
    addresses,
    asking,
    casting,
    contests,
    envelope,
    marks,
    poll_book,
    proofs,
    resolver,
    schema,
    sealing,
    staff,
    worker,
)
from vote.app import create_app
from vote.asking import Request
from vote.casting import Confirmation, Receipt
from vote.db import Database
from vote.envelope import FilledBallot
from vote.errors import Refusal, TooMany
from vote.models import Envelope, OutgoingLetter, RejectedBallot, Role, Rule, SealedBallot, Suspicion
from vote.proofs import Toll
from vote.proving import PURPOSE
from vote.settings import Settings
from vote.station import Station

OFFICER = addresses.parse("bureau@example.org")
LOOKS = (9, 13, 18, 22)  # hours at which the officer opens the page
MOST_TRIES = 3


class Clock:
    """Shows what the simulation has come to."""

    def __init__(self) -> None:
        self.moment = EDITION.opens_at

    def now(self) -> datetime:
        return self.moment


def _counters() -> dict[str, Counter[str]]:
    return defaultdict(Counter)


@dataclass
class Outcome:
    """What came of one contest: figures by part, and by part and rule how many ballots were ever set aside."""

    parts: dict[str, Counter[str]] = field(default_factory=_counters)
    rules: dict[str, Counter[str]] = field(default_factory=_counters)
    decisions: Counter[str] = field(default_factory=Counter)


class Simulation:
    """`through_pages` sends everybody through the pages; otherwise they call the functions behind them."""

    def __init__(self, folder: Path, voters: Iterable[Voter], *, screening: bool = True, through_pages: bool = False):
        self.clock, self.through_pages = Clock(), through_pages
        self.voters = list(voters)
        self.outcome = Outcome()
        chosen = Settings(
            database_url=f"sqlite:///{_prepared(folder)}",
            public_url="http://testserver",
            secrets=("s" * 40,),
            pepper=b"p" * 40,
            seal_key=b"k" * 32,
            mail_from="vote@example.org",
            pigeonhole=folder / "letters",
            screening=screening,
        )
        self.app = create_app(chosen, self.clock, contest=EDITION.contest, work_here=False)
        self.station: Station = self.app.state.station
        self.front = behind_proxy(self.app)
        self.browsers: dict[int, Browser] = {}
        self.challenges: dict[int, dict[str, Any]] = {}
        self.held: dict[bytes, tuple[str, bool]] = {}
        self.kept_proof = ""
        self.zone = Zone(self.voters)
        self.looked_up: dict[str, datetime] = {}
        self.order = count()
        self.events: list[tuple[datetime, int, str]] = []
        self.waiting: dict[tuple[datetime, str], list[Voter]] = {}

    async def run(self) -> Outcome:
        """From the opening to the publication."""
        self._plan()
        acts: dict[str, Callable[[Sequence[Voter]], Awaitable[None]]] = {
            "ask": self._ask,
            "confirm": self._confirm,
            "scan": self._scan,
            "round": self._round,
            "look": self._look,
        }
        async with self.app.router.lifespan_context(self.app):
            while self.events:
                at, _, act = heapq.heappop(self.events)
                self.clock.moment = at
                await acts[act](self.waiting.pop((at, act)))
            self._examine()
        return self.outcome

    def _plan(self) -> None:
        staff.add(self.station.database, EDITION.contest, OFFICER, "Dominique", Role.OFFICER, EDITION.opens_at, "essai")
        for voter in self.voters:
            self._at(voter.at, "ask", voter)
        for day in sorted({voter.at.astimezone(PARIS).day for voter in self.voters}):
            for hour in range(24):
                self._at(on(day, hour + 5 / 3600), "round")
            for hour in LOOKS:
                self._at(on(day, hour + 0.1), "look")
        for minute in (3, 6, 12):
            self._at(on(7 + DAYS, minute / 60), "look")

    def _at(self, at: datetime, act: str, voter: Voter | None = None) -> None:
        at = at.astimezone(UTC)
        if (at, act) not in self.waiting:
            self.waiting[at, act] = []
            heapq.heappush(self.events, (at, next(self.order), act))
        if voter is not None:
            self.waiting[at, act].append(voter)

    def _in(self, seconds: float, act: str, voter: Voter) -> None:
        self._at(self.clock.moment + timedelta(seconds=seconds), act, voter)

    # What happens by itself

    async def _round(self, _: Sequence[Voter] = ()) -> None:
        """The worker's round, which seals each hour and keeps house less often. Its postman has carried every letter
        meanwhile, and nobody reads one: codes follow from the secret."""
        with self.station.database.writing() as session:
            session.execute(delete(OutgoingLetter))
        if self.clock.now().astimezone(PARIS).hour % 6 == 3:
            worker.make_round(self.station.database, self.clock, self.station.sealer)
        else:
            sealing.seal(self.station.database, self.station.sealer, self.clock.now())

    async def _look(self, _: Sequence[Voter] = ()) -> None:
        """The officer signs in and decides; what is set aside at that moment is noted for the measure alone."""
        station = self.station
        await self._round()
        with station.database.reading() as session:
            rows = select(Envelope.ballot_code, Suspicion).join(Suspicion, Suspicion.id == Envelope.suspicion)
            self.held.update((code, (str(one.rule), _neighbours(one))) for code, one in session.execute(rows))
        bureau = Browser(self.front, "192.0.2.1")
        token = staff.invite(station.database, station.keys, OFFICER, self.clock.now())
        await bureau.post(f"/entrer/{token}")
        for shown, verdict in await officer.decide(bureau):
            self.outcome.decisions[f"{shown.rule} {verdict}"] += 1
        await self._round()

    # What voters do

    async def _ask(self, voters: Sequence[Voter]) -> None:
        for voter, answer in zip(voters, await self._send(voters), strict=True):
            if isinstance(answer, Toll):
                self._pay(voter, answer)
            elif isinstance(answer, TooMany):
                self._come_again(voter, answer.retry_after)
            elif isinstance(answer, Refusal):
                voter.refused = True
            elif voter.mistyped:
                voter.mistyped = None
                self._in(30, "ask", voter)
            else:
                voter.verification, voter.letters = answer, voter.letters + 1
                if voter.letters == 1:
                    self._await_letter(voter)
        self._look_up(voter.address for voter in voters if voter.letters)

    def _look_up(self, letters_to: Iterable[str]) -> None:
        """What the worker does as letters leave."""
        now, station = self.clock.now(), self.station
        domains = {addresses.parse(address).domain for address in letters_to} - marks.COMMON
        lasts, never = timedelta(seconds=resolver.LASTS_SECONDS), EDITION.opens_at - timedelta(days=1)
        due = [domain for domain in sorted(domains) if self.looked_up.get(domain, never) <= now - lasts]
        self.looked_up.update(dict.fromkeys(due, now))
        resolver.look_up(station.database, self.clock, station.keys, self.zone.ask, due)

    def _await_letter(self, voter: Voter) -> None:
        if voter.scanned:
            self._in(5, "scan", voter)
        if voter.again:
            self._in(voter.again, "ask", voter)
        if voter.gap is not None:
            self._in(voter.gap, "confirm", voter)

    def _come_again(self, voter: Voter, seconds: int) -> None:
        """Told to wait, people do, and so do attackers, but for one who has come to replay."""
        voter.slowed, voter.tries = True, voter.tries + 1
        if voter.tries <= MOST_TRIES and seconds <= 3600 and not voter.replays:
            self._in(seconds + 5, "ask", voter)
        else:
            voter.refused = True

    def _pay(self, voter: Voter, toll: Toll) -> None:
        voter.slowed, voter.tries = True, voter.tries + 1
        if voter.tries > MOST_TRIES or (voter.replays and voter.proof):
            voter.refused = True
            return
        if voter.replays and self.kept_proof:
            voter.proof = self.kept_proof
        elif not voter.scripts:
            voter.unproved = True
        else:
            voter.proof, hashes = self._solve(voter, toll)
            voter.proofs, voter.hashes = voter.proofs + 1, voter.hashes + hashes
            if voter.replays:  # the one who pays; those who follow do not
                self.kept_proof, voter.gap = voter.proof, None
        self._in(5, "ask", voter)

    def _solve(self, voter: Voter, toll: Toll) -> tuple[str, int]:
        """A proof, and how many hashes it took; where no page asks for it, what a proof takes on average."""
        if not self.through_pages:
            return f"{id(voter)} {voter.tries}", round(proofs.EASY * min(toll.heat, proofs.HARDEST) / 2)
        challenge = self.challenges[id(voter)]
        found = altcha.solve_challenge(
            challenge=challenge["challenge"],
            algorithm=challenge["algorithm"],
            max_number=challenge["maxnumber"],
            salt=challenge["salt"],
        )
        assert found is not None
        return b64encode(json.dumps({**challenge, "number": found.number}).encode()).decode(), found.number

    async def _confirm(self, voters: Sequence[Voter]) -> None:
        keys = self.station.keys
        codes = ["000000" if voter.fumbles else keys.code(PURPOSE, voter.verification) for voter in voters]
        for voter, cast in zip(voters, await self._cast(voters, codes), strict=True):
            if voter.fumbles:
                voter.fumbles = False
                self._in(10, "confirm", voter)
            elif cast:
                voter.cast = True
            elif voter.honest:
                voter.refused = True

    async def _scan(self, voters: Sequence[Voter]) -> None:
        """L: a mail gateway opens the link of each letter and presses every button of its page, at once."""
        for voter in voters:
            gateway = Browser(self.front, "91.98.0.1")
            path = f"/confirmation/{envelope.link_token(self.station.keys, EDITION.contest, voter.verification)}"
            page = await gateway.get(path)
            shown = re.search(r'name="shown" value="([^"]+)"', page.text)
            ballot = await gateway.post(path)
            disowned = await gateway.post(f"{path}/pas-moi", shown=shown[1] if shown else "")
            figures = self.outcome.parts["L"]
            figures.update(voters=1, cast=ballot.status == 200, counted=ballot.status == 200)
            figures["disowned"] += disowned.status == 200

    # The two ways: through the pages, and through the functions behind them

    async def _send(self, voters: Sequence[Voter]) -> Sequence[bytes | Refusal | Toll]:
        if self.through_pages:
            return await asyncio.gather(*(self._send_by_page(voter) for voter in voters))
        keys, at = self.station.keys, self.clock.now()
        requests = []
        for voter in voters:
            address = addresses.parse(voter.mistyped or voter.address)
            asked = Request(
                address.typed,
                poll_book.voter_key(b"p" * 40, EDITION.contest, address),
                voter.verification or None,
                domain=address.domain,
                networks=marks.networks(keys, voter.host, at),
                proof=voter.proof or None,
                doubt=Rule.UNPROVED if voter.unproved else None,
            )
            requests.append(asked)
        return asking.request(self.station.booth, requests, at)

    async def _send_by_page(self, voter: Voter) -> bytes | Refusal | Toll:
        browser = self._browser(voter)
        form = {"laureate": voter.laureate, "email": voter.mistyped or voter.address, "proof": voter.proof}
        # Who mistypes an address does not see it in the question either.
        form |= {name: "oui" for name, said in (("unproved", voter.unproved), ("sure", voter.mistyped)) if said}
        page = await browser.post("/bulletin", **form)
        if page.status == 303:
            ballot = envelope.unseal(self.station.keys, EDITION.contest, browser.cookies.get("bulletin"))
            assert ballot is not None
            voter.ballot_code = ballot.ballot_code
            return ballot.verification_id
        if found := re.search(r'data-challenge="([^"]+)"', page.text):
            challenge = self.challenges[id(voter)] = json.loads(html.unescape(html.unescape(found[1])))
            return Toll(challenge["maxnumber"] / proofs.EASY)
        if page.status == 429:
            return TooMany("", retry_after=int(page.header("retry-after")))
        return Refusal(str(page.status))

    async def _cast(self, voters: Sequence[Voter], codes: Sequence[str]) -> Sequence[bool]:
        if self.through_pages:
            pages = (self._browser(v).post("/confirmation", code=code) for v, code in zip(voters, codes, strict=True))
            return [page.status == 200 for page in await asyncio.gather(*pages)]
        keys, at = self.station.keys, self.clock.now()
        ballots = []
        for voter, code in zip(voters, codes, strict=True):
            voter.ballot_code = voter.ballot_code or envelope.new_ballot_code()
            network = marks.networks(keys, voter.host, at)[-1]
            ballots.append(
                Confirmation(
                    voter.verification,
                    voter.ballot_code,
                    voter.laureate,
                    code,
                    network=network,
                    cast_before=voter.voted_before,
                )
            )
        return [isinstance(found, Receipt) for found in casting.confirm(self.station.booth, ballots, at)]

    def _browser(self, voter: Voter) -> Browser:
        if id(voter) not in self.browsers:
            browser = self.browsers[id(voter)] = Browser(self.front, voter.host, voter.forged)
            if voter.voted_before:
                earlier = envelope.new_verification_id(self.clock.now())
                before = FilledBallot(earlier, envelope.new_ballot_code(), cast_before=voter.voted_before)
                browser.cookies["bulletin"] = envelope.seal(self.station.keys, EDITION.contest, before)
        return self.browsers[id(voter)]

    def _examine(self) -> None:
        """Publish, and look for every ballot: in the box, or among the rejected."""
        station = self.station
        contests.publish(station.database, station.sealer, who="Dominique", why="Fin", at=self.clock.now())
        with station.database.reading() as session:
            sealed = set(session.scalars(select(SealedBallot.ballot_code)))
            rejected = set(session.scalars(select(RejectedBallot.ballot_code)))
        for voter in self.voters:
            figures, code = self.outcome.parts[voter.part], voter.ballot_code
            held = self.held.get(code) if voter.cast else None
            if voter.cast and (code in sealed) == (code in rejected):
                raise SystemExit("a ballot that was cast is lost, or is there twice")
            figures.update(
                voters=1,
                cast=voter.cast,
                held=held is not None,
                neighbours=held is not None and held[1],
                counted=voter.cast and code in sealed,
                lost=voter.cast and code in rejected,
                letters=voter.letters,
                proofs=voter.proofs,
                hashes=voter.hashes,
                slowed=voter.slowed,
                refused=voter.refused,
            )
            if held:
                self.outcome.rules[voter.part][held[0]] += 1


def _neighbours(suspicion: Suspicion) -> bool:
    """Whether it holds whoever shares a network, a domain or a mail host, and not all of the contest of one step."""
    return bool(suspicion.network or suspicion.domain or suspicion.host)


def _prepared(folder: Path) -> Path:
    """A database of its own with the edition loaded; the first one in a folder is copied for the others."""
    template, path = folder.parent / f"{folder.parent.name}.db", folder / "vote.db"
    folder.mkdir(exist_ok=True)
    if not template.exists():
        database = Database(f"sqlite:///{template}")
        schema.upgrade(database)
        contests.load(database, EDITION, EDITION.opens_at, "the bench")
        database.sweep()
        database.close()
    shutil.copy(template, path)
    return path
