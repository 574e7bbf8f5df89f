"""Executes runs in this process while it has a seat, and waits for one otherwise."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cascade.engine.cancelling import Cancels
from cascade.engine.queue import Queue
from cascade.engine.seats import seat_for
from cascade.errors import DatabaseError
from cascade.runs import requests
from cascade.store.database import Database

if TYPE_CHECKING:
    from cascade.engine.runner import Runner

log = logging.getLogger("cascade.engine")

LOOK_S = 0.25
# How often it looks for runs that were dropped, and for cancels that nobody answers.
RECONCILE_S = 1.0
# How often it looks for requests that have waited too long, which is a matter of days.
TIDY_S = 60.0
# How long it waits after an error before it tries again.
AGAIN_S = 0.5
# How long `stop` waits for the thread, which may be waiting for the database.
STOP_PATIENCE_S = 45.0


class Executor:
    """Executes runs in a thread of this process while it has a seat; waits for one otherwise.

    `yields`: leaves the work to any other executor that is alive, and steps in when none is.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        make_runner: Callable[[], Runner],
        cancels: Cancels,
        *,
        yields: bool = False,
        request_days: int,
    ) -> None:
        self._database = database
        self._seat = seat_for(database)
        self._queue = queue
        self._make_runner = make_runner
        self._cancels = cancels
        self._yields = yields
        self._request_days = request_days
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cascade-executor", daemon=True)
        self._swept = 0.0

    def start(self) -> None:
        """Begins to look for a seat; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Gives up the seat. Runs under way are left for whoever executes next."""
        self._stop.set()
        self._thread.join(STOP_PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._may_sit() and self._seat.take():
                    try:
                        self._execute()
                    finally:
                        self._seat.leave()
                else:
                    # Whoever sits may hang.
                    self._sweep()
            except DatabaseError as error:
                self._database.note_away(error)
                self._stop.wait(AGAIN_S)
            except Exception:
                # The thread must outlive anything: without it no run ever goes on.
                log.exception("the executor stopped; it tries again")
                self._stop.wait(AGAIN_S)
            self._stop.wait(LOOK_S)

    def _may_sit(self) -> bool:
        return not (self._yields and self._seat.somebody_sits())

    def _execute(self) -> None:
        """Executes until it is stopped, its seat is lost, or its runner has died.

        Everything that a launch makes is unmade, however far it came: a seat is never kept by
        somebody who does not execute.
        """
        runner = self._make_runner()
        try:
            self._queue.take_over(self._seat.dead(self._queue.executors()))
            runner.launch(self._seat.executor_id)
            self._database.note_back()
            log.info("executing runs as %s", self._seat.executor_id)
            self._watch(runner)
        finally:
            runner.close()

    def _watch(self, runner: Runner) -> None:
        """Returns when there is no more executing with this seat and this runner."""
        reconciled, tidied = 0.0, float("-inf")
        while not self._stop.is_set():
            if not self._seat.is_kept():
                # What is under way must end before another's work on it begins.
                runner.cut()
                log.warning("the executor has lost its seat and takes a new one")
                return
            if not runner.is_alive():
                log.error("the runner does not answer any more; another is made")
                return
            try:
                if time.monotonic() - reconciled > RECONCILE_S:
                    self._queue.reconcile(self._seat.executor_id, lambda: runner.in_hand)
                    reconciled = time.monotonic()
                if time.monotonic() - tidied > TIDY_S:
                    self._end_overdue()
                    tidied = time.monotonic()
                if self._seat.shared:
                    self._queue.take_over(self._seat.dead(self._queue.executors()))
                self._sweep()
                self._database.note_back()
            except DatabaseError as error:
                # The steps wait for it too; the seat says whether it was more than a moment.
                self._database.note_away(error)
            self._stop.wait(LOOK_S)

    def _end_overdue(self) -> None:
        """Ends requests that nobody has decided in time, and nobody looks at."""
        days = self._request_days
        with self._database.read() as session:
            found = requests.overdue(session, days)
        for run_id in found:
            self._database.transact(requests.expire, run_id, days, patience_s=0)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > RECONCILE_S:
            self._swept = time.monotonic()
            self._cancels.sweep()
