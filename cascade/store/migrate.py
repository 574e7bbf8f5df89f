"""Brings a database to the schema of this program, under a lock."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import sqlalchemy as sa

from cascade.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnavailable,
    SchemaGap,
)
from cascade.store import denied, pooler
from cascade.store.check import LAST_OF_PLAIN_NAMES, VERSION_TABLE, report, version
from cascade.store.database import Database
from cascade.store.product import product_of, refuse_bad_names, whole_of
from cascade.store.tables import (
    PREFIX,
    PRODUCT_TABLES,
    Base,
    Made,
    Project,
    StoryVersion,
    User,
    is_own,
)

# The newest migration's number, as the files are named; Alembic itself is slow to import.
HEAD = max(
    path.name[:4] for path in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
)
# Any number that no other program takes on the same server: the letters "arc" (the product's
# earlier name, kept so that versions exclude one another) and a kind.
MIGRATION_LOCK = 0x61726301
LOCK_PATIENCE_S = 120
# How often a migration is tried again that waited for others in a circle.
DEADLOCK_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """Something a database needs besides the schema: is it missing, and how it is made."""

    missing: Callable[[], bool]
    make: Callable[[], None]


def ensure(database: Database, parts: Sequence[Part] = ()) -> None:
    """Creates or upgrades the schema, then makes whichever of `parts` is missing.

    Several processes may call it at once: one works, the others wait. Each piece of it is one
    transaction, so a start killed in the middle leaves the next one to go on.
    Raises DatabaseUnavailable, DatabaseTooNew, BadProduct, SchemaGap; DatabaseReadOnly,
    MissingRights and RowsHidden where the database's user may not do or see what it takes.
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
    with database.read() as session:
        connection = session.connection()
        # At every start: the file of names may be another one today.
        whole = whole_of(connection)
        refuse_bad_names(whole)
        if not database.is_sqlite:
            denied.check_rows_are_seen(connection, whole, database.name)
    if _version(database) == HEAD and not any(part.missing() for part in parts):
        with database.read() as session:
            product_of(session)
        return
    with _lock(database):
        present = _version(database)
        if present != HEAD:
            _upgrade(database, present)
        for part in parts:
            if part.missing():
                part.make()


def wants_samples(database: Database) -> bool:
    """True where Cascade made the tables itself, and there is no project, user or story yet."""
    with database.read() as session:
        made = set(session.scalars(sa.select(Made.id).where(Made.kind == "table")))
        return made.issuperset(PRODUCT_TABLES) and not any(
            session.scalar(sa.select(sa.literal(True)).select_from(table).limit(1))
            for table in (Project, User, StoryVersion)
        )


def _version(database: Database) -> str | None:
    with database.read() as session:
        return version(session)


def _upgrade(database: Database, present: str | None) -> None:
    # Imported here: a start that has nothing to upgrade need not wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "cascade:store/migrations")
    config.attributes["version_table"] = VERSION_TABLE
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        raise DatabaseTooNew(database.name, present)
    problems = report(database).problems
    if problems:
        raise SchemaGap(database.name, problems)
    if database.path is not None:
        # Kept in the file itself; switching needs the file alone, so it is done only here.
        with closing(sqlite3.connect(database.path, timeout=LOCK_PATIENCE_S)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def change() -> None:
        with _changing_tables(database, present) as connection:
            config.attributes["connection"] = connection
            config.attributes["made"] = _to_be_made(connection)
            if present is None:
                # What is to be made is made by the next migration, at once under the names it has
                # today: a product may have tables of the names that it had then.
                command.stamp(config, LAST_OF_PLAIN_NAMES)
            command.upgrade(config, "head")

    for attempt in range(1, DEADLOCK_ATTEMPTS + 1):
        try:
            change()
            return
        except sa.exc.OperationalError as error:
            # An older version is at work on the tables, and each waited for the other.
            if not denied.is_deadlock(error) or attempt == DEADLOCK_ATTEMPTS:
                raise


def _to_be_made(connection: sa.Connection) -> list[str]:
    """The product's tables that are to be made: where a product is, nothing is added to it."""
    whole = whole_of(connection)
    if whole.is_there:
        return []
    return [table for table in PRODUCT_TABLES if whole.tables[table].table is None]


@contextmanager
def _changing_tables(database: Database, present: str | None) -> Iterator[sa.Connection]:
    """One transaction for migrations from a version on; on SQLite tables may be made anew in it.

    Raises SchemaGap, with nothing changed, where rows would then refer to rows that are not there.
    """
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            if database.is_pooled:
                # For this transaction only: what is made is named without a schema.
                home = connection.dialect.identifier_preparer.quote(pooler.home(connection))
                connection.execute(sa.text(f"SET LOCAL search_path TO {home}"))
            yield connection
        return
    connection = database.engine.connect()
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    # It goes to nobody else afterwards: see what is set next.
    connection.detach()
    # An interrupt would leave it open, and locked.
    with closing(driver), connection:
        # Before the transaction: inside one this does nothing.
        driver.execute("PRAGMA foreign_keys=OFF")
        with database.begun(connection):
            has_plain_names = present is not None and present <= LAST_OF_PLAIN_NAMES
            before = _dangling(connection, "" if has_plain_names else PREFIX)
            yield connection
            # What somebody left dangling by hand before is carried over as it is.
            dangling = _dangling(connection, PREFIX) - before
            if dangling:
                (table, to), count = dangling.most_common(1)[0]
                raise SchemaGap(
                    database.name,
                    [f"{count} rows of {table} would refer to rows of {to} that are not there"],
                )


def _dangling(connection: sa.Connection, prefix: str) -> Counter[tuple[str, str]]:
    """How many rows of Cascade's tables refer to nothing, by table and the table referred to."""
    there = set(sa.inspect(connection).get_table_names())
    own = {table.removeprefix(PREFIX) for table in Base.metadata.tables if is_own(table)}
    return Counter(
        (table, str(to).removeprefix(PREFIX))
        for table in sorted(own)
        if f"{prefix}{table}" in there
        for _, _, to, _ in connection.exec_driver_sql(f"PRAGMA foreign_key_check({prefix}{table})")
    )


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
    # In a transaction of its own that lasts as long as all of it: behind a pooler a session's lock
    # would stay with a session that is somebody else's by then.
    with database.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(MIGRATION_LOCK))):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    database.name, f"another process has been migrating it for {LOCK_PATIENCE_S} s"
                )
            time.sleep(0.1)
        yield
