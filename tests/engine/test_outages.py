"""The database goes away in mid-run: every run ends, nothing is held, nothing is there twice.

Fifteen times on each, every way as often as another; `make soak` has more of Postgres's.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.engine import connections
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import database
from tests.helpers.observe import tell, wait_for
from tests.helpers.outages import Outages, ways_of_postgres
from tests.helpers.seeded import postgres_copy, sqlite_copy

DELAY_MS = 60


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """A Postgres database with the samples."""
    with postgres_copy(postgres_server) as url:
        yield url


@pytest.fixture
def writable_again(postgres_admin: sa.Engine) -> Iterator[None]:
    yield
    with postgres_admin.connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM RESET default_transaction_read_only")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


@pytest.mark.usefixtures("writable_again")
def test_a_postgres_that_goes_away_fifteen_times(
    postgres: str,
    postgres_admin: sa.Engine,
    record_property: Callable[[str, object], None],
) -> None:
    seed = 2026
    settings = Settings(database_url=postgres, provider="offline", offline_delay_ms=DELAY_MS)
    service = Service(settings)
    outages = Outages(service, ways_of_postgres(postgres_admin, postgres, seed), seed)
    try:
        with service.executing():
            outages.strike(15)
    finally:
        tell(outages.figures())
        service.close()
    record_property("figures", outages.figures())


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for line in sys.stdin:
    connection.execute(line)
    print("done", flush=True)
"""


class Locker:
    """Another program with the same SQLite database, which holds its lock when it is told to."""

    def __init__(self, path: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOCKER, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> Callable[[], None]:
        self._tell("BEGIN IMMEDIATE")
        return lambda: self._tell("ROLLBACK")

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _tell(self, sql: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sql}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@pytest.fixture
def pragmas() -> Iterator[dict[str, object]]:
    """What every connection to SQLite in this process is told when it is taken from its pool."""
    wanted: dict[str, object] = {}

    def tell_it(connection: Any, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            for name, value in list(wanted.items()):
                connection.execute(f"PRAGMA {name}={value}")

    sa.event.listen(sa.pool.Pool, "checkout", tell_it)
    yield wanted
    sa.event.remove(sa.pool.Pool, "checkout", tell_it)


def test_a_sqlite_that_goes_away_fifteen_times(
    tmp_path: Path,
    pragmas: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    for module in (database, connections):
        # Shorter than the outages, so that a lock is an error and not only a wait.
        monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 100)
    url = sqlite_copy(tmp_path)
    locked = Locker(str(sa.make_url(url).database))

    def turn(name: str, away: object, back: object) -> Callable[[], None]:
        pragmas[name] = away
        return lambda: pragmas.update({name: back})

    ways: dict[str, Callable[[], Callable[[], None]]] = {
        "locked": locked,
        "read-only": lambda: turn("query_only", "ON", "OFF"),
        # One page is less than there are: it can grow no further.
        "disk full": lambda: turn("max_page_count", 1, 1_000_000),
    }
    service = Service(Settings(database_url=url, provider="offline", offline_delay_ms=DELAY_MS))
    outages = Outages(service, ways, seed=2026)
    try:
        with service.executing():
            outages.strike(15)
    finally:
        tell(outages.figures())
        service.close()
        locked.close()
    record_property("figures", outages.figures())


def test_an_outage_that_every_run_ends_in_says_nothing_of_going_on(tmp_path: Path) -> None:
    service = Service(Settings(database_url=sqlite_copy(tmp_path), offline_delay_ms=0))
    lasted: list[bool] = []

    def has_ended(run_id: str) -> bool:
        return not service.operator().run(run_id).is_active

    def nothing() -> Callable[[], None]:
        if not lasted:
            for run_id in outages.active.values():
                wait_for(partial(has_ended, run_id), "a run to end")
        lasted.append(True)
        return lambda: None

    outages = Outages(service, {"nothing": nothing}, seed=2026, beats=2)
    try:
        with service.executing():
            outages.strike(1)
    finally:
        service.close()
    assert len(lasted) > len(outages.found) == 1
