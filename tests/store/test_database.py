"""Connections: what is in force on them, who waits for whom, and instants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import DatabaseRefused, DatabaseUnavailable
from cascade.store import migrate
from cascade.store.columns import UtcDateTime
from cascade.store.database import Database
from cascade.store.tables import Project, RunEvent, now


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(Project.name).order_by(Project.id)))


def add(database: Database, name: str) -> None:
    with database.write() as session:
        session.add(Project(id=name, name=name))


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    migrate.ensure(database)
    yield database
    database.close()


@pytest.mark.parametrize("mode", ["read", "write"])
def test_sqlite_pragmas_are_in_force(sqlite: Database, mode: str) -> None:
    # On the first connection and on one that is opened beside it.
    with getattr(sqlite, mode)() as session, sqlite.read() as beside:
        for one in (session, beside):
            pragmas = {
                name: one.execute(sa.text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
            assert pragmas == {
                "journal_mode": "wal",
                "synchronous": 2,  # FULL
                "foreign_keys": 1,
                "busy_timeout": 30_000,
            }


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(DatabaseRefused), database.write() as session:
        session.execute(
            sa.text(
                "INSERT INTO story_versions (id, project_id, title, language, structure_type) "
                "VALUES ('s', 'nowhere', 'T', 'en', 'cat')"
            )
        )


def test_readers_and_a_writer_do_not_wait_for_each_other(database: Database) -> None:
    add(database, "one")
    with database.write() as session:
        session.add(Project(id="two", name="two"))
        session.flush()
        # A reader sees what is committed. One who waited for the writer, who is this thread itself,
        # would wait until the database refuses them.
        assert names(database) == ["one"]
    with database.read() as reader:
        assert len(reader.scalars(sa.select(Project.id)).all()) == 2
        add(database, "three")
        # One snapshot, to the end of the transaction.
        assert len(reader.scalars(sa.select(Project.id)).all()) == 2
    assert names(database) == ["one", "three", "two"]


def test_writers_take_turns(database: Database) -> None:
    add(database, "counter")
    together = threading.Barrier(6)

    def count() -> None:
        together.wait()
        for _ in range(5):
            with database.write() as session:
                row = session.execute(
                    sa.select(Project).where(Project.id == "counter").with_for_update()
                ).scalar_one()
                row.name += "."

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(database) == ["counter" + "." * 30]


def test_an_error_takes_everything_back(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            session.add(Project(id="one", name="one"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(database) == []


def test_instants_are_utc_whatever_went_in(database: Database) -> None:
    noon = datetime(2026, 7, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    jakarta = timezone(timedelta(hours=7))
    table = sa.Table("instants", sa.MetaData(), sa.Column("at", UtcDateTime))
    with database.write() as session:
        table.create(session.connection())
        for instant in (noon, noon.astimezone(jakarta), None):
            session.execute(sa.insert(table).values(at=instant))
    with database.read() as session:
        if not database.is_sqlite:
            session.execute(sa.text("SET LOCAL TIME ZONE 'Asia/Jakarta'"))
        found = session.scalars(sa.select(table.c.at)).all()
        later = session.scalars(sa.select(table.c.at).where(table.c.at > noon.astimezone(jakarta)))
        assert later.all() == []
    assert sorted(one for one in found if one) == [noon, noon]
    assert None in found
    assert {one.isoformat() for one in found if one} == {"2026-07-01T12:00:00.123456+00:00"}


def test_now_is_utc_and_is_stored_to_the_microsecond(database: Database) -> None:
    assert now().tzinfo is UTC
    assert isinstance(RunEvent.__table__.c.at.type, UtcDateTime)


def test_a_plain_postgres_address_takes_the_driver_that_is_installed(postgres_url: str) -> None:
    assert postgres_url.startswith("postgresql://")
    database = Database(postgres_url)
    database.ping()
    assert database.path is None
    assert not database.is_sqlite
    database.close()


def refusal(url: str) -> str:
    def open_() -> None:
        database = Database(url)
        try:
            database.ping()
        finally:
            database.close()

    with pytest.raises(DatabaseUnavailable) as refused:
        open_()
    message = refused.value.message
    assert "\n" not in message
    assert "CASCADE_DATABASE_URL" in message
    return message


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    message = refusal(f"sqlite:///{tmp_path}/nowhere/cascade.db")
    assert f"there is no folder {tmp_path}/nowhere" in message
    assert not (tmp_path / "nowhere").exists()


def test_the_default_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///data/cascade.db")
    database.ping()
    database.close()
    assert (tmp_path / "data").is_dir()


def test_files_that_are_no_database(tmp_path: Path) -> None:
    path = tmp_path / "cascade.db"
    path.write_text("This is a letter, and a long one. " * 100)
    assert "not a database" in refusal(f"sqlite:///{path}")
    assert path.read_text().startswith("This is a letter")
    assert "unable to open" in refusal(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:"])
def test_a_database_must_outlive_the_process(url: str) -> None:
    assert "a file that outlives a process" in refusal(url)


def test_a_server_that_is_not_there_and_no_password_in_the_message() -> None:
    message = refusal("postgresql://user:hunter2@127.0.0.1:1/cascade")
    assert "refused" in message
    assert "hunter2" not in message
