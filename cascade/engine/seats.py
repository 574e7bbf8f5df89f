"""Who may execute. A seat is a lock that the kernel or the server frees when its holder dies.

SQLite: one seat, an OS file lock beside the database. Postgres: a seat an executor, a session
advisory lock; a lock that can be taken belongs to a dead executor, whose runs are taken over.
"""

from __future__ import annotations

import secrets
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import filelock
import sqlalchemy as sa

from cascade.errors import DatabaseError
from cascade.store.database import Database

# The class of our advisory locks on a Postgres server: the letters "arc" (the product's earlier
# name, kept so that versions exclude one another) and a kind.
SEATS = 0x61726302
# The one lock of who sends what is in the outbox.
SENDERS = 0x61726303


_HELD = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :seats"
    " AND objid = CAST(:number AS bigint)::oid AND pid = pg_backend_pid()"
)


class Seat(Protocol):
    """The right to execute. `shared`: others may have seats of their own at the same time.

    Whatever asks the database raises DatabaseAway while it is away.
    """

    executor_id: str
    shared: bool

    def take(self) -> bool:
        """Takes the seat if it is free. Does not wait."""
        ...

    def is_kept(self) -> bool:
        """True while the seat that was taken is still ours."""
        ...

    def leave(self) -> None:
        """Frees the seat."""
        ...

    def dead(self, executor_ids: set[str]) -> list[str]:
        """Those of the executors that hold no seat any more."""
        ...

    def somebody_sits(self) -> bool:
        """True where any executor is alive."""
        ...


class FileSeat:
    """The one seat of a SQLite database, of those of its kind."""

    executor_id = "local"
    shared = False

    def __init__(self, database: Database, kind: str = "executor") -> None:
        self._path = Path(f"{database.path}.{kind}.lock")
        self._lock = filelock.FileLock(self._path, thread_local=False)
        self._file: tuple[int, int] | None = None

    def take(self) -> bool:
        """Takes the file lock if it is free."""
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        self._file = self._there()
        return True

    def is_kept(self) -> bool:
        """True unless the locked file is gone or another: then anybody can lock the new one."""
        return self._file is not None and self._there() == self._file

    def leave(self) -> None:
        """Frees the lock."""
        self._lock.release()

    def dead(self, executor_ids: set[str]) -> list[str]:
        """Whoever holds the only seat knows that all earlier executors are dead."""
        return sorted(executor_ids)

    def somebody_sits(self) -> bool:
        """True where the lock cannot be taken."""
        if not self.take():
            return True
        self.leave()
        return False

    def _there(self) -> tuple[int, int] | None:
        """Which file lies at the lock's place."""
        with suppress(OSError):
            found = self._path.stat()
            return found.st_dev, found.st_ino
        return None


class ServerSeat:
    """A seat at a Postgres database: one session that holds an advisory lock.

    Each seat that is taken is a new one, with an id of its own: what was in hand under an earlier
    one counts as a dead executor's. Of those that are asked for by a name there is one alone.
    """

    shared = True

    def __init__(self, database: Database, kind: int = SEATS, name: str | None = None) -> None:
        self._database = database
        self._kind = kind
        self._name = name
        self.executor_id = ""
        self._connection: sa.Connection | None = None

    def take(self) -> bool:
        """Opens a session and takes its lock."""
        executor_id = self._name or f"executor-{secrets.token_hex(8)}"
        with self._database.guarded():
            connection = self._connect()
            try:
                taken = self._try_lock(connection, executor_id)
            except BaseException:
                _end(connection)
                raise
        if not taken:
            _end(connection)
            return False
        self._connection, self.executor_id = connection, executor_id
        return True

    def is_kept(self) -> bool:
        """True while the session lives and holds the lock: behind a pooler it may be another's."""
        try:
            with self._database.guarded():
                assert self._connection is not None
                number = lock_number(self.executor_id) % 2**32
                held = self._connection.scalar(_HELD, {"seats": self._kind, "number": number})
        except DatabaseError:
            return False
        return bool(held)

    def leave(self) -> None:
        """Ends the session, and with it the lock."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            _end(connection)

    def dead(self, executor_ids: set[str]) -> list[str]:
        """Those whose lock can be taken."""
        others = sorted(executor_ids - {self.executor_id})
        if not others or self._connection is None:
            return []
        dead = []
        with self._database.guarded():
            for executor_id in others:
                if self._try_lock(self._connection, executor_id):
                    self._connection.execute(
                        sa.select(sa.func.pg_advisory_unlock(self._kind, lock_number(executor_id)))
                    )
                    dead.append(executor_id)
        return dead

    def somebody_sits(self) -> bool:
        """True where any session holds a lock of our class in this database."""
        with self._database.guarded(), self._connect() as connection:
            seats = connection.scalar(
                sa.text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                    "AND classid = :seats AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                ),
                {"seats": self._kind},
            )
        return bool(seats)

    def _connect(self) -> sa.Connection:
        return self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _try_lock(self, connection: sa.Connection, executor_id: str) -> bool:
        taken = sa.select(sa.func.pg_try_advisory_lock(self._kind, lock_number(executor_id)))
        return bool(connection.scalar(taken))


def _end(connection: sa.Connection) -> None:
    """Ends a session, which may have ended by itself."""
    with suppress(sa.exc.SQLAlchemyError):
        connection.invalidate()
    with suppress(sa.exc.SQLAlchemyError):
        connection.close()


def lock_number(executor_id: str) -> int:
    """A 32-bit signed number for an executor, which is what the server takes."""
    return zlib.crc32(executor_id.encode()) - 2**31


def seat_for(database: Database) -> Seat:
    """The kind of seat that the database has."""
    return FileSeat(database) if database.is_sqlite else ServerSeat(database)


def sender_seat(database: Database) -> Seat:
    """The right to send what is in the outbox, which one process has at a time."""
    if database.is_sqlite:
        return FileSeat(database, "sender")
    return ServerSeat(database, SENDERS, "sender")
