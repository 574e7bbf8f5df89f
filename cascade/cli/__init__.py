"""The command line. Standard output carries the result and nothing else."""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import NoReturn

import click

from cascade.cli import operator, people, requests, runs, stories, tokens
from cascade.cli.base import OutputLost, cli, drop_output, say
from cascade.display import harmless
from cascade.errors import CascadeError
from cascade.exits import FAILED, exit_code

# Importing them is what adds their commands to the group.
__all__ = ["cli", "main", "operator", "people", "requests", "runs", "stories", "tokens"]


class _Plain(logging.Formatter):
    """Log lines that steer no terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def main() -> NoReturn:
    """The entry point. Exit codes: 0 done, 2 usage, 3 cancelled, 4 failed, 5 refused, 6 waits."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    try:
        code = cli(prog_name="cascade", standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        say(_bearable(shown.getvalue().rstrip()), err=True)
        code = error.exit_code
    except click.Abort:
        code = 130
    except CascadeError as error:
        say(_bearable(f"Error: {error.message}"), err=True)
        code = exit_code(error)
    except BrokenPipeError:
        # The reader went away (`| head`); nothing more can be printed, not even at exit.
        drop_output()
        code = 0
    except OutputLost as error:
        drop_output()
        say(f"Error: The output cannot be written: {error.strerror}.", err=True)
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _bearable(message: str) -> str:
    """A message in which no word goes on for ever: one that was given may have any length."""
    return re.sub(r"\S{400,}", lambda found: f"{found.group()[:80]}…", message)
