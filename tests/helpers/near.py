"""The command line in the test's own process: the same code as in one of its own, a second less."""

from __future__ import annotations

import io
import json
import os
import subprocess
from contextlib import closing, redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from cascade.cli import main
from cascade.engine.seats import seat_for
from cascade.store.database import Database


class Near:
    """Commands that only look or refuse; what runs, waits or dies gets a process of its own."""

    def __init__(self, url: str) -> None:
        self.env = {"CASCADE_DATABASE_URL": url, "CASCADE_OFFLINE_DELAY_MS": "0"}

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CASCADE_", "OPENAI_"))}
        out, err = io.StringIO(), io.StringIO()
        code: Any = None
        with (
            mock.patch.dict(os.environ, {**kept, **self.env, **env}, clear=True),
            mock.patch("sys.argv", ["cascade", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        """The JSON document that a command prints; it must succeed."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def somebody_executes(self) -> bool:
        """True where any process executes on its database."""
        with closing(Database(self.env["CASCADE_DATABASE_URL"])) as database:
            return seat_for(database).somebody_sits()


def refused(done: Any, code: int, *words: str) -> None:
    """A command that ended by saying in one line what is wrong, and printed no result."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error: ")]
    assert len(errors) == 1
    # click puts its own usage lines before the error; ours is alone.
    assert lines[-1] == errors[0]
    assert all(line.startswith(("Usage: ", "Try ")) for line in lines[:-1])
    for word in words:
        assert word in errors[0]
