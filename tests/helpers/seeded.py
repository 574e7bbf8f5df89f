"""Databases that are ready at once: each a copy of one that was made by a first start."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from cascade.service import Service
from cascade.settings import Settings


def first_start(url: str) -> None:
    """What the first command on an empty database does: tables, sample stories, sample users."""
    Service(Settings(database_url=url, provider="offline", offline_delay_ms=0)).close()


# A fixture that several conftests import is made once for each; what it makes is kept here.
@functools.cache
def sqlite_template() -> Path:
    """A SQLite database with the samples, which nobody opens again."""
    folder = Path(tempfile.mkdtemp(prefix="cascade-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "cascade.db"
    first_start(f"sqlite:///{path}")
    left = Path(f"{path}-wal")
    assert not left.exists() or not left.stat().st_size, "a copy of the file would lack the WAL"
    return path


@functools.cache
def postgres_template(server: str) -> str:
    """The name of a database of that server with the samples, which nobody opens again."""
    with server_admin(server) as admin:
        admin.exec_driver_sql("CREATE DATABASE cascade_template")
    first_start(named(server, "cascade_template"))
    return "cascade_template"


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


def sqlite_copy(folder: Path) -> str:
    """A SQLite database with the samples; its URL."""
    shutil.copy(sqlite_template(), folder / "cascade.db")
    return f"sqlite:///{folder}/cascade.db"


@contextmanager
def postgres_copy(server: str) -> Iterator[str]:
    """A Postgres database with the samples; its URL."""
    template = postgres_template(server)
    name = f"cascade_{uuid.uuid4().hex[:12]}"
    with server_admin(server) as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield named(server, name)
        admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
