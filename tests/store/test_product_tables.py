"""A database that the product has made: its tables are used as they are, or nothing is changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.errors import SchemaGap
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import check as check_
from cascade.store import migrate
from cascade.store.database import Database
from cascade.store.stories import lock_story, read_story
from tests.helpers.earlier import migrate_to
from tests.helpers.editing import write_text
from tests.helpers.near import Near
from tests.helpers.product_tables import (
    OWN,
    PRODUCT,
    ROWS,
    SCENE,
    SHOT,
    execute,
    product_tables,
    schema,
)


@pytest.mark.parametrize("json_type", ["JSON", "JSONB"])
def test_the_products_tables_are_used_as_they_are(empty: Database, json_type: str) -> None:
    execute(empty, product_tables(empty.is_sqlite, json_type=json_type))
    execute(empty, [*ROWS, SCENE, SHOT])
    before = schema(empty)
    # With samples on: a database with stories is not an empty one.
    service = Service(
        Settings(
            database_url=empty.url.render_as_string(hide_password=False),
            provider="offline",
            offline_delay_ms=0,
        )
    )
    try:
        after = schema(empty)
        assert {name: after[name] for name in before} == before
        assert set(after) >= OWN
        assert check_.report(empty).complete
        assert [one.title for one in service.operator().stories()] == ["Found"]
        story = service.operator().story("Found")
        assert story.levels == {"midpoint": 2}
        assert story.text("midpoint/script/1") == "old script"
        assert story.scenes[0].shots == ({"size": "wide"},)
        # And it can be worked on.
        actor, is_new = service.operator().grant("ana", 100)
        assert is_new
        offer = service.desk(actor).plan(story.id, {"midpoint": 4})
        assert offer.plan.estimated_credits == 12
        with service.executing():
            run_id = service.desk(actor).start(offer.plan)
            assert [one["type"] for one in service.operator().follow(run_id)][-1] == "done"
        changed = service.operator().story("Found")
        assert changed.levels == {"midpoint": 4}
        assert changed.text("midpoint/beatContent") != "old content"
    finally:
        service.close()
    with empty.read() as session:
        row = lock_story(session, "s-1")
        assert json.loads(row.maps["tension_levels"] or "") == {"midpoint": 4, "finale": "high"}
        assert json.loads(row.maps["cat_beats"] or "")["other"] == [1]
        kept = session.execute(
            sa.text("SELECT mood, created_on, owner FROM scene_plots, story_versions, projects")
        ).one()
        assert tuple(kept) == ("grey", "today", "Ana")


def check(cli: Near) -> tuple[int, dict[str, Any], list[str]]:
    """What `cascade db check` exits with and says: missing columns by table, and the scripts."""
    done = cli("db", "check", "--json")
    assert done.stderr == ""
    found = json.loads(done.stdout)
    missing = {
        one["table"]: one["missingColumns"] if one["exists"] else None
        for one in found["tables"]
        if one["missingColumns"]
    }
    return done.returncode, missing, found["scripts"]


def test_check_of_an_empty_database_writes_nothing(empty: Database, cli: Near) -> None:
    found = cli.json("db", "check")
    assert found["empty"] is True
    assert found["problems"] == []
    assert [one["exists"] for one in found["tables"]] == [False] * len(found["tables"])
    text = cli("db", "check")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.splitlines()[0] == (
        "The database is empty: the first start makes every table."
    )
    if empty.path is not None:
        assert not empty.path.exists()
    else:
        assert schema(empty) == {}


def test_check_of_a_database_that_is_ready(empty: Database, cli: Near) -> None:
    assert cli("db", "upgrade").returncode == 0
    before = schema(empty)
    assert check(cli) == (0, {}, ["scene_plots.script"])
    text = cli("db", "check")
    assert text.returncode == 0
    lines = text.stdout.splitlines()
    # The product's tables first, and every table there is.
    assert {line.split(" ")[0] for line in lines[:4]} == set(PRODUCT)
    assert {line.split(" ")[0] for line in lines[4:-1]} == OWN
    assert all(line.endswith(": complete") for line in lines[:-1])
    assert lines[-1] == "scripts are stored in: scene_plots.script"
    assert schema(empty) == before


def test_own_tables_that_are_not_made_yet_are_no_gap(empty: Database, cli: Near) -> None:
    execute(empty, [*product_tables(empty.is_sqlite), *ROWS, SCENE])
    before = schema(empty)
    text = cli("db", "check")
    assert text.returncode == 0
    assert "cascade_runs (Cascade): not made yet" in text.stdout
    assert "1 tension levels are no whole number from 1 to 5 (in s-1)" in text.stdout
    assert text.stdout.splitlines()[-1] == "`cascade db upgrade` makes what is missing."
    found = cli.json("db", "check")
    assert found["unreadable"] == [
        {"what": "level", "why": "not_a_level", "count": 1, "stories": ["s-1"]}
    ]
    assert schema(empty) == before


def test_tables_of_an_earlier_version_are_said_to_be_renamed(empty: Database, cli: Near) -> None:
    migrate_to(empty, "0004")
    before = schema(empty)
    text = cli("db", "check")
    assert text.returncode == 0
    assert (
        "cascade_runs (Cascade): still called runs; `cascade db upgrade` renames it" in text.stdout
    )
    # Only what no version had by then.
    missing = {line.split()[0] for line in text.stdout.splitlines() if "not made yet" in line}
    assert missing == {
        "cascade_tokens",
        "cascade_start_keys",
        "cascade_audit",
        "cascade_project_rules",
        "cascade_outbox",
        "cascade_requests",
    }
    assert schema(empty) == before


@pytest.mark.parametrize("command", [("db", "upgrade"), ("stories",)])
def test_a_database_of_other_tables_is_left_alone(
    empty: Database, cli: Near, command: tuple[str, ...]
) -> None:
    # A product's whose tables have other names, and on Postgres in a schema of their own.
    statements = ["CREATE TABLE versions (id INTEGER PRIMARY KEY)"]
    if not empty.is_sqlite:
        statements = ["CREATE SCHEMA app", "CREATE TABLE app.versions (id INTEGER PRIMARY KEY)"]
    execute(empty, statements)
    before = schema(empty)
    done = cli(*command)
    assert (done.returncode, done.stdout) == (4, "")
    assert "it has tables (" in done.stderr
    assert "versions" in done.stderr
    assert "Traceback" not in done.stderr
    looked = cli("db", "check")
    assert looked.returncode == 4
    assert "none that hold stories" in looked.stdout
    assert schema(empty) == before


@pytest.mark.parametrize("type_", ["NUMERIC", "BYTEA"])
def test_keys_of_another_type_are_said_before_anything_is_made(
    postgres_url: str, type_: str
) -> None:
    database = Database(postgres_url)
    made = [one.replace("id VARCHAR", f"id {type_}") for one in product_tables(False)]
    execute(database, made)
    before = schema(database)
    cli = Near(postgres_url)
    done = cli("stories")
    assert (done.returncode, done.stdout) == (4, "")
    assert f"story_versions has a column that does not fit: id ({type_.lower()}" in done.stderr
    assert "Traceback" not in done.stderr
    assert cli("db", "check").returncode == 4
    assert schema(database) == before
    database.close()


@pytest.mark.parametrize(
    ("options", "missing", "scripts"),
    [
        ({"beat_key": False}, ["beat_key"], ["scene_plots.script"]),
        ({"script": False}, ["script"], ["scripts.content"]),
        ({"beat_key": False, "script": False}, ["beat_key", "script"], ["scripts.content"]),
    ],
)
def test_a_misfit_is_said_and_nothing_is_changed(
    empty: Database, cli: Near, options: dict[str, Any], missing: list[str], scripts: list[str]
) -> None:
    execute(empty, [*product_tables(empty.is_sqlite, **options), *ROWS])
    before = schema(empty)
    with pytest.raises(SchemaGap) as refused:
        migrate.ensure(empty)
    assert f"scene_plots lacks {', '.join(missing)}" in refused.value.message
    assert "cascade db check" in refused.value.message
    code, found, where = check(cli)
    assert code not in (0, 1)
    assert found["scene_plots"] == missing
    assert where == scripts
    # Ours are missing too, because nothing was made.
    assert {name for name, lacking in found.items() if lacking is None} == OWN
    text = cli("db", "check")
    assert text.returncode == code
    assert f"scene_plots (product): lacks {', '.join(missing)}" in text.stdout
    assert f"scripts are stored in: {', '.join(scripts)}" in text.stdout
    started = cli("stories")
    assert (started.returncode, started.stdout) == (4, "")
    assert "scene_plots lacks" in started.stderr
    assert "Traceback" not in started.stderr
    assert schema(empty) == before


def test_once_the_gap_is_mended_the_start_goes_on(empty: Database) -> None:
    execute(empty, [*product_tables(empty.is_sqlite, beat_key=False), *ROWS])
    with pytest.raises(SchemaGap):
        migrate.ensure(empty)
    execute(empty, ["ALTER TABLE scene_plots ADD COLUMN beat_key VARCHAR", SCENE])
    migrate.ensure(empty)
    with empty.write() as session:
        write_text(session, lock_story(session, "s-1"), "midpoint/script/1", "new script")
        assert read_story(session, "s-1").text("midpoint/script/1") == "new script"


def test_an_entry_cannot_be_overwritten_by_a_replace(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    migrate.ensure(database)
    row = "(1, 'a', 'grant', 5, '2026-01-01')"
    insert = f"INTO cascade_credit_entries (id, account_id, kind, credits, at) VALUES {row}"
    with closing(sqlite3.connect(str(database.path))) as connection:
        connection.execute(f"INSERT {insert}")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(f"INSERT OR REPLACE {insert}")
    database.close()


def test_a_foreign_table_of_one_of_our_names_is_left_alone(empty: Database) -> None:
    execute(empty, ["CREATE TABLE cascade_users (id INTEGER PRIMARY KEY, mail TEXT)"])
    with pytest.raises(SchemaGap, match="cascade_users is another program's"):
        migrate.ensure(empty)
    assert [one.table for one in check_.report(empty).tables if one.exists] == ["cascade_users"]
