"""What all commands share: the group, options, the service they open, and how they print."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

from cascade.service import Service
from cascade.settings import load_settings

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
