"""The command line. Standard output carries the result and nothing else."""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from cascade import shapes
from cascade.errors import FAILED, CascadeError, Refused, UsageError
from cascade.service import Actor, Offer, Service, check_database
from cascade.settings import load_settings
from cascade.story.document import Story

CANCELLED = 3
EXIT_CODES = {"done": 0, "cancelled": CANCELLED, "error": FAILED}
# How long `cancel` waits for the executor to end the run.
CANCEL_PATIENCE_S = 10.0

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
as_user = click.option("--user", metavar="NAME", help="Who acts; CASCADE_USER unless given.")
changes = click.option(
    "--set", "sets", metavar="BEAT=LEVEL", multiple=True, help="A beat's new level, 1-5."
)
directions = click.option(
    "--direction", "directed", metavar="BEAT=TEXT", multiple=True, help="A wish for that beat."
)


@click.group()
def cli() -> None:
    """Arc Studio: bend a screenplay's tension curve, and what hangs under it is written again."""


def main() -> NoReturn:
    """The entry point. Exit codes: 0 done, 2 usage, 3 cancelled, 4 failed, 5 refused."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    try:
        code = cli(prog_name="cascade", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except CascadeError as error:
        click.echo(f"Error: {error.message}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader went away (`| head`); nothing more can be printed, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def opened() -> Iterator[Service]:
    """The service for one command."""
    with closing(Service(load_settings())) as service:
        yield service


def with_service(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the service as its first argument."""

    @functools.wraps(command)
    def run_command(*args: Any, **kwargs: Any) -> Any:
        with opened() as service:
            return command(service, *args, **kwargs)

    return run_command


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_line(event: dict[str, Any]) -> None:
    """Prints one JSON line and flushes it."""
    click.echo(json.dumps(event, ensure_ascii=False))
    sys.stdout.flush()


# Stories


@cli.command("stories")
@as_json
@with_service
def stories_(service: Service, as_json: bool) -> None:
    """List the stories."""
    found = service.stories()
    if as_json:
        print_json([shapes.summary_document(one) for one in found])
        return
    for one in found:
        kind = f"{one.structure_type}, {one.language}"
        click.echo(f"{one.id}  {one.title} ({kind}): {one.beats} beats, {one.scenes} scenes")
    if not found:
        click.echo("There is no story yet. `cascade import FILE` makes one.", err=True)


@cli.command()
@click.argument("story")
@as_json
@with_service
def show(service: Service, story: str, as_json: bool) -> None:
    """Show a story with its beats and scenes."""
    if as_json:
        print_json(service.document(story))
    else:
        found = service.story(story)
        _print_story(found, service.out_of_date(found.id))


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@with_service
def import_(service: Service, file: Path) -> None:
    """Make a new story from a JSON file and print its id."""
    click.echo(service.import_story(file))


@cli.command()
@click.argument("story")
@with_service
def export(service: Service, story: str) -> None:
    """Print a story as the JSON document that `import` takes."""
    print_json(service.document(story))


# Plans and runs


@cli.command()
@click.argument("story")
@changes
@directions
@as_user
@as_json
@with_service
def plan(
    service: Service,
    story: str,
    sets: tuple[str, ...],
    directed: tuple[str, ...],
    user: str | None,
    as_json: bool,
) -> None:
    """Say what new levels would rewrite and cost. Changes nothing."""
    offer = _offer(service, service.actor(user), story, sets, directed)
    if as_json:
        print_json(shapes.plan_document(offer))
    else:
        _print_plan(offer)


@cli.command("run")
@click.argument("story")
@changes
@directions
@as_user
@with_service
def run_(
    service: Service,
    story: str,
    sets: tuple[str, ...],
    directed: tuple[str, ...],
    user: str | None,
) -> int:
    """Save new levels and rewrite what hangs under them; prints its events. Ctrl-C cancels."""
    actor = service.actor(user)
    offer = _offer(service, actor, story, sets, directed)
    return _start_and_follow(service, actor, lambda: service.start(actor, offer.plan))


@cli.command()
@click.argument("run")
@as_user
@with_service
def resume(service: Service, run: str, user: str | None) -> int:
    """Do what a cancelled or failed run left undone, as a new run; prints its events."""
    actor = service.actor(user)
    run_id = service.find_run(run)
    return _start_and_follow(service, actor, lambda: service.resume(actor, run_id))


@cli.command("runs")
@as_json
@with_service
def runs_(service: Service, as_json: bool) -> None:
    """List the runs, newest first."""
    found = service.runs()
    if as_json:
        print_json([shapes.run_document(run) for run in found])
        return
    for run in found:
        beats = ", ".join(change.beat_label for change in run.plan.changes)
        spent = f"{run.used_credits} of {run.estimated_credits} credits"
        click.echo(f"{run.id}  {run.status}: {beats}; {spent}, {run.user}, {run.created_at:%F %R}")
        if run.error:
            click.echo(f"    {run.error}")
    if not found:
        click.echo(
            "There is no run yet. `cascade run STORY --set BEAT=LEVEL` starts one.", err=True
        )


@cli.command("events")
@click.argument("run")
@click.option("--after", metavar="SEQ", type=click.IntRange(min=0), default=0)
@click.option("--follow", is_flag=True, help="Go on until the run has ended.")
@with_service
def events_(service: Service, run: str, after: int, follow: bool) -> None:
    """Print a run's events, one JSON line each."""
    run_id = service.find_run(run)
    for event in service.follow(run_id, after) if follow else service.events(run_id, after):
        print_line(event)


@cli.command()
@click.argument("run")
@as_user
@with_service
def cancel(service: Service, run: str, user: str | None) -> None:
    """Stop a run. What it has saved stays; the rest of its hold is released."""
    run_id = service.find_run(run)
    before = service.run(run_id)
    service.cancel(service.actor(user), run_id)
    deadline = threading.Event()
    timer = threading.Timer(CANCEL_PATIENCE_S, deadline.set)
    timer.start()
    try:
        while (after := service.run(run_id)).is_active and not deadline.wait(0.05):
            pass
    finally:
        timer.cancel()
    if not before.is_active:
        click.echo(f"Run {run_id} had ended already: {after.status}.")
    elif after.is_active:
        click.echo(f"Run {run_id} is {after.status}; nothing more of it is saved.")
    else:
        click.echo(
            f"Run {run_id} is {after.status}: {after.used_credits} credits used, "
            f"{after.released_credits} released."
        )


@cli.command()
@with_service
def worker(service: Service) -> None:
    """Execute runs until stopped; takes up whatever is unfinished."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with service.executing():
        click.echo("Executing runs. Ctrl-C stops.", err=True)
        stop.wait()


# Credits


@cli.group(invoke_without_command=True)
@as_user
@as_json
@click.pass_context
def credits(context: click.Context, user: str | None, as_json: bool) -> None:
    """Show a user's credits with every movement, or grant some."""
    if context.invoked_subcommand is not None:
        return
    with opened() as service:
        found = service.credits(service.actor(user))
    if as_json:
        print_json(shapes.credits_document(found))
        return
    click.echo(
        f"{found.user}: {found.available} available, {found.held} held, "
        f"{found.captured} used, of {found.deposited} deposited"
    )
    for entry in found.entries:
        what = " ".join(str(entry[key]) for key in ("runId", "stepKey") if entry[key])
        click.echo(f"  {entry['at'][:16]}  {entry['kind']:8}{entry['credits']:5}  {what}")


@credits.command()
@click.option("--user", metavar="NAME", required=True, help="Who receives.")
@click.argument("credits", metavar="N", type=click.IntRange(1, 1_000_000))
@with_service
def grant(service: Service, user: str, credits: int) -> None:
    """Give a user N credits. A name that is not known yet becomes an editor."""
    actor, is_new = service.grant(user, credits)
    if is_new:
        click.echo(f"{user} was not known and is now an editor.", err=True)
    balance = service.credits(actor)
    click.echo(f"{user}: {balance.available} credits available")


# The database


@cli.group()
def db() -> None:
    """Make or check the database."""


@db.command()
@with_service
def upgrade(service: Service) -> None:
    """Bring the database to this program's schema."""
    click.echo(f"{service.database.name} is up to date.")


@db.command()
@as_json
def check(as_json: bool) -> int:
    """Report, table by table, what the database has of the schema."""
    found = check_database(load_settings())
    if as_json:
        print_json(shapes.schema_document(found))
    else:
        for one in found.tables:
            owner = "product" if one.product else "Arc Studio"
            state = "complete" if one.complete else "missing"
            if one.exists and one.missing_columns:
                state = f"lacks {', '.join(one.missing_columns)}"
            click.echo(f"{one.table} ({owner}): {state}")
        click.echo(f"scripts are stored in: {', '.join(found.scripts) or 'nowhere'}")
    return 0 if found.complete else FAILED


# Helpers


def _offer(
    service: Service, actor: Actor, story: str, sets: tuple[str, ...], directed: tuple[str, ...]
) -> Offer:
    levels: dict[str, int] = {}
    for given in sets:
        beat, sign, level = given.partition("=")
        if not sign:
            raise UsageError(f'"{given}" is not BEAT=LEVEL, for example midpoint=4.')
        number = level.strip()
        # What is no number goes on as it is: the level's own check then says what is wrong.
        levels[beat.strip()] = int(number) if number.isascii() and number.isdigit() else number  # type: ignore[assignment]
    wishes: dict[str, str] = {}
    for given in directed:
        beat, sign, text = given.partition("=")
        if not sign:
            raise UsageError(f'"{given}" is not BEAT=TEXT, for example midpoint="off-stage".')
        wishes[beat.strip()] = text
    return service.plan(actor, service.story(story).id, levels, wishes)


def _start_and_follow(service: Service, actor: Actor, start: Callable[[], str]) -> int:
    try:
        run_id = start()
    except Refused as error:
        at = datetime.now(UTC).isoformat()
        body = {"type": "error", "error": error.message, "code": error.code}
        print_line({**body, "seq": 1, "runId": None, "at": at})
        return error.exit_code
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    asked = False

    def cancel_if_interrupted() -> None:
        nonlocal asked
        if interrupted.is_set() and not asked:
            asked = True
            # From here on a second Ctrl-C ends the process itself.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            click.echo("Cancelling…", err=True)
            service.cancel(actor, run_id)

    code = FAILED
    with service.executing(yields=True):
        for event in service.follow(run_id, waiting=cancel_if_interrupted):
            code = EXIT_CODES.get(event["type"], code)
            try:
                print_line(event)
            except BrokenPipeError:
                # Nobody reads any more; the run goes on to its end all the same.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _print_plan(offer: Offer) -> None:
    plan = offer.plan
    for change in plan.changes:
        arrow = "more dramatic" if change.new_level > change.previous_level else "less intense"
        levels = f"{change.previous_level} → {change.new_level}"
        click.echo(f"{change.beat_label} {levels}, {arrow}")
        for step in plan.steps_of(change.beat_key):
            click.echo(f"  {step.key}: {step.credits} credits")
    if not plan.steps:
        click.echo("Nothing to regenerate: every level given is the saved one already.")
    missing = f"; {offer.missing} are missing" if offer.missing else ""
    click.echo(f"{plan.estimated_credits} credits of {offer.available} available{missing}")


def _print_story(story: Story, marked: set[str]) -> None:
    def mark(key: str) -> str:
        return " (out of date)" if key in marked else ""

    click.echo(f"{story.title}\n{story.synopsis}\n")
    for beat in story.structure.beats:
        click.echo(f"{beat.label} [{story.curve[beat.key]}]{mark(f'{beat.key}/beatContent')}")
        click.echo(f"{story.contents.get(beat.key) or '(nothing written yet)'}")
        action = story.key_actions.get(beat.key) or "(nothing written yet)"
        click.echo(f"Key action{mark(f'{beat.key}/keyAction')}: {action}\n")
        for scene in story.scenes_of(beat.key):
            plot, script, shots = (
                mark(f"{beat.key}/{kind}/{scene.number}")
                for kind in ("scenePlot", "script", "shots")
            )
            click.echo(f"  Scene {scene.number}{plot}: {scene.plot or '(no plot yet)'}")
            words = len(scene.script.split())
            click.echo(f"    script{script}: {words} words; shots{shots}: {len(scene.shots)}\n")
