"""The operator's door."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import click

from vote import (
    addresses,
    approvals,
    audit,
    backup,
    bundle,
    contests,
    editions,
    languages,
    minutes,
    passkeys,
    purge,
    schema,
    serving,
    settings,
    staff,
    station,
    tally,
    words,
)
from vote.approvals import Officer
from vote.clock import Clock, RunningClock
from vote.db import Database
from vote.errors import Misuse, Refusal, Unavailable
from vote.evidence import Finding
from vote.languages import LANGUAGES, Sentence
from vote.models import Act, Role, Staff
from vote.sealing import Sealer
from vote.tokens import Keys

OPERATOR = Sentence("l’opérateur")
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
PROPOSED = "Proposed: this edition asks for two people, an officer approves at /bureau."


class House(click.Group):
    """What an operator can mend ends a command with one sentence, not with a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Unavailable as problem:
            raise click.ClickException("The database does not answer: check DATABASE_URL, and its server.") from problem
        except (Misuse, Refusal) as problem:
            raise click.ClickException(str(problem)) from problem
        except OSError as problem:
            raise click.ClickException(f"{problem.filename or ctx.info_name}: {problem.strerror}.") from problem


@click.group(cls=House, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A public vote on a prize. Settings come from the environment; the README lists them."""


@main.command()
@click.option("--port", default=8000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True,
              help="Where the demonstration keeps its data.")  # fmt: skip
@click.option("--screening/--no-screening", default=True, show_default=True,
              help="Whether suspect ballots are set aside.")  # fmt: skip
def demo(port: int, folder: Path, screening: bool) -> None:
    """Serve a demonstration that needs no setting, on 18 November 2019."""
    serving.demo(folder, port, screening=screening)


@main.command()
@click.option("--web-only", is_flag=True, help="Workers run elsewhere (`vote worker`): carry no letters here.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104
def serve(web_only: bool, host: str) -> None:
    """Serve the site; also carries letters and keeps house, unless told that workers exist."""
    serving.serve(settings.from_environ(), host=host, work_here=not web_only)


@main.command()
def worker() -> None:
    """Carry letters and keep house, beside web processes started with --web-only."""
    serving.work(settings.from_environ())


@main.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the database to the schema of this version; safe to repeat."""
    with closing(Database(settings.database_url())) as database:
        schema.upgrade(database)
    click.echo("The database has the schema of this version.")


@main.group()
def edition() -> None:
    """What the public votes on."""


@edition.command("load")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def load_edition(file: Path | None) -> None:
    """Load FILE (default: VOTE_EDITION, else the shipped edition) into the database; safe to repeat."""
    found = editions.read(file or settings.edition_file() or editions.SHIPPED)
    with _database() as database:
        outcome = contests.load(database, found, _clock().now(), OPERATOR)
    click.echo(f"{found.contest}: {outcome}, {len(found.laureates)} laureates.")


@main.group("staff")
def staff_group() -> None:
    """Jurors and officers."""


@staff_group.command("add")
@click.argument("address")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--name", required=True, help="As the minutes call this person.")
@click.option("--lang", type=click.Choice(list(LANGUAGES)), help="Of their letters, until they sign in.  [default: fr]")
def add_staff(address: str, role: str, name: str, lang: str | None) -> None:
    """Enter a juror or an officer; they then sign in at /entrer with a mailed code."""
    with _database() as database:
        parsed = addresses.parse(address)
        staff.add(database, _slug(), parsed, name, Role(role), _clock().now(), OPERATOR, lang)
    click.echo(f"{name} is entered as {role}.")


@staff_group.command("invite")
@click.argument("address")
def invite_staff(address: str) -> None:
    """Print a link that signs a member in once within twelve hours: for when letters do not arrive."""
    keys = Keys(settings.from_environ().secrets)
    parsed = addresses.parse(address)
    with _database() as database:
        token = staff.invite(database, keys, parsed, _clock().now())
        with database.reading() as session:
            lang = session.get_one(Staff, parsed.canonical).language
    click.echo(settings.public_url() + languages.address(f"/entrer/{token}", lang))


@staff_group.command("sign-out")
@click.argument("address")
def sign_out(address: str) -> None:
    """End every session of a member at once: a lost telephone, a doubt."""
    with _database() as database, database.writing() as session:
        ended = staff.revoke_all(session, _clock().now(), addresses.parse(address).canonical)
    click.echo(f"{ended} sessions ended.")


@staff_group.command("remove-key")
@click.argument("address")
@click.argument("name", required=False)
def remove_key(address: str, name: str | None) -> None:
    """Remove a member's lost passkey and end their sessions; without NAME, list the names. A minute says so."""
    parsed = addresses.parse(address)
    with _database() as database:
        if name is not None:
            passkeys.remove(database, _slug(), parsed.canonical, name, who=OPERATOR, at=_clock().now())
        with database.reading() as session:
            names = [key.name for key in passkeys.held(session, parsed.canonical)]
    click.echo("\n".join(["Removed."] * (name is not None) + [f"{len(names)} passkeys left."] + names))


@main.group()
def contest() -> None:
    """The contest and the officers' acts on it."""


@contest.command()
def show() -> None:
    """State, dates, balance and minutes."""
    with _database() as database, database.reading() as session:
        found = contests.read(session, _slug())
        balance = tally.balance(session, found.slug)
        click.echo(f"{found.slug}: {found.state(_clock().now())}")
        click.echo(f"  opens   {words.instant(found.opens_at, 'en')} (Paris)")
        click.echo(f"  closes  {words.last_moment(found.closes_at, 'en')} (Paris)")
        for name, at in (("closed", found.closed_at), ("published", found.published_at)):
            if at is not None:
                click.echo(f"  {name:<9} {words.instant(at, 'en')} (Paris)")
        agreement = "balanced" if balance.balanced else "NOT BALANCED"
        click.echo(f"  {balance.signatures} signatures, {balance.ballots} ballots: {agreement}")
        for line in minutes.read(session, found.slug):
            click.echo(f"  {line.number:>4}  {line.at:%Y-%m-%d %H:%M} UTC  {line.act}  {line.who}: {line.why}")


@contest.command()
@click.option("--reason", required=True, help="Public, in the minutes.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def close(reason: str, yes: bool) -> None:
    """Close before the deadline. Nothing reopens a contest."""
    _confirm(yes, "Close the contest now, for good?")
    with _database() as database:
        done = _act(database, Act.CLOSURE, {}, reason)
    click.echo("The contest is closed." if done else PROPOSED)


@contest.command()
@click.option("--until", required=True, metavar="ISO", help="The new deadline, such as 2019-11-24T00:00:00+01:00.")
@click.option("--reason", required=True, help="Public, in the minutes.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def extend(until: str, reason: str, yes: bool) -> None:
    """Move the deadline of an open contest to a later instant."""
    instant = _instant(until)
    _confirm(yes, f"Move the deadline to {words.instant(instant, 'en')} (Paris)?")
    with _database() as database:
        done = _act(database, Act.EXTENSION, {"until": instant.isoformat()}, reason)
    click.echo(f"The contest now closes {words.last_moment(instant, 'en')} (Paris)." if done else PROPOSED)


@contest.command()
@click.option("--reason", required=True, help="Public, in the minutes.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def publish(reason: str, yes: bool) -> None:
    """Recount the ballots and publish the results."""
    _confirm(yes, "Publish the results now, for good?")
    with _database() as database:
        done = _act(database, Act.PUBLICATION, {}, reason)
    click.echo("The results are published." if done else PROPOSED)


@contest.command("bundle")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--scrutineers", is_flag=True, help="With salts and laureates of every ballot: for scrutineers only.")
def write_bundle(file: Path, scrutineers: bool) -> None:
    """Write the bundle of a published contest to FILE: everything needed to audit it, without database or secret."""
    with _database() as database, database.reading() as session:
        content = bundle.write(session, _slug(), _sealer().signer, for_scrutineers=scrutineers)
    file.write_bytes(content)
    click.echo(f"{file}: {len(content)} bytes.")


@main.command("audit")
@click.argument("file", type=EXISTING, required=False)
@click.option("--witness", "kept", multiple=True, type=EXISTING, help="A checkpoint that somebody kept.")
def run_audit(file: Path | None, kept: tuple[Path, ...]) -> None:
    """Recount and verify the database, or the bundle FILE without any database; exit 1 if anything disagrees."""
    notes = _notes(kept)
    if file is not None:
        findings = bundle.read(file.read_bytes(), notes)
    else:
        verifier = _sealer().signer.verifier
        with _database() as database, database.reading() as session:
            findings = audit.examine_database(session, contests.read(session, _slug()), verifier, notes)
    _tell(findings)
    if not all(finding.holds for finding in findings):
        sys.exit(1)


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def write_backup(file: Path) -> None:
    """Copy the database to the new FILE while votes are cast. Keep it apart from the pepper."""
    click.echo(f"{file}: {backup.write(settings.database_url(), file)} bytes, as the database was at the start.")


@main.command("restore")
@click.argument("file", type=EXISTING, required=False)
@click.option("--witness", "kept", multiple=True, type=EXISTING, help="A checkpoint that a juror kept.")
@click.option("--incomplete", is_flag=True, help="Go on although kept checkpoints know of more than there is.")
def restore(file: Path | None, kept: tuple[Path, ...], incomplete: bool) -> None:
    """Audit the backup FILE and make it the database, which must not exist yet; say what is missing from it.

    Without FILE: do so with the database as it is, which deploy/postgresql/restore has just loaded.
    """
    url = settings.database_url()
    with (
        nullcontext(url) if file is None else backup.unpacked(url, file) as place,
        closing(Database(place)) as database,
    ):
        schema.require_current(database)
        found = backup.examine(database, _slug(), _sealer().signer.verifier, _notes(kept))
        _tell(found.audit)
        _tell(found.kept)
        click.echo(f"There are {found.holds} Votes after the backup are not in it: who cast them may vote again.")
        if not kept:
            click.echo("No kept checkpoint was given: whether sealed ballots are missing is unknown. Ask each juror.")
        if not found.sound:
            raise Misuse("Not restored: the backup disagrees with itself. Do not serve it.")
        if not found.complete and not incomplete:
            raise Misuse("Not restored: jurors hold more than it. Take a later one, or --incomplete if there is none.")
        backup.record(database, _slug(), OPERATOR, _clock().now())
    click.echo("Restored. The minutes say so; jurors and officers sign in again.")


@main.command("purge")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def run_purge(yes: bool) -> None:
    """After the publication: destroy what could still tell who voted. Nothing brings it back."""
    _confirm(yes, "Destroy verifications, sessions, letters and the pepper, for good?")
    with _database() as database:
        counts = purge.purge(database, _sealer(), who=OPERATOR, at=_clock().now())
    click.echo("Deleted: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
    path = settings.pepper_file()
    if path is None:
        click.echo("Now replace VOTE_PEPPER by `destroyed` wherever it is written, backups too: until then it is not.")
    elif path.exists():
        purge.destroy(path)
        click.echo(f"{path} is overwritten and removed. Destroy its backups too, and start with VOTE_PEPPER=destroyed.")


@contextmanager
def _database() -> Iterator[Database]:
    with closing(Database(settings.database_url())) as database:
        schema.require_current(database)
        yield database


def _notes(kept: tuple[Path, ...]) -> list[str]:
    return [path.read_text(encoding="utf-8", errors="replace") for path in kept]


def _tell(findings: Sequence[Finding]) -> None:
    for finding in findings:
        click.echo(f"{'agrees   ' if finding.holds else 'DISAGREES'}  {finding.said('en')}")


def _slug() -> str:
    return editions.read(settings.edition_file() or editions.SHIPPED).contest


def _act(database: Database, kind: Act, terms: dict[str, str], why: str) -> bool:
    by = Officer(OPERATOR, "")
    return approvals.act(database, _sealer(), kind, terms, by=by, why=why, at=_clock().now())


def _sealer() -> Sealer:
    return station.sealer_for(settings.public_url(), settings.seal_key(), _slug())


def _clock() -> Clock:
    return RunningClock()


def _confirm(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as problem:
        raise Misuse(f"--until is not an instant: {text!r}; give one such as 2019-11-24T00:00:00+01:00.") from problem
    if instant.tzinfo is None:
        raise Misuse("--until has no time zone: give one such as 2019-11-24T00:00:00+01:00.")
    return instant
