"""The command line. Standard output carries the result and nothing else."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import click

from cascade.cli import operator, runs, stories
from cascade.cli.base import OutputLost, cli, drop_output
from cascade.errors import CascadeError

# Importing them is what adds their commands to the group.
__all__ = ["cli", "main", "operator", "runs", "stories"]


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
        if isinstance(error, OutputLost):
            drop_output()
        click.echo(f"Error: {error.message}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader went away (`| head`); nothing more can be printed, not even at exit.
        drop_output()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
