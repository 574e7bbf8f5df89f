"""Migrations make the models' schema, leave the product's tables, and change no misfit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cascade.errors import DatabaseTooNew, NotADemo, SchemaGap
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import check as check_
from cascade.store import migrate
from cascade.store.database import Database
from cascade.store.migrate import Part
from cascade.store.stories import lock_story, read_story
from cascade.store.tables import Base
from tests.helpers.earlier import migrate_to
from tests.helpers.editing import write_text
from tests.helpers.near import Near

PRODUCT = ["projects", "story_versions", "scene_plots", "scene_shots"]
OWN = {table.name for table in Base.metadata.sorted_tables} - set(PRODUCT)


OLD_PLAN = {
    "storyId": "s",
    "header": "h",
    "speakers": [],
    "changes": [],
    "steps": [],
    "reads": {},
    "exclusions": [],
    "promptVersion": "v",
}


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def schema(database: Database) -> dict[str, Any]:
    """All that the database says of its tables, and their rows."""

    def told(inspector: sa.Inspector, table: str) -> list[Any]:
        columns = inspector.get_columns(table)
        indexes = inspector.get_indexes(table)
        return [
            [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in columns],
            [(one["name"], one["column_names"], one["unique"]) for one in indexes],
            inspector.get_foreign_keys(table),
            inspector.get_unique_constraints(table),
        ]

    with database.read() as session:
        inspector = sa.inspect(session.connection())
        return {
            table: [
                *told(inspector, table),
                session.execute(sa.text(f'SELECT * FROM "{table}"')).all(),
            ]
            for table in sorted(inspector.get_table_names())
        }


def test_the_migrated_schema_is_that_of_the_models(empty: Database) -> None:
    migrate.ensure(empty)
    # The runner's tables live beside ours: they are not the models' business.
    Service(Settings(database_url=empty.url.render_as_string(hide_password=False))).close()

    def ours(_object: Any, name: str | None, type_: str, _reflected: bool, _to: Any) -> bool:
        return type_ != "table" or name in Base.metadata.tables

    with empty.read() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"include_object": ours, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        inspector = sa.inspect(session.connection())
        for table in Base.metadata.sorted_tables:
            checks = {one["name"] for one in inspector.get_check_constraints(table.name)}
            assert checks == {
                str(one.name) for one in table.constraints if isinstance(one, sa.CheckConstraint)
            }
            partial = {
                one["name"]: "postgresql_where" in str(one) or "sqlite_where" in str(one)
                for one in inspector.get_indexes(table.name)
                if one["unique"] and not one.get("duplicates_constraint")
            }
            assert partial == {str(one.name): True for one in table.indexes if one.unique}


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "cascade:store/migrations")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrate.HEAD]


def test_a_second_start_changes_nothing(empty: Database) -> None:
    migrate.ensure(empty)
    before = schema(empty)
    migrate.ensure(empty)
    assert schema(empty) == before
    assert set(before) == {*PRODUCT, *OWN, "cascade_alembic_version"}
    assert check_.report(empty).complete


def test_a_database_of_an_earlier_version_is_brought_up_with_what_it_holds(
    empty: Database,
) -> None:
    with empty.engine.begin() as transaction:
        config = Config()
        config.set_main_option("script_location", "cascade:store/migrations")
        config.attributes["version_table"] = check_.VERSION_TABLE
        config.attributes["connection"] = transaction
        command.upgrade(config, "0002")
    at = "'2026-01-02 03:04:05+00:00'"
    call = "run_id, step_key, attempt, at, outcome, provider, model, latency_ms"
    execute(
        empty,
        [
            "INSERT INTO projects (id, name) VALUES ('p', 'P')",
            "INSERT INTO users (id, name, display_name) VALUES ('u', 'ana', 'Ana')",
            "INSERT INTO story_versions (id, project_id, title, language, structure_type)"
            " VALUES ('s', 'p', 'Old', 'en', 'cat')",
            "INSERT INTO credit_accounts (id, project_id, user_id, deposited, available, held,"
            " captured) VALUES ('a', 'p', 'u', 9, 9, 0, 0)",
            "INSERT INTO runs (id, story_version_id, account_id, user_id, status, plan, plan_hash,"
            " estimated_credits, provider, model, chain_id, last_seq, created_at, error,"
            f" error_code) VALUES ('r', 's', 'a', 'u', 'failed', '{json.dumps(OLD_PLAN)}', 'h', 3,"
            f" 'openai', 'm', 'r', 0, {at}, 'It broke.', 'auth')",
            "INSERT INTO run_steps (run_id, key, chain_id, position, credits, status, error,"
            " error_code) VALUES ('r', 'midpoint/beatContent', 'r', 0, 3, 'failed', 'It broke.',"
            " 'auth')",
            f"INSERT INTO model_calls ({call}) VALUES ('r', 'midpoint/beatContent', 1, {at},"
            " 'failed', 'openai', 'm', 7)",
        ],
    )
    assert check_.report(empty).complete is False
    url = empty.url.render_as_string(hide_password=False)
    with closing(Service(Settings(database_url=url, provider="offline"))) as service:
        assert check_.report(empty).complete
        [run] = service.operator().runs()
        assert (run.error, run.error_code, run.error_fields) == ("It broke.", "auth", {})
        [step] = run.steps
        assert (step.error_code, step.error_fields) == ("auth", {})
        assert step.tokens is not None
        assert (step.tokens.calls, step.tokens.failed_calls, step.tokens.unknown_calls) == (1, 1, 1)


def test_parts_are_made_once_and_only_where_they_are_missing(empty: Database) -> None:
    made: list[str] = []

    def part(name: str) -> Part:
        return Part(lambda: name not in made, lambda: made.append(name))

    migrate.ensure(empty, [part("queue")])
    migrate.ensure(empty, [part("queue"), part("samples")])
    migrate.ensure(empty, [part("queue"), part("samples")])
    assert made == ["queue", "samples"]


def test_a_start_that_dies_in_a_migration_leaves_nothing_half_made(empty: Database) -> None:
    made: list[str] = []

    def dying(_: Any, __: Any, statement: str, *___: Any) -> None:
        made.append(statement)
        if "CREATE TABLE cascade_run_steps" in statement:
            raise KeyboardInterrupt

    sa.event.listen(empty.engine, "before_cursor_execute", dying)
    with pytest.raises(KeyboardInterrupt):
        migrate.ensure(empty)
    assert any("CREATE TABLE cascade_credit_entries" in one for one in made)
    assert schema(empty) == {}
    sa.event.remove(empty.engine, "before_cursor_execute", dying)
    migrate.ensure(empty)
    assert check_.report(empty).complete


def test_a_database_that_is_too_new(empty: Database, cli: Near) -> None:
    migrate.ensure(empty)
    with empty.write() as session:
        session.execute(sa.text("UPDATE cascade_alembic_version SET version_num = '0999'"))
    before = schema(empty)
    with pytest.raises(DatabaseTooNew, match="0999") as refused:
        migrate.ensure(empty)
    assert "Update the program" in refused.value.message
    done = cli("stories", "--json")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1
    assert "0999" in done.stderr
    assert schema(empty) == before


def test_samples_are_wanted_where_nothing_is(empty: Database) -> None:
    migrate.ensure(empty)
    assert migrate.wants_samples(empty)
    with empty.write() as session:
        session.execute(sa.text("INSERT INTO projects (id, name) VALUES ('p', 'P')"))
    assert not migrate.wants_samples(empty)


def test_samples_never_go_into_tables_that_a_product_has_made(empty: Database) -> None:
    execute(empty, product_tables(empty.is_sqlite))
    url = empty.url.render_as_string(hide_password=False)
    with closing(Service(Settings(database_url=url, provider="offline"))) as service:
        assert service.operator().stories() == []
        assert not service.operator().is_demo()
        with pytest.raises(NotADemo, match="belong to another one"):
            service.operator().reset_demo()


# A database that the product has made


def product_tables(
    sqlite: bool, beat_key: bool = True, script: bool = True, json_type: str = "JSONB"
) -> list[str]:
    """The product's tables as its own program makes them: other types, more columns, no names."""
    text = "TEXT" if sqlite else "VARCHAR"
    json_ = "TEXT" if sqlite else json_type
    maps = ", ".join(
        f"{structure}_{what} {json_}"
        for structure in ("hero", "cat", "harmon")
        for what in ("beats", "key_actions")
    )
    found = [
        f"CREATE TABLE projects (id {text} PRIMARY KEY, name {text}, owner {text})",
        f"CREATE TABLE story_versions (id {text} PRIMARY KEY, project_id {text} REFERENCES "
        f"projects (id), title {text}, language {text}, synopsis {text}, genre {text}, tone {text},"
        f" structure_type {text}, tension_levels {json_}, {maps}, "
        f"created_on {text} DEFAULT 'today')",
        f"CREATE TABLE scene_plots (id {text} PRIMARY KEY, story_version_id {text} REFERENCES "
        f"story_versions (id), {f'beat_key {text}, ' if beat_key else ''}scene_number INTEGER, "
        f"plot {text}{f', script {text}' if script else ''}, mood {text})",
        f"CREATE TABLE scene_shots (id {text} PRIMARY KEY, scene_plot_id {text} REFERENCES "
        f"scene_plots (id), shot_number INTEGER, shot {json_})",
    ]
    if not script:
        found.append(f"CREATE TABLE scripts (id INTEGER, scene_plot_id {text}, content {text})")
    return found


ROWS = [
    "INSERT INTO projects VALUES ('p-1', 'The Product', 'Ana')",
    "INSERT INTO story_versions (id, project_id, title, language, structure_type, tension_levels,"
    " cat_beats, cat_key_actions) VALUES ('s-1', 'p-1', 'Found', 'en', 'cat',"
    ' \'{"midpoint": 2, "finale": "high"}\', \'{"midpoint": "old content", "other": [1]}\','
    ' \'{"midpoint": "old action"}\')',
]
SCENE = (
    "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script, mood) "
    "VALUES ('c-1', 's-1', 'midpoint', 1, 'old plot', 'old script', 'grey')"
)
SHOT = "INSERT INTO scene_shots VALUES ('t-1', 'c-1', 1, '{\"size\": \"wide\"}')"


def execute(database: Database, statements: list[str]) -> None:
    with database.write() as session:
        for statement in statements:
            session.connection().exec_driver_sql(statement)


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


@pytest.fixture
def cli(database_url: str) -> Near:
    """The command line in this process: here it only looks or refuses."""
    return Near(database_url)


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


def test_tables_of_an_earlier_version_are_said_to_be_renamed(empty: Database, cli: Any) -> None:
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
