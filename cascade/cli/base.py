"""What all commands share: the group, options, the service they open, and how they print."""

from __future__ import annotations

import errno
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from cascade.display import harmless, is_whole, to_json
from cascade.errors import DatabaseAway, UsageError
from cascade.service import Desk, Operator, Service
from cascade.settings import load_settings

T = TypeVar("T")

# How long an order waits for a database that is away, and between two tries.
PATIENCE_S = 60.0
AGAIN_S = 0.5

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
as_user = click.option("--user", metavar="NAME", help="Who acts; CASCADE_USER unless given.")
seen_by = click.option("--user", metavar="NAME", help="Show what that user may see; else all.")
changes = click.option(
    "--set", "sets", metavar="BEAT=LEVEL", multiple=True, help="A beat's new level, 1-5."
)
directions = click.option(
    "--direction", "directed", metavar="BEAT=TEXT", multiple=True, help="A wish for that beat."
)


def stale(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--stale [BEAT…]`: what is out of date, of some beats or of all."""
    beats = click.argument("beats", metavar="[BEAT]...", nargs=-1)
    named = "Rewrite what is out of date, under the beats named or under all."
    return click.option("--stale", "is_stale", is_flag=True, help=named)(beats(command))


class Command(click.Command):
    """A command whose texts are whole: an argument that is not UTF-8 is refused, a path may be."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses as click does. Raises UsageError, naming the argument."""
        rest = super().parse_args(ctx, args)
        for param in self.params:
            given = ctx.params.get(param.name or "")
            if isinstance(given, str):
                ctx.params[param.name or ""] = _whole(given, param.make_metavar(ctx))
            elif isinstance(given, tuple):
                values = tuple(_whole(value, param.make_metavar(ctx)) for value in given)
                ctx.params[param.name or ""] = values
        return rest


def _whole(given: str, name: str) -> str:
    """An argument as a text. Under a plain `C` locale Python reads none but ASCII itself."""
    if is_whole(given):
        return given
    try:
        return os.fsencode(given).decode("utf-8")
    except UnicodeError:
        raise UsageError(f"{name} is not UTF-8. Give it in that encoding.") from None


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type


@click.group(cls=Group)
def cli() -> None:
    """Cascade: bend a screenplay's tension curve, and what hangs under it is written again."""


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


def view(service: Service, user: str | None) -> Desk | Operator:
    """What a command reads: all there is, or with `--user` what that person may see.

    Raises UnknownUser.
    """
    return service.operator() if user is None else service.desk(service.actor(user))


def desk(service: Service, user: str | None) -> Desk:
    """Who gives an order: `--user`, else CASCADE_USER. Raises UnknownUser."""
    return service.desk(service.actor(user))


class OutputLost(OSError):
    """Standard output takes no more: its disk is full, for example."""


def say(words: str, *, err: bool = False) -> None:
    """Prints words on a line of their own, or several; everything that is printed goes through it.

    What would steer the terminal is written out, and so is a sign that its encoding does not have.
    Raises BrokenPipeError where nobody reads any more, OutputLost where it cannot be written.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return  # It was closed before the program began.
    line = f"{harmless(words)}\n"
    if encoding := stream.encoding:
        line = line.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(line)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.errno, error.strerror) from error


def print_json(document: Any, indent: int | None = 2) -> None:
    """Prints one JSON document; it stays one whatever the terminal can print."""
    encoding = (sys.stdout and sys.stdout.encoding) or "utf-8"
    say(to_json(document, indent=indent, ascii_only=not encoding.lower().startswith("utf")))


def print_line(event: dict[str, Any]) -> None:
    """Prints one JSON line and flushes it. Raises OutputLost, or BrokenPipeError."""
    if sys.stdout is None:
        raise OutputLost(errno.EBADF, "standard output is closed")
    print_json(event, indent=None)


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


def confirmed(question: str) -> bool:
    """Asks on standard error and reads yes or no. Raises UsageError where nobody can answer."""
    say(f"{question} [y/N]", err=True)
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        raise UsageError("Nobody can be asked here: standard input is closed. Say it with --yes.")
    return answer.strip().lower() in ("y", "yes")
