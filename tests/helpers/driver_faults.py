"""Errors of the real drivers, at a statement that a test chooses."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import psycopg2
import sqlalchemy as sa

# Whether the n-th statement of a thread fails; connecting counts as one, with no text.
Fails = Callable[[int, str], bool]
_DRIVERS: dict[str, Any] = {"sqlite3": sqlite3, "psycopg2": psycopg2, "psycopg": psycopg}


class Count:
    """How many statements a thread has begun."""

    def __init__(self) -> None:
        self.value = 0


@contextmanager
def driver_fault(thread: str, fails: Fails) -> Iterator[Count]:
    """While it lasts, statements of that thread fail as when the database goes away."""
    count = Count()

    def strike(driver: Any, statement: str) -> None:
        if threading.current_thread().name != thread:
            return
        count.value += 1
        if not fails(count.value, statement):
            return
        if driver is sqlite3:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        raise driver.OperationalError("server closed the connection unexpectedly")

    def execute(cursor: Any, statement: str, *_: object) -> None:
        strike(_DRIVERS[type(cursor).__module__.split(".")[0]], statement)

    def connect(dialect: sa.Dialect, *_: object) -> None:
        strike(sqlite3 if dialect.name == "sqlite" else dialect.loaded_dbapi, "")

    sa.event.listen(sa.Engine, "do_execute", execute)
    sa.event.listen(sa.Engine, "do_connect", connect)
    try:
        yield count
    finally:
        sa.event.remove(sa.Engine, "do_execute", execute)
        sa.event.remove(sa.Engine, "do_connect", connect)
