"""The connections DBOS works with: they can be cut, and what fails on them fails at once.

DBOS by itself tries an operation again after a lost connection, asleep for up to minutes between
two tries and whatever has become of its executor meanwhile. Here an outage ends the operation, and
the runner takes up what was dropped (`Queue.reconcile`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cascade.errors import DatabaseAway
from cascade.store import faults
from cascade.store.database import ALIVE, BUSY_TIMEOUT_MS, Database
from cascade.store.idle import look_at_idle

# A session that was left alone in mid-transaction gives its locks back after so long.
_IDLE_TRANSACTION_MS = 60_000


class Dropped(Exception):
    """An operation of DBOS that an outage ended, or that came after its connections were cut."""


class Connections:
    """An engine on the database for one life of DBOS.

    `used` is called, in the thread that does it, before every statement and every connect.
    """

    def __init__(
        self, database: Database, name: str, used: Callable[[], None] = lambda: None
    ) -> None:
        self._used = used
        self._cut = False
        self.engine = _sqlite(database) if database.is_sqlite else _postgres(database, name)
        for event, listener in (
            ("do_connect", self._note),
            ("before_cursor_execute", self._note),
            ("checkout", self._refuse_when_cut),
            ("checkin", self._close_when_cut),
            ("handle_error", self._fail_at_once),
        ):
            sa.event.listen(self.engine, event, listener)

    def cut(self) -> None:
        """From now on no operation begins; idle connections are closed."""
        self._cut = True
        self.engine.dispose()

    def _note(self, *_: Any) -> None:
        self._used()

    def _refuse_when_cut(self, *_: Any) -> None:
        if self._cut:
            raise Dropped("this executor has given up its seat")

    def _close_when_cut(self, _connection: Any, record: Any) -> None:
        if self._cut:
            # It was in use; no pool closes it any more.
            record.invalidate()

    def _fail_at_once(self, context: sa.engine.ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if error is not None and faults.is_outage(error):
            # No word of the driver's: DBOS goes by them, and would try again.
            raise Dropped("the database is away") from error


@contextmanager
def guarded(database: Database) -> Iterator[None]:
    """Tells what fails in DBOS's hands as the database's own errors are told.

    Raises DatabaseAway, DatabaseRejection.
    """
    try:
        with database.guarded():
            yield
    except Dropped as error:
        cause = error.__cause__
        why = faults.reason(cause) if isinstance(cause, sa.exc.SQLAlchemyError) else str(error)
        raise DatabaseAway(database.name, why) from error


def dbos_url(database: Database) -> str:
    """The database's address as DBOS reads it."""
    url = database.url
    if not database.is_sqlite:
        url = url.set(drivername="postgresql")  # DBOS brings a driver of its own.
    return url.render_as_string(hide_password=False)


def _postgres(database: Database, name: str) -> sa.Engine:
    engine = sa.create_engine(
        database.url.set(drivername="postgresql+psycopg"),
        pool_use_lifo=True,
        pool_size=20,
        max_overflow=0,
        connect_args={**ALIVE, "application_name": name},
    )
    look_at_idle(engine)

    @sa.event.listens_for(engine, "do_connect")
    def _behind_a_pooler(_dialect: object, _record: object, _args: object, named: Any) -> None:
        if database.is_pooled:
            # A statement is prepared in a session, and the next transaction has another.
            named["prepare_threshold"] = None

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        if database.is_pooled:
            return
        connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_TRANSACTION_MS}")
        connection.commit()

    return engine


def _sqlite(database: Database) -> sa.Engine:
    # Not the app's engine: DBOS begins its transactions by itself, and does so in its migrations.
    engine = sa.create_engine(database.url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    return engine
