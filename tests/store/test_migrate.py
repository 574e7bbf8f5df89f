"""Migrations make the models' schema, leave the product's tables, and change no misfit."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cascade.errors import DatabaseTooNew, NotADemo
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import check as check_
from cascade.store import migrate
from cascade.store.database import Database
from cascade.store.migrate import Part
from cascade.store.tables import Base
from tests.helpers.near import Near
from tests.helpers.product_tables import OWN, PRODUCT, execute, product_tables, schema

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
