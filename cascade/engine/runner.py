"""DBOS as the runner: a run is a workflow, the steps of a beat are one DBOS step.

DBOS remembers where a workflow was and runs it on after a crash. That is all it is trusted with:
whether a step is saved and charged is decided in our own tables (`cascade.runs.steps`), and a
workflow that it loses or ends is found by `Queue.reconcile`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import warnings
from collections.abc import Callable
from itertools import groupby
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer

from cascade.engine.connections import Connections, dbos_url, guarded
from cascade.engine.queue import QUEUE, VERSION
from cascade.engine.writing import Line, StepWriter
from cascade.errors import CascadeError, DatabaseAway, Reason
from cascade.llm.provider import Provider
from cascade.runs import lifecycle as runs
from cascade.runs import writers
from cascade.store.database import BUSY_TIMEOUT_MS, Database, Session
from cascade.store.tables import QUEUE_SCHEMA
from cascade.story.piece import Piece

log = logging.getLogger("cascade.engine")

# A workflow that is taken out of the queue while the loop stops goes on where it is next taken up;
# DBOS leaves its coroutine unawaited.
warnings.filterwarnings(
    "ignore", "coroutine 'execute_dequeued_workflow.<locals>.start_workflow_task'", RuntimeWarning
)

POLL_S = 0.1
# Runs at a time in one process; the model calls among them are limited by `Limits`.
RUNS_AT_ONCE = 32
# A runner that has not looked for work for so long is dead; on SQLite a look may wait its turn.
SILENT_S = 15.0
# The same for the loop that the steps run on: a text that keeps it busy is no reason to stop.
STUCK_S = 60.0


class Runner:
    """Executes queued runs in this process, from `launch` to `close`. One a process.

    `close` unmakes whatever a launch has made, also one that failed half-way.
    """

    def __init__(self, database: Database, writer: StepWriter) -> None:
        self.database = database
        self.writer = writer
        self.in_hand: set[str] = set()
        self._connections: Connections | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looked = self._turned = time.monotonic()
        self._silent_s = SILENT_S + (BUSY_TIMEOUT_MS / 1000 if database.is_sqlite else 0)

    def launch(self, executor_id: str) -> None:
        """Starts executing; to be called in a thread without an event loop of its own.

        Raises DatabaseAway, DatabaseRejection.
        """
        global _active  # noqa: PLW0603 - DBOS calls functions of this module
        _active = self
        self._connections = Connections(self.database, "dbos_transact", self._note)
        self._looked = self._turned = time.monotonic()
        with guarded(self.database):
            DBOS(
                config={
                    "name": "cascade",
                    "application_version": VERSION,
                    "executor_id": executor_id,
                    "log_level": "CRITICAL",
                    "serializer": DBOSPortableJSONSerializer(),
                    "system_database_url": dbos_url(self.database),
                    "system_database_engine": self._connections.engine,
                    "dbos_system_schema": QUEUE_SCHEMA,
                    # Nothing is listened for, but on SQLite a close waits for a sleep of so long.
                    "notification_listener_polling_interval_sec": POLL_S,
                }
            )
            DBOS.launch()
            DBOS.register_queue(QUEUE, polling_interval_sec=POLL_S, worker_concurrency=RUNS_AT_ONCE)

    def is_alive(self) -> bool:
        """True while it looks for work and its steps come to their turn.

        A look that fails is a look: a database that is away is waited for.
        """
        now = time.monotonic()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._turn)
        return now - self._looked < self._silent_s and now - self._turned < STUCK_S

    def cut(self) -> None:
        """Keeps it from the database from now on: its seat is another's."""
        if self._connections is not None:
            self._connections.cut()

    def close(self) -> None:
        """Stops executing at once; what was under way goes on where it is next taken up."""
        try:
            self.writer.close()
            DBOS.destroy()
        finally:
            self.cut()

    def entered(self, workflow_id: str) -> None:
        """A workflow has begun here."""
        self.in_hand.add(workflow_id)
        self._loop = asyncio.get_running_loop()
        self._turn()

    def _note(self) -> None:
        if threading.current_thread().name == f"queue-worker-{QUEUE}":
            self._looked = time.monotonic()

    def _turn(self) -> None:
        self._turned = time.monotonic()


_active: Runner | None = None


def _runner() -> Runner:
    assert _active is not None, "a workflow runs only after a launch"
    return _active


async def _transact(work: Callable[..., Any], *arguments: Any) -> Any:
    return await _runner().database.transact_in_thread(work, *arguments)


def _failure(error: Exception, what: str) -> Reason:
    """What a person is told of an error that no step expects; ours end up in the log."""
    if isinstance(error, CascadeError) and not isinstance(error, DatabaseAway):
        return error.reason
    log.error("%s", what, exc_info=error)
    message = (
        f"Something unexpected went wrong in the program ({type(error).__name__}). This step "
        "was not saved and not charged. Resume tries it again; the log has the details."
    )
    return Reason("internal", message, {"exception": type(error).__name__})


def _take_up(session: Session, run_id: str, writer: Provider) -> list[list[str]]:
    """A run's groups of step keys. Raises WriterNotAllowed."""
    writers.take_up(session, run_id, writer)
    return runs.begin(session, run_id)


async def _begin(run_id: str) -> list[list[str]]:
    try:
        groups: list[list[str]] = await _transact(_take_up, run_id, _runner().writer.provider)
    except Exception as error:
        await _transact(runs.fail, run_id, _failure(error, f"the beginning of run {run_id}"))
        return []
    return groups


async def _finish(run_id: str) -> None:
    try:
        await _transact(runs.finish, run_id)
    except Exception as error:
        await _transact(runs.fail, run_id, _failure(error, f"the end of run {run_id}"))
    # Of all that a run says, its end is what is waited for.
    _runner().database.tell_news()


@DBOS.step(name="beat")
async def _beat(run_id: str, groups: list[list[str]]) -> bool:
    """The steps of a beat, group after group; whether all of them were saved.

    One step of DBOS's: which of them are saved our tables know. What it would write of each group
    besides only keeps the next one waiting.
    """
    for group in groups:
        if any(outcome != "saved" for outcome in await _group(run_id, group)):
            return False
    return True


async def _group(run_id: str, keys: list[str]) -> list[str]:
    """Steps that are written at the same time; what became of each."""
    with _runner().writer.line(run_id, keys) as line:
        # All are waited for, also where one is dropped: none may go on without its workflow.
        outcomes = await asyncio.gather(
            *(_in_line(line, run_id, key) for key in keys), return_exceptions=True
        )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [str(outcome) for outcome in outcomes]


async def _in_line(line: Line, run_id: str, key: str) -> str:
    try:
        return await _step(run_id, key)
    finally:
        # One that was done before, or failed, never came to ask for its place.
        line.go(key)


async def _step(run_id: str, key: str) -> str:
    writer = _runner().writer
    try:
        return await writer.write_step(run_id, key)
    except Exception as error:
        # A fault of ours ends the run with a sentence, not with a run that hangs for ever.
        failure = _failure(error, f"step {key} of run {run_id}")
        return await writer.fail(run_id, key, failure)


@DBOS.workflow(name="cascade")
async def _cascade(run_id: str) -> None:
    """A run from its beginning to its end.

    DBOS is told of beats alone: to begin and to finish a run are harmless to do again, and the
    beats come from its plan, so that whoever takes it up meets the same ones in the same order.
    """
    runner, workflow_id = _runner(), DBOS.workflow_id or ""
    runner.entered(workflow_id)
    try:
        for _, groups in groupby(await _begin(run_id), lambda group: Piece.parse(group[0]).beat):
            if not await _beat(run_id, list(groups)):
                break
        await _finish(run_id)
    finally:
        runner.in_hand.discard(workflow_id)
