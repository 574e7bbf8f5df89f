"""Databases that are ready at once: each a copy of one that was made when it was first needed."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from cascade.service import Service
from cascade.settings import Settings
from cascade.store import migrate
from cascade.store.database import Database

# Makes something of an empty database, given its URL.
Make = Callable[[str], None]


def first_start(url: str) -> None:
    """What the first command on an empty database does: tables, sample stories, sample users."""
    Service(Settings(database_url=url, provider="offline", offline_delay_ms=0)).close()


def schema_only(url: str) -> None:
    """Makes the tables, and nothing else."""
    with closing(Database(url)) as database:
        migrate.ensure(database)


# A fixture that several conftests import is made once for each; what it makes is kept here.
@functools.cache
def sqlite_template(make: Make) -> Path:
    """A SQLite database that was made so, which nobody opens again."""
    folder = Path(tempfile.mkdtemp(prefix="cascade-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "cascade.db"
    make(f"sqlite:///{path}")
    left = Path(f"{path}-wal")
    assert not left.exists() or not left.stat().st_size, "a copy of the file would lack the WAL"
    return path


@functools.cache
def postgres_template(server: str, make: Make) -> str:
    """The name of a database of that server that was made so, which nobody opens again."""
    name = f"cascade_template_{make.__name__}"
    with server_admin(server) as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {name}")
        make(named(server, name))
        end_sessions(admin, name)
    return name


def drop(admin: sa.Connection, name: str) -> None:
    """Drops a database, whoever is still in it."""
    end_sessions(admin, name)
    admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def end_sessions(admin: sa.Connection, name: str) -> None:
    """Has every session of a database end, and waits for it.

    The server itself waits five seconds for them, and then refuses to copy or to drop it.
    """
    end = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
    admin.exec_driver_sql(end, (name,))


@contextmanager
def server_admin(server: str) -> Iterator[sa.Connection]:
    """A connection to a Postgres server for making and dropping databases."""
    url = sa.make_url(server).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def named(server: str, name: str) -> str:
    """The URL of one database of a server."""
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def sqlite_copy(folder: Path, make: Make = first_start) -> str:
    """A SQLite database with the samples, or as `make` makes it; its URL."""
    shutil.copy(sqlite_template(make), folder / "cascade.db")
    return f"sqlite:///{folder}/cascade.db"


@contextmanager
def postgres_copy(server: str, make: Make = first_start) -> Iterator[str]:
    """A Postgres database with the samples, or as `make` makes it; its URL."""
    template = postgres_template(server, make)
    name = f"cascade_{uuid.uuid4().hex[:12]}"
    with server_admin(server) as admin:
        # Files are copied at once where a server need not outlive a power cut.
        admin.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield named(server, name)
        drop(admin, name)
