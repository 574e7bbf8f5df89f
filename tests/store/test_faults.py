"""What errors of the drivers mean, made by the real ones; and that no row's text is told again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from cascade.errors import DatabaseAway, DatabaseError, DatabaseRefused
from cascade.store import faults
from cascade.store.database import Database
from cascade.store.tables import Project
from tests.helpers.seeded import end_sessions

SECRET = "She never told them where the money was buried, and they never asked."


def caught(work: Callable[[], object]) -> DatabaseError:
    """What a person meets when that is done."""
    with pytest.raises(DatabaseError) as met:
        work()
    assert SECRET[:20] not in met.value.message
    return met.value


def met(database: Database, *statements: str, **values: object) -> DatabaseError:
    """The same for statements in one transaction."""

    def execute() -> None:
        with database.write() as session:
            for statement in statements:
                session.execute(sa.text(statement), values)

    return caught(execute)


@pytest.fixture
def table(database: Database) -> Database:
    with database.write() as session:
        session.execute(
            sa.text(
                "CREATE TABLE shelf (id integer PRIMARY KEY, words varchar(20) NOT NULL, "
                "CONSTRAINT brief CHECK (length(words) < 10))"
            )
        )
    return database


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO shelf VALUES (1, :words)", "brief"),
        ("INSERT INTO shelf VALUES (1, NULL)", "null"),
        ("INSERT INTO shelf (id, cover) VALUES (1, :words)", "cover"),
        ("SELECT cover FROM shelf", "cover"),
        ("SELECT * FROM shelves", "shelves"),
        ("SELECT FROM WHERE", "syntax"),
    ],
)
def test_refusals_name_what_is_refused(table: Database, statement: str, told: str) -> None:
    if table.is_sqlite or "INSERT INTO shelf VALUES (1, :" not in statement:
        error = met(table, statement, **({"words": SECRET} if ":words" in statement else {}))
        assert told.lower() in error.message.lower()
    else:
        error = met(table, statement, words=SECRET)
        assert "value too long for type character varying(20)" in error.message
        assert "brief" in met(table, statement, words="ten signs.").message
    assert isinstance(error, DatabaseRefused)
    assert "\n" not in error.message


def test_a_key_that_is_there_already(table: Database) -> None:
    error = met(table, *["INSERT INTO shelf VALUES (7, 'once')"] * 2)
    assert isinstance(error, DatabaseRefused)
    assert error.fields["table"] == "shelf"


def test_the_column_that_is_too_narrow_is_found(postgres_url: str) -> None:
    database = Database(postgres_url)
    columns = sa.Column("id", sa.Integer), sa.Column("title", sa.Text), sa.Column("words", sa.Text)
    table = sa.Table("shelf", sa.MetaData(), *columns)
    with database.write() as session:
        session.execute(
            sa.text("CREATE TABLE shelf (id integer, title varchar(40), words varchar(20))")
        )
        session.execute(sa.insert(table).values(id=1, title="A title", words="few"))
    values = {"title": "A title of some length", "words": SECRET}
    for statement in (
        sa.update(table).values(values | {"title": "Short"}),
        sa.insert(table).values(id=2, title="Short", words=SECRET),
    ):
        with pytest.raises(DatabaseRefused) as refused, database.write() as session:
            session.execute(statement)
        assert (refused.value.fields["table"], refused.value.fields["column"]) == ("shelf", "words")
    # Two that may be meant: then none is named.
    with pytest.raises(DatabaseRefused) as refused, database.write() as session:
        session.execute(sa.update(table).values(values))
    assert refused.value.fields["column"] is None
    database.close()


def test_a_value_that_the_server_repeats_is_taken_out(postgres_url: str) -> None:
    database = Database(postgres_url)
    error = met(database, "SELECT CAST(:words AS integer)", words=SECRET)
    assert error.fields["reason"] == 'invalid input syntax for type integer: "…"'
    error = met(database, "SELECT CAST(:words AS integer)", words="short")
    assert error.fields["reason"] == 'invalid input syntax for type integer: "…"'
    database.close()


def outage(code: str) -> sa.exc.DBAPIError:
    """An error with that code of a server, as the driver wraps it."""
    cause = psycopg2.errors.lookup(code)("as the server says it")
    error = sa.exc.DBAPIError("SELECT 1", {}, cause)
    error.orig = type("Coded", (Exception,), {"pgcode": code})("as the server says it")
    return error


@pytest.mark.parametrize("code", ["53300", "53100", "57P01", "57P03", "25006", "08006", "57014"])
def test_what_passes_is_an_outage(code: str) -> None:
    assert faults.is_outage(outage(code))
    assert isinstance(faults.told(outage(code), "here"), DatabaseAway)


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"])
def test_a_clash_is_tried_again(code: str) -> None:
    assert not faults.is_outage(outage(code))
    assert faults.is_clash(outage(code))
    assert isinstance(faults.told(outage(code), "here"), DatabaseAway)


@pytest.mark.parametrize("code", ["22001", "23502", "23514", "42501", "42703", "42P01", "P0001"])
def test_the_rest_is_a_refusal(code: str) -> None:
    assert isinstance(faults.told(outage(code), "here"), DatabaseRefused)


def test_real_outages_of_postgres(postgres_url: str, postgres_admin: sa.Engine) -> None:
    database = Database(postgres_url)
    error = met(database, "SET TRANSACTION READ ONLY", "CREATE TABLE shelf (id integer)")
    assert isinstance(error, DatabaseAway)
    assert "read-only transaction" in error.message

    def lose_the_session() -> None:
        with database.write() as session:
            session.execute(sa.select(1))
            with postgres_admin.connect() as connection:
                end_sessions(connection, str(database.url.database))
            session.execute(sa.select(1))

    assert isinstance(caught(lose_the_session), DatabaseAway)
    error = met(database, "SET LOCAL statement_timeout = 20", "SELECT pg_sleep(5)")
    assert isinstance(error, DatabaseAway)
    assert isinstance(met(database, "SELECT 1/0"), DatabaseRefused)
    database.close()
    gone = Database("postgresql://user:hunter2@127.0.0.1:1/cascade")
    error = met(gone, "SELECT 1")
    assert isinstance(error, DatabaseAway)
    assert "hunter2" not in error.message


@pytest.mark.parametrize(
    ("pragma", "why"), [("query_only=ON", "readonly"), ("max_page_count=2", "full")]
)
def test_real_outages_of_sqlite(tmp_path: Path, pragma: str, why: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    sa.event.listen(database.engine, "checkout", lambda c, *_: c.execute(f"PRAGMA {pragma}"))
    fill = "INSERT INTO shelf SELECT zeroblob(100000)"
    error = met(database, "CREATE TABLE shelf (words)", fill)
    assert isinstance(error, DatabaseAway), error
    assert why in error.message
    database.close()


def test_a_lock_that_somebody_else_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.store.database.BUSY_TIMEOUT_MS", 1)
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        error = met(database, "CREATE TABLE shelf (words)")
    assert isinstance(error, DatabaseAway)
    assert "locked" in error.message
    assert met(database, "SELECT * FROM shelf").code == "database_refused"
    database.close()


def test_a_pool_that_is_used_up_is_an_outage(database: Database) -> None:
    for name in ("_timeout", "_max_overflow"):
        setattr(database.engine.pool, name, 0)
    held = [database.engine.connect() for _ in range(database.engine.pool.size())]  # type: ignore[attr-defined]
    try:
        with pytest.raises(DatabaseAway), database.read() as session:
            session.execute(sa.select(1))
    finally:
        for connection in held:
            connection.close()


def test_who_waits_for_a_coroutine_waits_as_long_as_it_takes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a refusal is not waited for."""
    import asyncio

    tries: list[str] = []

    def work(session: sa.orm.Session, then: Callable[[], None]) -> str:
        tries.append(threading.current_thread().name)
        then()
        return "done"

    def away_twice() -> None:
        if len(tries) < 3:
            raise DatabaseAway("here", "it is away")

    monkeypatch.setattr("cascade.store.database.AWAY_RETRY_S", 0.01)
    assert asyncio.run(database.transact_in_thread(work, away_twice)) == "done"
    assert len(tries) == 3
    assert threading.current_thread().name not in tries

    def refuse(session: sa.orm.Session) -> None:
        tries.append("again")
        session.execute(sa.insert(Project).values(id="p", name=None))

    tries.clear()
    with pytest.raises(DatabaseRefused):
        asyncio.run(database.transact_in_thread(refuse))
    assert tries == ["again"]
