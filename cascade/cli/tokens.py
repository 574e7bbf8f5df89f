"""Commands about tokens: what programs show to act for a user over HTTP."""

from __future__ import annotations

import click

from cascade import shapes
from cascade.cli.base import as_json, cli, print_json, say, with_service
from cascade.display import one_line
from cascade.service import MOST_DAYS, USUAL_DAYS, Service


@cli.group()
def token() -> None:
    """Make tokens for programs, list them, take them back."""


@token.command()
@click.option("--user", metavar="NAME", required=True, help="For whom it acts.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    help=f"How long it is good for; {USUAL_DAYS} unless given.",
)
@with_service
def create(service: Service, user: str, days: int) -> None:
    """Print a new token. It is shown this once; what is kept of it does not tell it."""
    say(service.operator().create_token(user, days))


@token.command("list")
@as_json
@with_service
def list_(service: Service, as_json: bool) -> None:
    """List the tokens that were made, the newest first."""
    found = service.operator().tokens()
    if as_json:
        print_json([shapes.token_document(one) for one in found])
        return
    for one in found:
        state = "good" if one.is_good else "revoked" if one.revoked_at else "expired"
        used = f"last used {one.last_used_at:%F %R}" if one.last_used_at else "never used"
        say(f"{one.id}  {state}: {one_line(one.user)}, until {one.expires_at:%F %R}, {used}")
    if not found:
        say("There is no token yet. `cascade token create --user NAME` makes one.", err=True)


@token.command()
@click.argument("id")
@with_service
def revoke(service: Service, id: str) -> None:
    """Take a token back: from now on it opens nothing."""
    one = service.operator().revoke_token(id)
    say(f"Token {one.id} of {one_line(one.user)} opens nothing any more.")
