"""Connections: one engine a process, and transactions for reading and for writing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import DatabaseAway, DatabaseError, DatabaseUnavailable
from cascade.settings import parse_address
from cascade.store import address, denied, faults, pooler
from cascade.store.idle import look_at_idle
from cascade.store.product import OPTION, Source

# How long SQLite waits for another process's write to end before it gives up.
BUSY_TIMEOUT_MS = 30_000
# How often a transaction is tried again while the database is away, and for how long.
AWAY_RETRY_S = 0.5
AWAY_PATIENCE_S = 60
# Transactions of coroutines at a time in one process.
THREADS = 16
# A process that hangs in mid-transaction keeps others from the rows it locked for so long.
IDLE_TRANSACTION_MS = 10_000
# A server that does not answer any more is given up after so long, not after the system's hours.
ALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

__all__ = ["FAULTS", "Database", "Session"]

T = TypeVar("T")
# What the driver raises: whichever it is, the transaction it is raised in is over.
FAULTS = (sa.exc.DBAPIError, sa.exc.TimeoutError)
log = logging.getLogger("cascade.store")


class Database:
    """One database, SQLite in a file or Postgres. Opening connects to nothing yet.

    The folder of the default file is made where it is missing, unless `make_folder` is False.
    `product` looks up the product's tables, where their names are said somewhere.
    Raises DatabaseUnavailable where a SQLite file's folder is missing.
    """

    def __init__(
        self, url: str, *, make_folder: bool = True, product: Source | None = None
    ) -> None:
        self.url = address.with_password_in_place(parse_address(url))
        if self.url.drivername in ("postgresql", "postgres"):
            # Plain postgresql:// would mean psycopg 3 to SQLAlchemy 2.1.
            self.url = self.url.set(drivername="postgresql+psycopg2")
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._is_away = False
        options = {OPTION: product or Source()}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="cascade-database")
        self._writing = threading.Lock()
        # Called by whoever in this process has written what others wait for; none may wait itself.
        self.on_news: list[Callable[[], None]] = []
        if self.is_sqlite:
            self._check_folder(make=make_folder)
            self.engine = sa.create_engine(
                self.url,
                connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
                # The one used last has the file's pages at hand.
                pool_use_lifo=True,
                pool_size=20,
                execution_options=options,
            )
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            self._reader = self.engine
        else:
            self.engine = sa.create_engine(
                self.url,
                # The one used last: it need not be looked at, and its session is warm.
                pool_use_lifo=True,
                pool_size=10,
                max_overflow=20,
                connect_args={**ALIVE, "application_name": "cascade"},
                execution_options=options,
            )
            sa.event.listen(self.engine, "connect", self._configure_postgres)
            look_at_idle(self.engine)
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def name(self) -> str:
        """The address without its passwords, for messages."""
        return address.shown(self.url)

    @cached_property
    def is_pooled(self) -> bool:
        """Whether the address leads to a pooler that gives each transaction another session.

        Looked up once. Raises what the driver raises.
        """
        if self.is_sqlite:
            return False
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool, connect_args=ALIVE)
        return pooler.is_pooled(engine)

    def identity(self) -> tuple[str, str]:
        """What tells this database from any other, whatever address leads to it.

        Raises DatabaseAway, DatabaseRefused.
        """
        if self.is_sqlite:
            return "sqlite", str(self.url.database)
        with self.read() as session:
            started = sa.text(
                "SELECT CAST(pg_postmaster_start_time() AS text), CAST(oid AS text)"
                " FROM pg_database WHERE datname = current_database()"
            )
            server, name = session.execute(started).one()
        return server, name

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database."""
        return Path(self.url.database or "") if self.is_sqlite else None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes; on SQLite it waits for its turn at the beginning.

        Raises DatabaseAway, DatabaseRefused.
        """
        with self._turn(), self._session() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads: one snapshot, and no writer is kept waiting.

        Raises DatabaseAway, DatabaseRefused.
        """
        with self._session(reading=True) as session:
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Has this process's writers wait for each other here, where one at a time may write.

        SQLite has who waits ask again after a sleep of up to a tenth of a second; here the next one
        begins at once. One who has waited in vain leaves it to SQLite to say so.
        """
        if not self.is_sqlite:
            yield
            return
        is_mine = self._writing.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            yield
        finally:
            if is_mine:
                self._writing.release()

    @contextmanager
    def _session(self, *, reading: bool = False) -> Iterator[Session]:
        with (
            self.guarded(),
            self._at_home(self._reader if reading else self.engine).connect() as connection,
            self.begun(connection, reading=reading),
            # On a connection that has begun: it need not look for one with each statement.
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()

    @contextmanager
    def begun(self, connection: sa.Connection, *, reading: bool = False) -> Iterator[None]:
        """One transaction on a connection, committed at its end. Raises what the driver raises.

        On SQLite one that may write takes the lock for it at once: one that reads first and writes
        later cannot wait for another writer in between. It is said here and not by the engine's
        event, because an engine with an event of its own asks for others around each statement.
        """
        with connection.begin():
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
            yield

    def _at_home(self, engine: sa.Engine) -> sa.Engine:
        """Behind a pooler Cascade's own tables are named with their schema, as the product's are.

        What a session's `search_path` is there, some other program may have said.
        """
        if not self.is_pooled:
            return engine
        return engine.execution_options(schema_translate_map={None: self._home})

    @cached_property
    def _home(self) -> str:
        with self.engine.connect() as connection:
            return pooler.home(connection)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Tells errors of this database, whichever driver they come from, as what they mean.

        Raises DatabaseAway where it may go well another time, else DatabaseRefused.
        """
        try:
            yield
        except FAULTS as error:
            if isinstance(error, sa.exc.DBAPIError) and denied.is_denied(error):
                raise denied.explain(error, self.engine, self.name) from error
            raise faults.told(error, self.name) from error

    def transact(
        self, work: Callable[..., T], *arguments: Any, patience_s: float = AWAY_PATIENCE_S
    ) -> T:
        """Runs `work(session, …)` as one writing transaction; again while the database is away.

        `work` must bear being tried again: look first what is there. Raises DatabaseAway after
        `patience_s`, and DatabaseRefused at once.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                with self.write() as session:
                    done = work(session, *arguments)
            except DatabaseAway as error:
                self.note_away(error)
                if time.monotonic() >= deadline:
                    raise
                time.sleep(AWAY_RETRY_S)
            else:
                self.note_back()
                return done

    async def transact_in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """The same for a coroutine, which waits for as long as the database is away.

        Raises DatabaseRefused.
        """
        while True:
            try:
                return await self.in_thread(self.transact, work, *arguments, patience_s=0)
            except DatabaseAway:
                await asyncio.sleep(AWAY_RETRY_S)

    async def in_thread(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Runs `work` in one of the threads that are kept for the database.

        Not in those of everybody: what waits there (for a text to be judged, for a name to be
        looked up) would keep a save waiting, and a save that waits for the database everything.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *arguments, **named))

    def tell_news(self) -> None:
        """Has those in this process who look for what is new look now, not when it is time."""
        for look in self.on_news:
            look()

    def note_away(self, error: DatabaseError) -> None:
        """Says in the log that the database gives nothing, once until it does."""
        if not self._is_away:
            self._is_away = True
            log.warning("%s", error.message)

    def note_back(self) -> None:
        """Says in the log that the database is back, where it was away."""
        if self._is_away:
            self._is_away = False
            log.warning("The database %s is back.", self.name)

    def ping(self) -> None:
        """Connects once. Raises DatabaseUnavailable, with the driver's own reason in one line."""
        encoding = "UTF8"
        try:
            with self._reader.connect() as connection:
                if self.is_sqlite:
                    # Opening a file is not reading it: this sees that it is no database.
                    connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
                else:
                    encoding = str(connection.scalar(sa.text("SHOW server_encoding")))
        except sa.exc.DBAPIError as error:
            raise DatabaseUnavailable(self.name, faults.reason(error)) from None
        if encoding != "UTF8":
            # Texts of every script go into it; found out later, one would be refused at its end.
            raise DatabaseUnavailable(
                self.name,
                f"its texts are kept as {encoding} and have to be UTF8. Make one with CREATE "
                "DATABASE name ENCODING 'UTF8' TEMPLATE template0, and bring the tables over",
            )

    def _configure_postgres(self, connection: Any, _record: object) -> None:
        if self.is_pooled:
            return  # The session is somebody else's in a moment, and would keep it.
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TRANSACTION_MS}")
        # Committed, because the pool's rollback would take it back.
        connection.commit()

    def close(self) -> None:
        """Gives back all connections and threads."""
        self._threads.shutdown(wait=False)
        self.engine.dispose()

    def _check_folder(self, *, make: bool) -> None:
        path = Path(self.url.database or "")
        if str(path) == ":memory:" or not path.name:
            raise DatabaseUnavailable(self.name, "the program needs a file that outlives a process")
        if self.url.query:
            options = ", ".join(sorted(self.url.query))
            raise DatabaseUnavailable(
                self.name, f"the address of a file takes no options, and this one has: {options}"
            )
        try:
            is_default = path.parent == Path("data")
            if is_default and make:
                path.parent.mkdir(exist_ok=True)
            is_there = path.parent.is_dir() or (is_default and not path.parent.exists())
        except OSError as error:
            why = f"{path.parent} is no folder that can be used ({error.strerror})"
            raise DatabaseUnavailable(self.name, why) from None
        if not is_there:
            # A folder is not made for any other address: it may be a slip of the pen.
            raise DatabaseUnavailable(self.name, f"there is no folder {path.parent}")


def _configure_sqlite(connection: Any, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
