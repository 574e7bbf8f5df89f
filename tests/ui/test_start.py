"""The server's start: it serves, or it says in one line why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("env", "code", "named"),
    [
        ({"CASCADE_CONCURRENCY": "many"}, 2, "CASCADE_CONCURRENCY"),
        (
            {"CASCADE_DATABASE_URL": "sqlite:////no/such/folder/cascade.db"},
            4,
            "CASCADE_DATABASE_URL",
        ),
        ({"CASCADE_DATABASE_URL": "sqlite:////tmp/cascade.db?mode=ro"}, 4, "takes no options"),
        ({"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}, 2, "nobody signs in"),
        ({"CASCADE_DATABASE_URL": "sqlite:////dev/null/cascade.db"}, 4, "no folder"),
        ({"CASCADE_USER": "\udcff"}, 2, "CASCADE_USER is not UTF-8"),
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
    # Streamlit looks for the address by which others reach it, and says so where it finds none.
    said = done.stderr.strip().splitlines()
    [line] = said[-1:] if "STREAMLIT_SERVER_ADDRESS" in env else said
    assert line.startswith("Error: ")
    assert named in line


def test_a_start_without_the_right_to_make_tables_says_which_it_takes(
    postgres_admin: sa.Engine, postgres_url: str
) -> None:
    with postgres_admin.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE starter LOGIN PASSWORD 'x'")
    url = sa.make_url(postgres_url).set(username="starter", password="x")
    try:
        test_a_start_that_cannot_be_says_so_in_one_line(
            {"CASCADE_DATABASE_URL": url.render_as_string(hide_password=False)},
            4,
            "GRANT CREATE ON SCHEMA public TO starter",
        )
    finally:
        with postgres_admin.connect() as connection:
            connection.exec_driver_sql("DROP ROLE starter")
