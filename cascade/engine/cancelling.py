"""Cancels that nobody answers: whoever sees a run cancelling for too long ends it.

A run is ended by the executor that has it in hand. Where that one hangs, or has died and left
nobody, the run still ends, and gives its hold back, within ten seconds. What the executor does when
it wakes up is refused by the run's row: an ended run saves nothing.
"""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa

from cascade.errors import DatabaseError
from cascade.runs import lifecycle as runs
from cascade.store.database import Database
from cascade.store.tables import Run

log = logging.getLogger("cascade.engine")

# How long an executor has for it: the abort of a call takes it well under a second, and one that
# does not let itself be aborted is left alone after three.
PATIENCE_S = 4.5


class Cancels:
    """What one process has seen of cancels. Every method bears being called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._since: dict[str, float] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends nothing more."""
        with self._lock:
            for timer in self._timers.values():
                timer.cancel()

    def asked(self, run_id: str) -> None:
        """A cancel has just been asked for here: this process sees to it that the run ends."""
        timer = threading.Timer(PATIENCE_S, self._end, [run_id])
        timer.daemon = True
        with self._lock:
            if run_id in self._timers:
                return
            self._timers[run_id] = timer
        timer.start()

    def seen(self, run_id: str) -> bool:
        """A run is cancelling; True where it has been for too long, and was ended just now.

        Whoever only looks is not told where it cannot be ended: the next look tries again.
        """
        now = time.monotonic()
        with self._lock:
            since = self._since.setdefault(run_id, now)
        if now - since < PATIENCE_S:
            return False
        try:
            self._database.transact(runs.finish_cancelled, run_id, patience_s=0)
        except DatabaseError:
            return False
        with self._lock:
            self._since.pop(run_id, None)
        return True

    def sweep(self) -> None:
        """Looks at all runs. Raises DatabaseAway."""
        with self._database.read() as session:
            found = session.scalars(sa.select(Run.id).where(Run.status == "cancelling")).all()
        with self._lock:
            for run_id in self._since.keys() - set(found):
                del self._since[run_id]
        for run_id in found:
            self.seen(run_id)

    def _end(self, run_id: str) -> None:
        try:
            self._database.transact(runs.finish_cancelled, run_id)
        except DatabaseError as error:
            log.warning("run %s could not be ended: %s", run_id, error.message)
        finally:
            with self._lock:
                self._timers.pop(run_id, None)
