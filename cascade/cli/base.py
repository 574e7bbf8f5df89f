"""What all commands share: the group, options, the service they open, and how they print."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from cascade.errors import CascadeError, DatabaseAway
from cascade.service import Service
from cascade.settings import load_settings

T = TypeVar("T")

# How long an order waits for a database that is away, and between two tries.
PATIENCE_S = 60.0
AGAIN_S = 0.5

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


class OutputLost(CascadeError):
    """The result cannot be written: the reader is gone, the disk is full, or nothing is open."""

    code = "output_lost"

    def __init__(self, why: str) -> None:
        super().__init__(f"The output cannot be written: {why}.", why=why)


def print_line(event: dict[str, Any]) -> None:
    """Prints one JSON line and flushes it. Raises OutputLost, or BrokenPipeError."""
    # Without a standard output there is no such thing; with a closed one, it says so as a value.
    if sys.stdout is None:
        raise OutputLost("standard output is closed")
    try:
        click.echo(json.dumps(event, ensure_ascii=False))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise OutputLost(getattr(error, "strerror", None) or str(error)) from error


def drop_output() -> None:
    """Lets what is still to be printed go nowhere, also what is printed at the very end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def patiently(ask: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """What the service answers, where the database may be away for a while. Raises DatabaseAway."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except DatabaseAway:
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)
