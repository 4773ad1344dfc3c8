"""The booth: the public sees the laureates, fills a ballot, proves a mailbox, casts, and keeps a receipt."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from vote import addresses, asking, casting, envelope, poll_book, proofs, proving, qr
from vote.addresses import Address
from vote.asking import Request
from vote.casting import Confirmation, Receipt
from vote.editions import Laureate
from vote.envelope import FilledBallot
from vote.errors import AlreadyCounted, Expired, Invalid, Refusal, Unknown
from vote.languages import Sentence
from vote.models import Delivery, Rule
from vote.proofs import Toll
from vote.proving import Exhausted, WrongCode
from vote.web.forms import gather
from vote.web.visits import Visit

STRANGE = Sentence("Cette structure n’est pas sur le bulletin : choisissez parmi celles de la page.")
NO_BALLOT = Sentence(
    "Ce navigateur ne tient aucun bulletin en attente : ouvrez le lien de la lettre, ou recommencez depuis l’accueil."
)
TWICE = Sentence(
    "Ce bouton a été pressé très vite, comme par une machine. Si c’est bien vous, pressez-le encore une fois."
)
SHOWN, READING_SECONDS = "shown", 3
NO_RECEIPT = Sentence(
    "Ce navigateur ne garde aucun vote compté. Le code de suivi noté lors du vote se vérifie à la page Vérifier."
)


async def home(visit: Visit) -> Response:
    return visit.form_page("booth/home.html", {"typed_email": visit.form["email"]})


def laureate(visit: Visit) -> Response:
    found = visit.edition.laureate(visit.request.path_params["slug"])
    if found is None:
        raise Unknown("Aucune structure lauréate ne porte ce nom.")
    return visit.page("booth/laureate.html", laureate=found)


def go_home(visit: Visit) -> Response:
    """Somebody came back to the address of a form."""
    return visit.lead_to("/")


async def fill(visit: Visit) -> Response:
    """The ballot goes home in the voter's cookie, the address to the outbox; nothing here ties the two."""
    if not visit.station.noticeboard.latest().is_open(visit.at):
        await visit.in_thread(_require_open)
    chosen, address = gather(lambda: _chosen(visit), lambda: addresses.parse(visit.form["email"]))
    if (meant := _likelier(visit, address)) is not None:
        visit.status = 422
        return visit.form_page("booth/address.html", {"email": address.typed, "meant": meant}, laureate=chosen)
    answer = await visit.station.requests.wait(_request(visit, address))
    if isinstance(answer, Refusal):
        raise answer
    if isinstance(answer, Toll):
        return await visit.in_thread(_toll, chosen, address, answer)
    visit.station.letter_posted()
    # A new code each time: with the old one, this page would tell whether that address has voted from this browser.
    before = visit.ballot.cast_before if visit.ballot else 0
    ballot = FilledBallot(answer, envelope.new_ballot_code(), chosen.slug, address.typed, before)
    return visit.give(visit.lead_to("/confirmation"), ballot)


def waiting(visit: Visit) -> Response:
    """Where the voter types the code, and learns what became of the letter."""
    ballot = visit.ballot
    delivery, expires_at = Delivery.WAITING, None
    if ballot is not None:
        with visit.station.database.reading() as session:
            if casting.find_receipt(session, ballot.ballot_code) is not None:
                return visit.lead_to("/recu")
            verification = proving.read_verification(session, visit.station.contest, ballot.verification_id, visit.at)
        if verification is not None:
            delivery, expires_at = verification.delivery, verification.expires_at
    return _waiting(visit, ballot, delivery, expires_at)


async def waiting_still(visit: Visit) -> Response:
    """The same for a code that was wrong: all there is to tell is known from the try itself."""
    if isinstance(visit.refusal, WrongCode | Exhausted):
        verification = visit.refusal.verification
        return _waiting(visit, visit.ballot, verification.delivery, verification.expires_at)
    return await visit.in_thread(waiting)


async def confirm_by_code(visit: Visit) -> Response:
    if visit.ballot is None:
        raise Expired(NO_BALLOT)
    if not visit.form["code"].strip():
        raise Invalid("Tapez les six chiffres de la lettre.", field="code")
    return await _confirm(visit, visit.ballot, visit.form["code"])


def link(visit: Visit) -> Response:
    """What the link of a letter shows; opening it changes nothing, since mail scanners open links."""
    verification_id = _proved(visit)
    ballot = _own_ballot(visit, verification_id)
    with visit.station.database.reading() as session:
        if ballot is not None and casting.find_receipt(session, ballot.ballot_code) is not None:
            return visit.lead_to("/recu")
        verification = proving.read_verification(session, visit.station.contest, verification_id, visit.at)
    if verification is None:
        if ballot is None or not visit.form.errors:
            raise Expired(proving.LATE)
        return waiting(visit)  # with what was wrong, and another letter one button away
    response = visit.page(
        "booth/link.html",
        laureate=_laureate(visit, ballot.laureate if ballot else None),
        action=visit.url(f"/confirmation/{visit.request.path_params['token']}"),
        expires_at=verification.expires_at,
        shown=visit.station.keys.seal(SHOWN, {"at": visit.at.timestamp()}),
    )
    if visit.ballot is None:
        # A ballot code to come back with, should the answer to the confirmation be lost; it holds no choice.
        visit.give(response, FilledBallot(verification_id, envelope.new_ballot_code()))
    return response


async def confirm_by_link(visit: Visit) -> Response:
    verification_id = _proved(visit)
    ballot = _own_ballot(visit, verification_id) or FilledBallot(verification_id, envelope.new_ballot_code())
    return await _confirm(visit, ballot, None)


def disown(visit: Visit) -> Response:
    """The owner of the address says "that was not me", or takes it back; who presses at once is asked again."""
    verification_id, station = _proved(visit), visit.station
    # What was done is told, should the database go at that very moment: the page needs it no more.
    after = {"contest": station.noticeboard.latest(), "action": visit.request.url.path}
    if visit.form["again"]:
        asking.allow_letters(station.database, station.contest, verification_id)
        return visit.page("booth/disowned.html", allowed=True, voted=False, **after)
    if not _pressed_by_hand(visit):
        raise Invalid(TWICE)
    voted = asking.disown(station.database, station.contest, verification_id, visit.at)
    return visit.page("booth/disowned.html", allowed=False, voted=voted, **after)


def receipt(visit: Visit) -> Response:
    """The receipt again, for the browser that cast the ballot."""
    ballot = visit.ballot
    if ballot is not None:
        with visit.station.database.reading() as session:
            found = casting.find_receipt(session, ballot.ballot_code)
        if found is not None:
            return _receipt(visit, found)
    raise Unknown(NO_RECEIPT)


async def _confirm(visit: Visit, ballot: FilledBallot, code: str | None) -> Response:
    # The choice in the form wins over the one in the cookie: no cookie proves to anybody what was voted.
    chosen = _chosen(visit) if visit.form["laureate"] else _laureate(visit, ballot.laureate)
    outcome = await visit.station.confirmations.wait(
        Confirmation(
            ballot.verification_id,
            ballot.ballot_code,
            chosen.slug if chosen else None,
            code,
            network=visit.network,
            cast_before=ballot.cast_before,
        )
    )
    return _answer(visit, ballot, outcome)


def _waiting(visit: Visit, ballot: FilledBallot | None, delivery: Delivery, expires_at: datetime | None) -> Response:
    email = ballot.email if ballot else ""
    blanks = {"email": email, "typed_email": visit.form["email"] or email, "typed_code": visit.form["code"]}
    meant = addresses.probably_meant(email) if email else None
    return visit.form_page(
        "booth/waiting.html",
        blanks | {"meant": meant} if meant else blanks,
        **({} if meant else {"meant": ""}),
        held=ballot is not None,
        addressed=bool(email),
        laureate=_laureate(visit, ballot.laureate) if ballot else None,
        delivery=str(delivery),
        expires_at=expires_at and expires_at.replace(second=0, microsecond=0),
    )


def _answer(visit: Visit, ballot: FilledBallot, outcome: Receipt | Refusal) -> Response:
    if isinstance(outcome, AlreadyCounted):
        visit.status = 409
        return visit.form_page("booth/already.html", {})
    if isinstance(outcome, Refusal):
        raise outcome
    response = _receipt(visit, outcome)
    if visit.ballot is None or visit.ballot.verification_id == ballot.verification_id:
        visit.give(response, ballot.once_cast())
    return response


def _receipt(visit: Visit, found: Receipt) -> Response:
    code = envelope.receipt_code(found.ballot_code)
    check = visit.station.settings.public_url + visit.url("/urne?code=")
    blanks: dict[str, str | bytes] = {"code": code, "check": check + code, "picture": qr.picture(check, code)}
    return visit.form_page("booth/receipt.html", blanks, repeated=found.repeated, aside=found.aside)


def _request(visit: Visit, address: Address) -> Request:
    """The request as it goes into the line, with all by which a crowd of one person may be known."""
    form = visit.form
    doubt = Rule.TRAP if form["site"] else Rule.UNPROVED if form["unproved"] else None
    return Request(
        address=address.typed,
        voter_key=_voter_key(visit, address),
        earlier=visit.ballot.verification_id if visit.ballot else None,
        language=visit.lang,
        domain=address.domain,
        networks=visit.networks,
        proof=proofs.solved(visit.station.keys, form["proof"], visit.at) if form["proof"] else None,
        doubt=doubt,
    )


def _likelier(visit: Visit, address: Address) -> str | None:
    """What was probably meant, unless its owner said that the address is right, or the form came from no page."""
    form, ballot = visit.form, visit.ballot
    settled = form["sure"] or form["proof"] or form["unproved"] or form["site"]
    if settled or (ballot is not None and ballot.email == address.typed):
        return None
    return addresses.probably_meant(address.typed)


def _toll(visit: Visit, chosen: Laureate, address: Address, toll: Toll) -> Response:
    """Under pressure a proof of work is wanted; a small script makes it, and there is a way without."""
    visit.status = 429
    challenge = proofs.challenge(visit.station.keys, toll, visit.at)
    return visit.page("booth/toll.html", laureate=chosen, email=address.typed, challenge=challenge)


def _pressed_by_hand(visit: Visit) -> bool:
    """Whether the page was shown long enough to be read: scanners of mail press every button at once."""
    shown = visit.station.keys.unseal(SHOWN, visit.form["shown"]) or {}
    return bool(shown) and visit.at.timestamp() - float(shown["at"]) >= READING_SECONDS


def _require_open(visit: Visit) -> None:
    if not visit.contest.is_open(visit.at):
        raise casting.not_open(visit.contest, visit.at)


def _chosen(visit: Visit) -> Laureate:
    """The laureate named in the form. Raises Invalid."""
    slug = visit.form["laureate"]
    if not slug:
        raise Invalid(casting.CHOOSE, field="laureate")
    found = visit.edition.laureate(slug)
    if found is None:
        raise Invalid(STRANGE, field="laureate")
    return found


def _laureate(visit: Visit, slug: str | None) -> Laureate | None:
    return visit.edition.laureate(slug) if slug else None


def _voter_key(visit: Visit, address: Address) -> bytes:
    pepper = visit.station.settings.pepper
    if pepper is None:  # destroyed after the publication
        raise casting.not_open(visit.station.noticeboard.latest(), visit.at)
    return poll_book.voter_key(pepper, visit.station.contest, address)


def _proved(visit: Visit) -> bytes:
    """The verification that the address's token proves. Raises Unknown."""
    token = visit.request.path_params["token"]
    verification_id = envelope.read_link_token(visit.station.keys, visit.station.contest, token)
    if verification_id is None:
        raise Unknown(
            "Ce lien est incomplet ou abîmé : copiez-le en entier depuis la lettre, ou demandez-en une autre."
        )
    return verification_id


def _own_ballot(visit: Visit, verification_id: bytes) -> FilledBallot | None:
    """The ballot in this browser, if it waits for this very verification and not for another person's."""
    ballot = visit.ballot
    return ballot if ballot is not None and ballot.verification_id == verification_id else None
