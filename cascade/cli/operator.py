"""The operator's commands: worker, credits, database, and whether the writer is ready."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from cascade import shapes
from cascade.cli.base import (
    as_json,
    cli,
    confirmed,
    opened,
    print_json,
    say,
    seen_by,
    view,
    with_service,
)
from cascade.cli.check import print_check
from cascade.display import one_line
from cascade.errors import UsageError
from cascade.exits import FAILED
from cascade.service import MOST_CREDITS, Service, check_database
from cascade.settings import load_settings

# How often a worker looks whether it is to stop.
LOOK_S = 0.5


@cli.command()
@with_service
def worker(service: Service) -> None:
    """Execute runs until stopped; takes up whatever is unfinished."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with service.executing():
        say("Executing runs. Ctrl-C stops.", err=True)
        # A signal may reach any thread; this one hears of it once it is awake.
        while not stop.wait(LOOK_S):
            pass


@cli.group(invoke_without_command=True)
@seen_by
@as_json
@click.pass_context
def credits(context: click.Context, user: str | None, as_json: bool) -> None:
    """Show a user's credits with every movement, or grant some."""
    if context.invoked_subcommand is not None:
        return
    with opened() as service:
        if user is None:
            found = service.operator().credits()
        else:
            found = service.desk(service.actor(user)).credits()
    if as_json:
        print_json(shapes.credits_document(found))
        return
    say(
        f"{one_line(found.user)}: {found.available} available, {found.held} held, "
        f"{found.captured} used, of {found.deposited} deposited"
    )
    for entry in found.entries:
        what = " ".join(str(entry[key]) for key in ("runId", "stepKey") if entry[key])
        say(f"  {entry['at'][:16]}  {entry['kind']:8}{entry['credits']:5}  {what}")


@credits.command()
@click.option("--user", metavar="NAME", help="Who receives; the project itself unless given.")
@click.option("--project", metavar="P", help="In which project, by its id or name.")
@click.option("--reason", metavar="TEXT", default="", help="Why; stands in ledger and audit.")
@click.argument("credits", metavar="N", type=click.IntRange(1, MOST_CREDITS))
@with_service
def grant(
    service: Service, user: str | None, project: str | None, reason: str, credits: int
) -> None:
    """Give a user N credits, or a project. A name that is not known yet becomes an editor.

    What a project has pays runs of its editors that were approved.
    """
    if user is None:
        if project is None:
            raise UsageError("Say who receives: --user NAME, or --project P for the project.")
        has = service.operator().grant_project(credits, project, reason)
        say(f"{one_line(project)}: {has} credits available")
        return
    actor, is_new = service.operator().grant(user, credits, project, reason)
    if is_new:
        say(f"{one_line(user)} was not known and is now an editor.", err=True)
    balance = service.desk(actor).credits()
    say(f"{one_line(user)}: {balance.available} credits available")


@cli.command()
@click.option("--project", metavar="P", help="Of which project, by its id or name.")
@click.option(
    "--month", metavar="YYYY-MM", help="Of which month, in the project's zone; else of this one."
)
@seen_by
@as_json
@with_service
def statement(
    service: Service, project: str | None, month: str | None, user: str | None, as_json: bool
) -> None:
    """Say what a project's credits did in a month: opening + grants - captures = closing."""
    found = view(service, user).statement(project, month)
    if as_json:
        print_json(shapes.statement_document(found))
        return
    say(f"{one_line(found.project_name)}, {found.month} ({found.time_zone})")
    say("opening + grants - captures = closing")
    say(f"{found.opening} + {found.grants} - {found.captures} = {found.closing}")
    budget = "none" if found.budget is None else f"{found.budget} a month"
    say(f"of it held: {found.held}; budget: {budget}")
    zone = ZoneInfo(found.time_zone)
    for one, name in found.entries:
        what = " ".join(word for word in (one.run_id, one.step_key) if word)
        why = "" if one.reason is None else f" ({one_line(one.reason)})"
        said = f"{one.kind:8}{one.credits:6}  {one_line(name)}  {what}{why}".rstrip()
        say(f"  {one.at.astimezone(zone):%F %R}  {said}")


@cli.group()
def db() -> None:
    """Make or check the database."""


@db.command()
@with_service
def upgrade(service: Service) -> None:
    """Bring the database to this program's schema."""
    say(f"{service.operator().database} is up to date.")


@db.command("reset-demo")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@with_service
def reset_demo(service: Service, yes: bool) -> None:
    """Put the sample stories, users and credits back as a new database gets them."""
    question = "Throw away every story, run and credit of this demo and load the samples again?"
    if not (yes or confirmed(question)):
        raise click.Abort
    service.operator().reset_demo()
    say("The demo is as new.")


@db.command()
@as_json
@click.option(
    "--write",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was found as a file for CASCADE_PRODUCT.",
)
def check(as_json: bool, file: Path | None) -> int:
    """Report, table by table, what the database has of the schema. Writes nothing to it."""
    found = check_database(load_settings())
    if file is not None:
        _write_new(file, found.names)
    if as_json:
        print_json(shapes.schema_document(found))
    else:
        print_check(found)
    return FAILED if found.problems else 0


def _write_new(file: Path, text: str) -> None:
    """Writes a file that is not there yet. Raises UsageError."""
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise UsageError(
            f"The file {one_line(file)} cannot be written ({error.strerror}). Give another."
        ) from None


@cli.command()
@as_json
@with_service
def doctor(service: Service, as_json: bool) -> int:
    """Say whether the writer is ready: reached, key accepted, model known, one round trip."""
    found = service.operator().diagnose()
    if as_json:
        print_json(shapes.diagnosis_document(found))
        return 0 if found.ready else FAILED
    named = f"{found.model} at {found.host}" if found.host else found.model
    say(f"writer: {named}" + (f" ({found.label})" if found.label else ""))
    for what, value in (
        ("reached", found.reachable),
        ("key accepted", found.key_accepted),
        ("model known", found.model_known),
        ("structured output", found.form),
        ("streams", found.streams),
        ("round trip", f"{found.latency_ms} ms" if found.latency_ms is not None else None),
    ):
        if value is not None:
            say(f"{what}: {'yes' if value is True else 'no' if value is False else value}")
    if found.problem:
        say(found.problem.message, err=True)
    return 0 if found.ready else FAILED
