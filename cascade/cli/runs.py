"""Commands about runs: plan, start, resume, follow, cancel, undo."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

from cascade import shapes
from cascade.cli.base import (
    OutputLost,
    as_json,
    as_user,
    changes,
    cli,
    desk,
    directions,
    drop_output,
    patiently,
    print_json,
    print_line,
    say,
    seen_by,
    stale,
    view,
    with_service,
)
from cascade.display import one_line
from cascade.errors import DatabaseAway, Refused, UsageError
from cascade.exits import CANCELLED, DONE, FAILED, REFUSED, WAITING, exit_code
from cascade.service import WARNED_PERCENT, Budget, Desk, Offer, Operator, Service

EXIT_CODES = {
    "done": DONE,
    "cancelled": CANCELLED,
    "error": FAILED,
    "rejected": REFUSED,
    "awaiting_approval": WAITING,
}
# How long `cancel` waits for the run's end, which is this process's own to see to.
CANCEL_PATIENCE_S = 15.0
LOOK_S = 0.05


asks = click.option(
    "--ask", is_flag=True, help="Have somebody decide it first, also where none need."
)
noted = click.option(
    "--note", metavar="TEXT", default="", help="What you say of it; kept with the run."
)


@cli.command()
@click.argument("story")
@changes
@stale
@directions
@seen_by
@as_json
@with_service
def plan(
    service: Service,
    story: str,
    sets: tuple[str, ...],
    is_stale: bool,
    beats: tuple[str, ...],
    directed: tuple[str, ...],
    user: str | None,
    as_json: bool,
) -> None:
    """Say what new levels would rewrite and cost, and what is out of date. Changes nothing."""
    offer = _offer(view(service, user), story, sets, directed, _stale(is_stale, beats))
    if as_json:
        print_json(shapes.plan_document(offer))
    else:
        _print_plan(offer)


@cli.command("run")
@click.argument("story")
@changes
@stale
@directions
@asks
@noted
@as_user
@with_service
def run_(
    service: Service,
    story: str,
    sets: tuple[str, ...],
    is_stale: bool,
    beats: tuple[str, ...],
    directed: tuple[str, ...],
    ask: bool,
    note: str,
    user: str | None,
) -> int:
    """Save new levels and rewrite what hangs under them, and what is out of date.

    Prints its events. Ctrl-C cancels. What somebody else has to decide first waits for that.
    """
    mine = desk(service, user)
    offer = _offer(mine, story, sets, directed, _stale(is_stale, beats))
    return _start_and_follow(service, mine, lambda: mine.start(offer.plan, ask=ask, note=note))


@cli.command()
@click.argument("run")
@click.option("--accept", metavar="STEP", help="Save that step's rejected text as it is.")
@asks
@noted
@as_user
@with_service
def resume(
    service: Service, run: str, accept: str | None, ask: bool, note: str, user: str | None
) -> int:
    """Do what a cancelled or failed run left undone, as a new run; prints its events.

    What somebody else has to decide first waits for that.
    """
    mine = desk(service, user)
    run_id = mine.find_run(run)

    def start() -> str:
        if accept:
            return mine.accept(run_id, accept, ask=ask, note=note)
        return mine.resume(run_id, ask=ask, note=note)

    return _start_and_follow(service, mine, start)


@cli.command()
@click.argument("run")
@click.option("--piece", metavar="STEP", help="Only that piece, for example midpoint/script/5.")
@as_user
@with_service
def restore(service: Service, run: str, piece: str | None, user: str | None) -> None:
    """Put back the texts and levels that a run, and those that resumed it, changed.

    What somebody has changed since stays and is named. Costs nothing.
    """
    mine = desk(service, user)
    run_id = mine.find_run(run)
    if piece:
        mine.restore_piece(run_id, piece)
        say(f"Restored: {piece}")
        return
    found = shapes.restored_document(mine.restore_run(run_id))
    say(f"Restored: {', '.join(found['restored'])}")
    if found["left"]:
        left = ", ".join(found["left"])
        say(f"Left as it is, because it was changed after the run: {left}")


@cli.command("runs")
@seen_by
@as_json
@with_service
def runs_(service: Service, user: str | None, as_json: bool) -> None:
    """List the runs, newest first."""
    seen = view(service, user)
    found = seen.runs()
    if as_json:
        print_json([shapes.run_document(run, seen.cost(run)) for run in found])
        return
    for run in found:
        beats = ", ".join(change.beat_label for change in run.plan.changes)
        spent = f"{run.used_credits} of {run.estimated_credits} credits"
        who = one_line(run.user)
        say(f"{run.id}  {run.status}: {beats}; {spent}, {who}, {run.created_at:%F %R}")
        if run.error:
            say(f"    {run.error}")
    if not found:
        say("There is no run yet. `cascade run STORY --set BEAT=LEVEL` starts one.", err=True)


@cli.command("events")
@click.argument("run")
@click.option("--after", metavar="SEQ", type=click.IntRange(0, 2**31 - 1), default=0)
@click.option("--follow", is_flag=True, help="Go on until the run has ended.")
@seen_by
@with_service
def events_(service: Service, run: str, after: int, follow: bool, user: str | None) -> None:
    """Print a run's events, one JSON line each."""
    seen = view(service, user)
    run_id = seen.find_run(run)
    for event in seen.follow(run_id, after) if follow else seen.events(run_id, after):
        print_line(event)


@cli.command()
@click.argument("run")
@as_user
@with_service
def cancel(service: Service, run: str, user: str | None) -> None:
    """Stop a run. What it has saved stays; the rest of its hold is released."""
    mine = patiently(lambda: desk(service, user))
    run_id = patiently(lambda: mine.find_run(run))
    before = patiently(lambda: mine.run(run_id))
    patiently(lambda: mine.cancel(run_id))
    if before.status == "awaiting_approval":
        say(f"The request for run {run_id} is withdrawn.")
        return
    deadline = time.monotonic() + CANCEL_PATIENCE_S
    while (after := patiently(lambda: mine.run(run_id))).is_active:
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    if not before.is_active:
        say(f"Run {run_id} had ended already: {after.status}.")
    elif after.is_active:
        say(f"Run {run_id} is {after.status}; nothing more of it is saved.")
    else:
        say(
            f"Run {run_id} is {after.status}: {after.used_credits} credits used, "
            f"{after.released_credits} released."
        )


def _stale(is_stale: bool, beats: tuple[str, ...]) -> tuple[str, ...] | None:
    """The beats of `--stale`: none for all of them; None without it."""
    if beats and not is_stale:
        raise UsageError(
            f'"{one_line(beats[0])}" is one argument too many. Beats are named after --stale, '
            "levels given as --set BEAT=LEVEL."
        )
    return beats if is_stale else None


def _offer(
    seen: Desk | Operator,
    story: str,
    sets: tuple[str, ...],
    directed: tuple[str, ...],
    stale_beats: tuple[str, ...] | None,
) -> Offer:
    levels: dict[str, Any] = {}
    for given in sets:
        beat, sign, level = given.partition("=")
        if not sign:
            raise UsageError(f'"{one_line(given)}" is not BEAT=LEVEL, for example midpoint=4.')
        number = level.strip()
        # What is no number goes on as it is: the level's own check then says what is wrong.
        # So does one of many digits: Python reads no number of thousands of them.
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        levels[beat.strip()] = int(number) if is_number else number
    wishes: dict[str, str] = {}
    for given in directed:
        beat, sign, text = given.partition("=")
        if not sign:
            raise UsageError(
                f'"{one_line(given)}" is not BEAT=TEXT, for example midpoint="off-stage".'
            )
        wishes[beat.strip()] = text
    found = seen.story(story)
    if stale_beats is not None:
        stale_beats = stale_beats or found.structure.keys
    return seen.plan(found.id, levels, wishes, stale_beats=stale_beats or ())


def _start_and_follow(service: Service, mine: Desk, start: Callable[[], str]) -> int:
    service.check_executes()
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        # From here on a second Ctrl-C ends the process itself.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    # Before it starts: a run that is started is cancelled, not left to whoever executes.
    signal.signal(signal.SIGINT, interrupt)
    try:
        run_id = start()
    except Refused as error:
        at = datetime.now(UTC).isoformat()
        body = {"type": "error", "error": error.message, "code": error.code}
        print_line({**body, "seq": 1, "runId": None, "at": at})
        return exit_code(error)
    if mine.run(run_id).status == "awaiting_approval":
        # Nothing is to be executed, so nobody need sit down to it.
        for event in mine.follow(run_id, asks=True):
            print_line(event)
        return WAITING
    is_told = asked = False

    def cancel_if_interrupted() -> None:
        nonlocal is_told, asked
        if interrupted.is_set() and not asked:
            if not is_told:
                say("Cancelling…", err=True)
                is_told = True
            # While the database is away it is asked again at every look.
            with suppress(DatabaseAway):
                mine.cancel(run_id)
                asked = True

    code, is_read = FAILED, True
    with service.executing(yields=True):
        for event in mine.follow(run_id, waiting=cancel_if_interrupted):
            code = EXIT_CODES.get(event["type"], code)
            if not is_read:
                continue
            try:
                print_line(event)
            except (BrokenPipeError, OutputLost) as error:
                # Nobody reads any more; the run goes on to its end all the same.
                is_read = False
                drop_output()
                if isinstance(error, OutputLost):
                    why = f"The output cannot be written: {error.strerror}."
                    say(f"{why} Run {run_id} goes on; `cascade events` shows it.", err=True)
    return code


def _print_plan(offer: Offer) -> None:
    plan = offer.plan
    for change in plan.changes:
        arrow = "more dramatic" if change.new_level > change.previous_level else "less intense"
        levels = f"{change.previous_level} → {change.new_level}, {arrow}"
        if change.stays:
            levels = f"stays at {change.new_level}, what is out of date"
        say(f"{change.beat_label} {levels}")
        for step in plan.steps_of(change.beat_key):
            say(f"  {step.key}: {step.credits} credits")
    if not plan.steps:
        say("Nothing to regenerate: no new level is given, and no text asked for is out of date.")
    missing = f"; {offer.missing} are missing" if offer.missing else ""
    say(f"{plan.estimated_credits} credits of {offer.available} available{missing}")
    if offer.server is not None:
        say(f"texts go to {one_line(offer.server)}")
    if offer.writer_refused:
        say("the project does not allow that writer: it would be refused")
    if offer.needs == "threshold":
        say("Somebody else has to approve it: its price is above the project's threshold.")
    elif offer.needs == "credits":
        say("Somebody else has to approve it: the project pays what you cannot.")
    if offer.budget is not None:
        say(_budget(offer, offer.budget))


def _budget(offer: Offer, budget: Budget) -> str:
    """How the project's budget stands, and would after the run."""
    credits = offer.plan.estimated_credits
    after = budget.used + budget.held + credits
    said = (
        f"budget of {budget.month.name}: {budget.used} used and {budget.held} held of "
        f"{budget.credits}; after this {after}"
    )
    if offer.over_budget:
        return (
            f"{said}, {offer.over_budget} too many: it would be refused. The budget begins anew on "
            f"{budget.anew:%F} at {budget.anew:%R} ({budget.time_zone})."
        )
    return f"{said}, which is past {WARNED_PERCENT} %" if offer.crosses_budget else said
