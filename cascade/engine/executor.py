"""Who executes. A seat is a lock that the kernel or the server frees when its holder dies.

SQLite: one seat, an OS file lock beside the database. Postgres: a seat an executor, a session
advisory lock; a lock that can be taken belongs to a dead executor, whose runs are taken over.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import zlib
from collections.abc import Callable
from typing import Protocol

import filelock
import sqlalchemy as sa

from cascade.engine.runner import Queue, Runner
from cascade.store.database import Database

log = logging.getLogger("cascade.engine")

# The class of our advisory locks on a Postgres server: the letters "arc" and a kind.
SEATS = 0x61726302
LOOK_S = 0.25
RECONCILE_S = 30.0


class Seat(Protocol):
    """The right to execute. `shared`: others may have seats of their own at the same time."""

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
    """The one seat of a SQLite database."""

    executor_id = "local"
    shared = False

    def __init__(self, database: Database) -> None:
        self._lock = filelock.FileLock(f"{database.path}.executor.lock", thread_local=False)

    def take(self) -> bool:
        """Takes the file lock if it is free."""
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        return True

    def is_kept(self) -> bool:
        """A file lock is not lost while the process lives."""
        return True

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


class ServerSeat:
    """A seat at a Postgres database: one session that holds an advisory lock."""

    shared = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self.executor_id = f"executor-{secrets.token_hex(8)}"
        self._connection: sa.Connection | None = None

    def take(self) -> bool:
        """Opens a session and takes its lock."""
        try:
            connection = self._connect()
            if self._try_lock(connection, self.executor_id):
                self._connection = connection
                return True
            connection.close()
        except sa.exc.OperationalError:
            log.warning("the database is away; waiting for it")
        return False

    def is_kept(self) -> bool:
        """True while the session lives."""
        try:
            assert self._connection is not None
            self._connection.execute(sa.select(1))
        except sa.exc.DBAPIError:
            return False
        return True

    def leave(self) -> None:
        """Ends the session, and with it the lock."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def dead(self, executor_ids: set[str]) -> list[str]:
        """Those whose lock can be taken."""
        others = sorted(executor_ids - {self.executor_id})
        if not others or self._connection is None:
            return []
        dead = []
        for executor_id in others:
            if self._try_lock(self._connection, executor_id):
                self._connection.execute(
                    sa.select(sa.func.pg_advisory_unlock(SEATS, _lock_number(executor_id)))
                )
                dead.append(executor_id)
        return dead

    def somebody_sits(self) -> bool:
        """True where any session holds a lock of our class in this database."""
        with self._connect() as connection:
            seats = connection.scalar(
                sa.text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                    "AND classid = :seats AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                ),
                {"seats": SEATS},
            )
        return bool(seats)

    def _connect(self) -> sa.Connection:
        return self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @staticmethod
    def _try_lock(connection: sa.Connection, executor_id: str) -> bool:
        taken = sa.select(sa.func.pg_try_advisory_lock(SEATS, _lock_number(executor_id)))
        return bool(connection.scalar(taken))


def _lock_number(executor_id: str) -> int:
    """A 32-bit signed number for an executor, which is what the server takes."""
    return zlib.crc32(executor_id.encode()) - 2**31


def seat_for(database: Database) -> Seat:
    """The kind of seat that the database has."""
    return FileSeat(database) if database.is_sqlite else ServerSeat(database)


class Executor:
    """Executes runs in a thread of this process while it has a seat; waits for one otherwise.

    `yields`: leaves the work to any other executor that is alive, and steps in when none is.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        make_runner: Callable[[], Runner],
        *,
        yields: bool = False,
    ) -> None:
        self._seat = seat_for(database)
        self._queue = queue
        self._make_runner = make_runner
        self._yields = yields
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cascade-executor", daemon=True)

    def start(self) -> None:
        """Begins to look for a seat; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Gives up the seat. Runs under way are left for whoever executes next."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._may_sit() and self._seat.take():
                    try:
                        self._execute()
                    finally:
                        self._seat.leave()
            except Exception:
                # The thread must outlive anything: without it no run ever goes on.
                log.exception("the executor stopped; it tries again")
                self._stop.wait(1.0)
            self._stop.wait(LOOK_S)

    def _may_sit(self) -> bool:
        return not (self._yields and self._seat.somebody_sits())

    def _execute(self) -> None:
        self._queue.take_over(self._seat.dead(self._queue.executors()))
        runner = self._make_runner()
        runner.launch(self._seat.executor_id)
        log.info("executing runs as %s", self._seat.executor_id)
        try:
            reconciled = 0.0
            while not self._stop.is_set() and self._seat.is_kept():
                if time.monotonic() - reconciled > RECONCILE_S:
                    self._queue.reconcile()
                    reconciled = time.monotonic()
                if self._seat.shared:
                    self._queue.take_over(self._seat.dead(self._queue.executors()))
                self._stop.wait(LOOK_S)
        finally:
            runner.close()
