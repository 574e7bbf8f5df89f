"""A process that is stopped as a debugger does it: alive, holding what it holds, and deaf."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.helpers.observe import wait_for


@contextmanager
def stopped(pid: int, url: str) -> Iterator[None]:
    """Has a process stand still while the block lasts, with no lock on its SQLite database.

    One that is stopped in mid-transaction would keep everybody from writing. (A Postgres ends such
    a transaction by itself.)
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        path = str(address.database)
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            _stop(pid)
            connection.execute("ROLLBACK")
    else:
        _stop(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: _stands(pid), f"process {pid} to stand still")


def _stands(pid: int) -> bool:
    try:
        states = [one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False  # One of its threads has just ended.
    return all(one.rpartition(")")[2].split()[0] in "TZ" for one in states)
