"""The server's start: it serves, or it says in one line why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("env", "code", "named"),
    [
        ({"CASCADE_CONCURRENCY": "many"}, 2, "CASCADE_CONCURRENCY"),
        ({"CASCADE_DATABASE_URL": "sqlite:////no/such/folder/arc.db"}, 4, "CASCADE_DATABASE_URL"),
    ],
)
def test_a_start_that_cannot_be_says_so_in_one_line(
    env: dict[str, str], code: int, named: str
) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CASCADE_")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    done = subprocess.run(
        [*command, "--server.port", "0", "--server.headless", "true"],
        env={**clean, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert named in line
