"""The first start: killed in the middle, or four at once; there is one database in the end."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.store.migrate import MIGRATION_LOCK
from tests.helpers.checking import check_credits
from tests.helpers.near import Near
from tests.helpers.observe import Database, lock_holder, tell, wait_for


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def check_made_once(url: str) -> None:
    """Tables, stories and users as a first start that nothing disturbed leaves them."""
    near, database = Near(url), Database(url)
    stories = near.json("stories")
    assert [(one["structureType"], one["language"]) for one in stories] == [
        ("cat", "id"),
        ("hero", "en"),
        ("harmon", "en"),
    ]
    for one in stories:
        assert len(near.json("show", one["id"])["scenes"]) == one["scenes"]
    assert database.value("SELECT count(*) FROM projects") == 1
    users = database.query("SELECT name FROM cascade_users ORDER BY id")
    assert [row["name"] for row in users] == ["editor", "producer", "viewer"]
    credits = near.json("credits")
    check_credits(credits)
    assert [entry["credits"] for entry in credits["entries"]] == [500]
    assert database.value("SELECT count(*) FROM cascade_alembic_version") == 1
    assert near("db", "check").returncode == 0


def test_killed_in_the_middle(
    empty_url: str, make_cli: Callable[..., Any], record_property: Callable[[str, object], None]
) -> None:
    """Killed again and again, each time from the beginning of a database or where the last died."""
    cli, chance = make_cli(empty_url), random.Random(2026)
    database = Database(empty_url)
    states: list[str] = []
    # A kill may come after the end, where this process is kept from it: then there is another.
    while len(states) < 7 or not set(states) - {"samples"}:
        start = cli.start("stories", "--json")
        # From the moment that it works on the database; before that it only imports.
        wait_for(begun(empty_url, database, start), "the first start to begin")
        wait_for(clock_at(time.monotonic() + chance.uniform(0, 0.9)), "its instant")
        start.kill()
        start.communicate(timeout=60)
        states.append(state(database))
        if states[-1] == "samples":
            wipe(empty_url, database)
    record_property("killed while there were", ", ".join(states))
    tell(f"killed while there were: {', '.join(states)}")
    done = cli("stories", "--json")
    assert done.returncode == 0, done.stderr
    check_made_once(empty_url)


def clock_at(instant: float) -> Callable[[], bool]:
    """True from an instant of the monotonic clock on."""
    return lambda: time.monotonic() >= instant


def begun(url: str, database: Database, start: subprocess.Popen[str]) -> Callable[[], bool]:
    """True when a process has begun with its work, or needed none and has ended."""
    return lambda: is_at_work(url, database) or start.poll() is not None


def is_at_work(url: str, database: Database) -> bool:
    """True while a process has the migration lock."""
    if database.is_sqlite:
        return lock_holder(Path(f"{sa.make_url(url).database}.migrate.lock")) is not None
    held = database.value(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND (classid::bigint << 32) + objid::bigint = :n "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        n=MIGRATION_LOCK,
    )
    return bool(held)


def state(database: Database) -> str:
    """How far the first start has come."""
    try:
        if database.value("SELECT count(*) FROM story_versions"):
            return "samples"
    except sa.exc.DBAPIError:
        return "nothing"
    return "tables"


def wipe(url: str, database: Database) -> None:
    """Back to an empty database."""
    if database.is_sqlite:
        path = Path(str(sa.make_url(url).database))
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        return
    for schema in ("public", "cascade_dbos"):
        database.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    database.execute("CREATE SCHEMA public")


def test_four_at_once(empty_url: str, make_cli: Callable[..., Any]) -> None:
    cli = make_cli(empty_url)
    commands = [
        ("stories", "--json"),
        ("credits", "--json"),
        ("db", "upgrade"),
        ("stories", "--json"),
    ]
    starts: list[subprocess.Popen[str]] = [cli.start(*command) for command in commands]
    printed = []
    for start in starts:
        output, errors = start.communicate(timeout=180)
        assert start.returncode == 0, errors
        printed.append(output)
    assert json.loads(printed[0]) == json.loads(printed[3])
    assert len(json.loads(printed[0])) == 3
    check_made_once(empty_url)


def test_samples_off_leaves_it_empty(empty_url: str, make_cli: Callable[..., Any]) -> None:
    cli = make_cli(empty_url, CASCADE_SAMPLES="off")
    assert cli.json("stories") == []
    assert Database(empty_url).value("SELECT count(*) FROM cascade_users") == 0
