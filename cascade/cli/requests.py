"""Commands about requests: what waits for a decision, and the decisions."""

from __future__ import annotations

import click

from cascade import shapes
from cascade.cli.base import (
    as_json,
    as_user,
    cli,
    desk,
    print_json,
    say,
    seen_by,
    view,
    with_service,
)
from cascade.display import one_line
from cascade.service import RequestView, Service

reason = click.option("--reason", metavar="TEXT", required=True, help="Why; its editor is told.")


@cli.command()
@seen_by
@as_json
@with_service
def approvals(service: Service, user: str | None, as_json: bool) -> None:
    """List the requests that wait for a decision, the oldest first."""
    found = view(service, user).waiting()
    if as_json:
        print_json([shapes.request_document(one) for one in found])
        return
    for one in found:
        _print(one)
    if not found:
        say("Nothing waits for a decision.", err=True)


@cli.command()
@click.argument("run")
@as_user
@with_service
def approve(service: Service, run: str, user: str | None) -> None:
    """Hold the credits of a request and queue its run; whoever executes runs does the rest."""
    mine = desk(service, user)
    run_id = mine.find_run(run)
    mine.approve(run_id)
    say(f"Run {run_id} is approved and queued.")


@cli.command()
@click.argument("run")
@reason
@as_user
@with_service
def decline(service: Service, run: str, reason: str, user: str | None) -> None:
    """End a request for a reason."""
    mine = desk(service, user)
    run_id = mine.find_run(run)
    mine.decline(run_id, reason)
    say(f"Run {run_id} is declined.")


@cli.command()
@click.argument("run")
@reason
@as_user
@with_service
def ask(service: Service, run: str, reason: str, user: str | None) -> None:
    """Ask a request's editor for changes; it goes on waiting."""
    mine = desk(service, user)
    run_id = mine.find_run(run)
    mine.ask_for_changes(run_id, reason)
    say(f"The editor of run {run_id} is asked for changes.")


@cli.command()
@click.argument("run")
@as_user
@with_service
def withdraw(service: Service, run: str, user: str | None) -> None:
    """Take a request of your own back."""
    mine = desk(service, user)
    run_id = mine.find_run(run)
    mine.withdraw(run_id)
    say(f"The request for run {run_id} is withdrawn.")


def _print(one: RequestView) -> None:
    asked = one.asked
    beats = ", ".join(change.beat_label for change in asked.plan.changes)
    when = f"{asked.asked_at:%F %R}, until {one.expires_at:%F}"
    say(f"{asked.run_id}  {one_line(one.title)}: {beats}; {asked.estimated_credits} credits")
    say(f"  {one_line(asked.user)}, {when}" + (f": {one_line(asked.note)}" if asked.note else ""))
    for comment in asked.comments:
        say(f"  {comment.at:%F %R} {one_line(comment.by)}: {one_line(comment.text)}")
    if one.payer is not None:
        left = f"{one.payer.after} left" if one.payer.after >= 0 else f"{-one.payer.after} missing"
        say(f"  paid by {one_line(one.payer.name)}: {one.payer.available} available, {left}")
    if one.why_not is not None:
        say(f"  {one.why_not.message}")
