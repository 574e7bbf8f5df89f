"""Cascade as a guest: its own names beside the product's, whatever an earlier version had made."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import DatabaseRefused, MissingRights, SchemaGap
from cascade.service import Service
from cascade.store import audit, migrate
from cascade.store import check as check_
from cascade.store.audit import Entry
from cascade.store.database import Database
from cascade.store.tables import PRODUCT_TABLES
from tests.helpers.checking import check_credits
from tests.helpers.earlier import (
    OWN,
    PLAIN,
    Rows,
    content_of,
    make_busy,
    make_earlier,
    migrate_to,
    open_service,
    rows_of,
    shape_of,
)
from tests.helpers.limited import Limited
from tests.helpers.observe import wait_for
from tests.helpers.product_tables import ROWS, SCENE, SHOT, execute, product_tables, schema
from tests.helpers.seeded import postgres_copy, sqlite_copy

ROOT = Path(__file__).parents[2]
# What no version kept before runs were asked for, said which server writes, and why calls failed.
OF_REQUESTS = {"runs": {"note", "server"}, "model_calls": {"error_fields"}}
# What no version kept before credits were given for a reason, and people signed in.
OF_PEOPLE = {
    "credit_entries": {"reason"},
    **OF_REQUESTS,
    "users": {"is_admin", "admin_from_claims", "issuer", "subject", "last_seen_at"},
    "project_members": {"from_claims"},
}
# What an earlier version did not keep.
LATER: dict[str, dict[str, set[str]]] = {
    "0003": {
        **OF_PEOPLE,
        "revisions": {"scene_id", "cell", "is_kept", "sources", "reason"},
        "run_steps": {"scene_id"},
        "runs": {"restored_at", "note", "server"},
    },
    "0004": {
        **OF_PEOPLE,
        "revisions": {"is_kept", "sources", "reason"},
        "runs": {"restored_at", "note", "server"},
    },
}
# What is kept no more: marks follow from what texts were made from.
GONE = {"revisions": {"inputs_hash"}, "pieces": {"out_of_date_since"}}
# A product's tables of the names that Cascade's had, and its constraints and indexes too.
NAMESAKES = [
    "CREATE TABLE users (id INTEGER CONSTRAINT pk_users PRIMARY KEY, mail TEXT)",
    "CREATE TABLE runs (id INTEGER CONSTRAINT pk_runs PRIMARY KEY, pace TEXT)",
    "CREATE TABLE drafts (id INTEGER CONSTRAINT pk_drafts PRIMARY KEY, owner INTEGER"
    " CONSTRAINT fk_drafts_user_id REFERENCES users (id))",
    "CREATE TABLE revisions (run_id INTEGER)",
    "CREATE INDEX ix_revisions_run_id ON revisions (run_id)",
    "INSERT INTO users VALUES (1, 'ana@example.org')",
    "INSERT INTO runs VALUES (1, 'slow')",
    "INSERT INTO drafts VALUES (1, 1)",
]


@pytest.fixture(params=["sqlite", "postgres"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A database with runs in every state, and their ids by status."""
    if request.param == "sqlite":
        url = sqlite_copy(tmp_path)
        yield url, make_busy(url)
        return
    with postgres_copy(request.getfixturevalue("postgres_server")) as url:
        yield url, make_busy(url)


def check_append_only(database: Database) -> None:
    """The movements of credits and the audit take no change; new rows go in."""
    with database.write() as session:
        audit.write(session, Entry("fits", "s1/setup", None))
    for table, columns in (
        ("cascade_credit_entries", "account_id, kind, credits, at"),
        ("cascade_audit", "action, object, at"),
    ):
        for change in ("UPDATE {} SET at = at", "DELETE FROM {}"):
            with pytest.raises(DatabaseRefused, match=f"{table} is append-only"):
                execute(database, [change.format(table)])
        again = f"SELECT {columns} FROM {table} ORDER BY id LIMIT 1"
        newest = f"SELECT max(id) FROM {table}"
        with database.engine.connect() as connection:
            before = connection.exec_driver_sql(newest).scalar_one()
            connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) {again}")
            assert connection.exec_driver_sql(newest).scalar_one() > before
            if database.is_sqlite:
                with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    connection.exec_driver_sql(
                        f"INSERT OR REPLACE INTO {table} (id, {columns})"
                        f" SELECT {before}, {columns} FROM {table} LIMIT 1"
                    )
            else:
                with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    connection.exec_driver_sql(f"TRUNCATE {table} CASCADE")
            connection.rollback()


def fresh(request: pytest.FixtureRequest, like: str, folder: Path) -> Database:
    """An empty database of the same kind."""
    if like.startswith("sqlite"):
        return Database(f"sqlite:///{folder}/fresh.db")
    return Database(request.getfixturevalue("postgres_url"))


def marks_of(database: Database) -> set[tuple[str, str]]:
    """The texts that an earlier version has marked, by story and key."""
    marked = "SELECT story_version_id, key FROM pieces WHERE out_of_date_since IS NOT NULL"
    with database.engine.connect() as connection:
        return {(story_id, key) for story_id, key in connection.exec_driver_sql(marked)}


def assert_carried_over(after: Rows, before: Rows) -> None:
    """Every row is there; beside the revisions stand those that say what was marked."""
    revisions = before["revisions"]
    assert set(after["revisions"]) > set(revisions)
    assert {**after, "revisions": revisions} == before


@pytest.mark.parametrize("version", ["0003", "0004"])
def test_carried_over_with_runs_in_every_state(
    busy: tuple[str, dict[str, str]],
    version: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    url, ids = busy
    make_earlier(url, version)
    with closing(Database(url)) as database:
        before, content = rows_of(database, "", GONE), content_of(database)
        marked = marks_of(database)
        assert marked
        assert all(len(rows) > 1 for rows in before.values())
        assert not set(PLAIN) & set(check_.report(database).others)
        migrate.ensure(database)
        assert_carried_over(rows_of(database, "cascade_", LATER[version]), before)
        assert content_of(database) == content
        assert check_.report(database).complete
        check_append_only(database)
        with closing(fresh(request, url, tmp_path)) as new:
            migrate.ensure(new)
            assert shape_of(database) == shape_of(new)
        if not database.is_sqlite:
            # The runner's tables of before stay as they are.
            in_hand = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'ENQUEUED'"
            with database.engine.connect() as connection:
                assert connection.exec_driver_sql(in_hand).scalar() == len(ids) - 2
    with closing(open_service(url)) as service:
        assert {run.id: run.status for run in service.operator().runs()} == {
            v: k for k, v in ids.items()
        }
        stale = {
            (story.id, key)
            for story in service.operator().stories()
            for key in service.operator().out_of_date(story.id)
        }
        assert marked <= stale
        assert service.operator().is_demo()
        editor = service.actor("editor")
        assert service.desk(editor).credits().held > 0
        end_what_is_under_way(service, ids)
        credits = service.desk(editor).credits()
        assert (credits.held, credits.deposited) == (0, 500)
        check_credits(asdict(credits))
        for status in ("queued", "running"):
            run = service.operator().run(ids[status])
            assert run.used_credits == run.estimated_credits
        assert service.desk(editor).restore_run(ids["done"])


def end_what_is_under_way(service: Service, ids: Mapping[str, str]) -> None:
    """Executes the runs of these statuses that are under way, and sees each end as it should."""
    ends = {"queued": "done", "running": "done", "cancelling": "cancelled"}
    with service.executing():
        for status, end in ends.items():
            wait_for(partial(_has_ended, service, ids[status], end), f"{status} to end")


def _has_ended(service: Service, run_id: str, status: str) -> bool:
    return service.operator().run(run_id).status == status


# Killed in the middle

STARTS = """
import os, signal, sys
import sqlalchemy as sa
from cascade.store import migrate
from cascade.store.database import Database

url, moment = sys.argv[1:]
database, seen = Database(url), []

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def look(_, __, statement, *___):
    seen.append(statement)
    if moment in statement:
        die()

def commit(_):
    if moment == "commit" and any("UPDATE cascade_alembic_version" in one for one in seen):
        die()

sa.event.listen(database.engine, "before_cursor_execute", look)
sa.event.listen(database.engine, "commit", commit)
migrate.ensure(database, [migrate.Part(lambda: moment == "after it", die)])
"""
MOMENTS = {
    "sqlite": [
        "ALTER TABLE cascade_made",
        "INSERT INTO cascade_runs ",
        "DROP TABLE credit_entries",
        "CREATE TRIGGER cascade_credit_entries_no_REPLACE",
        "PRAGMA foreign_key_check(cascade_runs)",
        "commit",
    ],
    "postgresql": [
        "LOCK TABLE",
        "DROP FUNCTION",
        "ALTER TABLE revisions RENAME TO",
        "CREATE FUNCTION",
        "UPDATE cascade_alembic_version SET version_num='0005'",
        "commit",
    ],
}


def test_killed_in_the_middle_of_it(busy: tuple[str, dict[str, str]]) -> None:
    url, ids = busy
    make_earlier(url, "0003")
    with closing(Database(url)) as database:
        before, content = rows_of(database, "", GONE), content_of(database)
        shape = shape_of(database)
        for moment in MOMENTS[database.engine.dialect.name]:
            assert start_and_die(url, moment) == -signal.SIGKILL, moment
            assert rows_of(database, "", GONE) == before, moment
            assert shape_of(database) == shape
        assert start_and_die(url, "after it") == -signal.SIGKILL
        assert_carried_over(rows_of(database, "cascade_", LATER["0003"]), before)
    with closing(open_service(url)) as service:
        assert {run.id: run.status for run in service.operator().runs()} == {
            v: k for k, v in ids.items()
        }
        assert content_of(service.database) == content
        check_append_only(service.database)


def start_and_die(url: str, moment: str) -> int:
    """A start in a process of its own that is killed at a moment; its exit code."""
    command = [sys.executable, "-c", STARTS, url, moment]
    return subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode


def test_an_executor_of_before_is_waited_for(postgres_url: str) -> None:
    """Two that wait for each other: one gives up, which is the migration, and tries again."""
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with closing(Database(postgres_url)) as database, ThreadPoolExecutor() as threads:
        migrate_to(database, "0004")
        failed: list[sa.ExceptionContext] = []
        sa.event.listen(database.engine, "handle_error", failed.append)
        connect = database.engine.connect
        with connect() as other, connect() as third, connect() as looking:
            # Whoever waits looks for a circle once, a while after it began to. The one that looks
            # is the migration: it begins last, and the other would look when all is over.
            other.exec_driver_sql("SET LOCAL deadlock_timeout = '10min'")
            for one in (other, third):
                # However long the rest takes, nobody loses their locks.
                one.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            other.exec_driver_sql("LOCK TABLE drafts IN ROW EXCLUSIVE MODE")
            third.exec_driver_sql("LOCK TABLE users IN ROW EXCLUSIVE MODE")
            start = threads.submit(migrate.ensure, database)
            wait_for(lambda: looking.exec_driver_sql(waits).scalar() == 1, "it to wait for users")
            count = threads.submit(other.exec_driver_sql, "SELECT count(*) FROM runs")
            wait_for(lambda: looking.exec_driver_sql(waits).scalar() == 2, "the other to wait")
            third.commit()
            assert count.result(120).scalar() == 0
            assert not start.done()
            other.commit()
        start.result(120)
        assert [type(one.original_exception).__name__ for one in failed] == ["DeadlockDetected"]
        assert check_.report(database).complete


def test_one_who_does_not_own_the_tables_is_told(
    postgres_admin: sa.Engine, postgres_url: str
) -> None:
    with closing(Database(postgres_url)) as database:
        migrate_to(database, "0004")
    limited = Limited(postgres_admin, postgres_url)
    try:
        limited.execute(
            f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{limited.role}"',
            f'GRANT ALL ON SCHEMA public TO "{limited.role}"',
        )
        with pytest.raises(MissingRights, match="must be owner"):
            limited.open()
        # The product's tables may be somebody else's.
        owned = [*PLAIN, "cascade_made", "cascade_alembic_version"]
        limited.execute(
            *(f'ALTER TABLE {name} OWNER TO "{limited.role}"' for name in owned),
            f'ALTER FUNCTION credit_entries_append_only() OWNER TO "{limited.role}"',
            f'GRANT CREATE ON DATABASE {sa.make_url(postgres_url).database} TO "{limited.role}"',
        )
        limited.open().close()
    finally:
        limited.execute(f'DROP OWNED BY "{limited.role}" CASCADE', f'DROP ROLE "{limited.role}"')
        limited.owner.dispose()


def test_what_somebody_left_dangling_is_carried_over(sqlite_url: str) -> None:
    user = "INSERT INTO {}drafts VALUES ('gone', '{}', '{{}}', '{{}}', '2026-01-01 00:00:00')"
    with closing(Database(sqlite_url)) as database:
        migrate_to(database, "0004")
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
            driver.execute(user.format("", "nobody"))
            driver.commit()
            driver.execute("PRAGMA foreign_keys=ON")
        migrate.ensure(database)
        assert len(rows_of(database, "cascade_")["drafts"]) == 2
        with (
            pytest.raises(SchemaGap, match="1 rows of drafts would refer to rows of users"),
            migrate._changing_tables(database, "0005") as connection,
        ):
            connection.exec_driver_sql(user.format("cascade_", "nobody else"))
        assert len(rows_of(database, "cascade_")["drafts"]) == 2
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


# Beside a product


def test_a_product_with_tables_of_the_names_that_ours_had(empty: Database) -> None:
    execute(empty, [*product_tables(empty.is_sqlite), *ROWS, SCENE, SHOT, *NAMESAKES])
    if not empty.is_sqlite:
        execute(
            empty,
            [
                "CREATE SCHEMA dbos",
                "CREATE TABLE dbos.workflow_status (workflow_uuid TEXT PRIMARY KEY, status TEXT)",
                "INSERT INTO dbos.workflow_status VALUES ('theirs', 'PENDING')",
                "CREATE FUNCTION credit_entries_append_only() RETURNS int LANGUAGE sql AS"
                " 'SELECT 1'",
                "CREATE SEQUENCE revisions_id_seq",
            ],
        )
    before = schema(empty)
    url = empty.url.render_as_string(hide_password=False)
    with closing(open_service(url)) as service:
        # Nobody's; on SQLite so are the runner's own.
        others = set(check_.report(empty).others)
        assert others >= {"users", "runs", "drafts", "revisions"}
        assert not others & {*OWN, "cascade_dbos.workflow_status"}
        actor, _ = service.operator().grant("ana", 100)
        story = service.operator().story("Found")
        service.desk(actor).save_draft(story.id, {"midpoint": 4})
        with service.executing():
            run_id = service.desk(actor).start(
                service.desk(actor).plan(story.id, {"midpoint": 4}).plan
            )
            assert [one["type"] for one in service.operator().follow(run_id)][-1] == "done"
    after = schema(empty)
    assert {name: after[name] for name in ("users", "runs", "drafts", "revisions")} == {
        name: before[name] for name in ("users", "runs", "drafts", "revisions")
    }
    ours = {name for name in after if name not in before}
    if not empty.is_sqlite:
        assert all(name.startswith("cascade_") for name in ours), ours
        with empty.engine.connect() as connection:
            theirs = connection.exec_driver_sql("SELECT * FROM dbos.workflow_status").all()
            assert [tuple(row) for row in theirs] == [("theirs", "PENDING")]
    for name in OWN:
        assert not any(one["referred_table"] in PRODUCT_TABLES for one in after[name][2])


def test_all_that_is_ours_is_named_so(empty: Database) -> None:
    migrate.ensure(empty)
    shape = shape_of(empty)
    if empty.is_sqlite:
        names = {row[1] for row in shape["all"] if not row[1].startswith("sqlite_autoindex")}
    else:
        names = {row[1] for row in shape["constraints"]} | {row[0] for row in shape["indexes"]}
        names |= {row[0] for row in shape["functions"] + shape["sequences"]}
        names |= {row[0].split()[2] for row in shape["triggers"]}
    of_the_product = {one for one in names if any(table in one for table in PRODUCT_TABLES)}
    assert {one for one in names - of_the_product if not one.startswith("cascade_")} == set()
    assert len(names - of_the_product) > 20
