"""Brings a database to the schema of this program, under a lock; tells what an existing one has."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import filelock
import sqlalchemy as sa

from cascade.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnavailable,
)
from cascade.store import denied
from cascade.store.database import Database
from cascade.store.tables import Base, Project, StoryVersion, User

HEAD = "0003"
# Not Alembic's usual name: the product may keep its own migrations in the same database.
VERSION_TABLE = "cascade_alembic_version"
# The product's tables with the columns the program needs; everything else in Base is its own.
PRODUCT_TABLES = ("projects", "story_versions", "scene_plots", "scene_shots")
# Any number that no other program takes on the same server: the letters "arc" and a kind.
MIGRATION_LOCK = 0x61726301
LOCK_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Part:
    """Something a database needs besides the schema: is it missing, and how it is made."""

    missing: Callable[[], bool]
    make: Callable[[], None]


@dataclass(frozen=True, slots=True)
class TableReport:
    """What a database has of one table: missing columns are named; `exists` False, the whole."""

    table: str
    exists: bool
    missing_columns: tuple[str, ...]
    product: bool

    @property
    def complete(self) -> bool:
        """True where nothing is missing."""
        return self.exists and not self.missing_columns


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What a database has of the schema; `scripts` are the columns that seem to hold scripts."""

    tables: tuple[TableReport, ...]
    scripts: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """True where nothing is missing."""
        return all(table.complete for table in self.tables)


class SchemaGap(DatabaseError):
    """The product's tables are there but lack columns that the program needs."""

    code = "schema_gap"


def ensure(database: Database, parts: Sequence[Part] = ()) -> None:
    """Creates or upgrades the schema, then makes whichever of `parts` is missing.

    Several processes may call it at once: one works, the others wait. Each piece of it is one
    transaction, so a start killed in the middle leaves the next one to go on.
    Raises DatabaseUnavailable, DatabaseTooNew, SchemaGap; DatabaseReadOnly, MissingRights and
    RowsHidden where the database's user may not do or see what it takes.
    """
    database.ping()
    try:
        _ensure(database, parts)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise denied.explain(error, database.engine, database.name) from error
    except DatabaseError as error:
        # It was there a moment ago: what it does not do now, it would not do in a while either.
        cause = error.__cause__
        if isinstance(cause, sa.exc.DBAPIError):
            raise denied.explain(cause, database.engine, database.name) from error
        raise


def _ensure(database: Database, parts: Sequence[Part]) -> None:
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            denied.check_rows_are_seen(connection, database.name)
    if _version(database) == HEAD and not any(part.missing() for part in parts):
        return
    with _lock(database):
        version = _version(database)
        if version != HEAD:
            _upgrade(database, version)
        for part in parts:
            if part.missing():
                part.make()


def report(database: Database) -> SchemaReport:
    """What the database has, table by table, the product's tables first. Writes nothing."""
    database.ping()
    with database.read() as session:
        inspector = sa.inspect(session.connection())
        columns = {
            table: {column["name"] for column in inspector.get_columns(table)}
            for table in inspector.get_table_names()
        }
    tables = [
        TableReport(
            table=table.name,
            exists=table.name in columns,
            missing_columns=tuple(
                c.name for c in table.columns if c.name not in columns.get(table.name, ())
            ),
            product=table.name in PRODUCT_TABLES,
        )
        for table in Base.metadata.sorted_tables
    ]
    scripts = [
        f"{table}.{column}"
        for table, names in sorted(columns.items())
        for column in sorted(names)
        if "script" in column or ("script" in table and column in ("content", "text", "body"))
    ]
    return SchemaReport(tuple(sorted(tables, key=lambda one: not one.product)), tuple(scripts))


def is_empty(database: Database) -> bool:
    """True where there is no project, no user and no story yet."""
    with database.read() as session:
        return not any(
            session.scalar(sa.select(sa.literal(True)).select_from(table).limit(1))
            for table in (Project, User, StoryVersion)
        )


def _version(database: Database) -> str | None:
    with database.read() as session:
        if not sa.inspect(session.connection()).has_table(VERSION_TABLE):
            return None
        version = session.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return str(version) if version is not None else None


def _upgrade(database: Database, version: str | None) -> None:
    # Imported here: a start that has nothing to upgrade need not wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "cascade:store/migrations")
    config.attributes["version_table"] = VERSION_TABLE
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise DatabaseTooNew(database.name, version)
    found = report(database).tables
    lacking = [one for one in found if one.product and one.exists and one.missing_columns]
    taken = [one for one in found if not one.product and one.exists and version is None]
    if lacking or taken:
        problems = [f"{one.table} lacks {', '.join(one.missing_columns)}" for one in lacking]
        problems += [f"{one.table} is another program's" for one in taken]
        raise SchemaGap(
            f"The database {database.name} has tables that do not fit: {'; '.join(problems)}. "
            "Nothing was changed. `cascade db check` shows every table; put that right, "
            "then start again."
        )
    if database.path is not None:
        # Kept in the file itself; switching needs the file alone, so it is done only here.
        with closing(sqlite3.connect(database.path, timeout=LOCK_PATIENCE_S)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    with database.engine.begin() as transaction:
        config.attributes["connection"] = transaction
        command.upgrade(config, "head")


@contextmanager
def _lock(database: Database) -> Iterator[None]:
    """Held by one process at a time; freed by the kernel or the server when its holder dies."""
    if database.path is not None:
        lock = filelock.FileLock(f"{database.path}.migrate.lock", timeout=LOCK_PATIENCE_S)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise DatabaseUnavailable(
                database.name, f"another process has been migrating it for {LOCK_PATIENCE_S} s"
            ) from None
        except OSError as error:
            raise DatabaseReadOnly(
                database.name, f"its folder takes no file ({error.strerror})"
            ) from None
        try:
            yield
        finally:
            lock.release()
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(MIGRATION_LOCK))):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    database.name, f"another process has been migrating it for {LOCK_PATIENCE_S} s"
                )
            time.sleep(0.1)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(MIGRATION_LOCK)))
