"""DBOS as the runner: a run is a workflow, a step of a run is a DBOS step.

DBOS remembers where a workflow was and runs it on after a crash. That is all it is trusted with:
whether a step is saved and charged is decided in our own tables (`cascade.runs.steps`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy.orm import Session

from cascade.engine.writing import StepWriter
from cascade.errors import DatabaseAway
from cascade.runs import lifecycle as runs
from cascade.runs.lifecycle import Failure
from cascade.store.database import BUSY_TIMEOUT_MS, Database
from cascade.store.tables import ACTIVE, QUEUE_SCHEMA, Run

log = logging.getLogger("cascade.engine")

# Bumped by hand when the order of steps in the workflow changes; runs of an older version are
# then taken up by a new workflow, which finds in our tables what was saved.
VERSION = "cascade-1"
QUEUE = "runs"
POLL_S = 0.1
# Runs at a time in one process; the model calls among them are limited by `Limits`.
RUNS_AT_ONCE = 32


class Runner:
    """Executes queued runs in this process, from `launch` to `close`. One a process."""

    def __init__(self, database: Database, writer: StepWriter) -> None:
        self.database = database
        self.writer = writer

    def launch(self, executor_id: str) -> None:
        """Starts executing; to be called in a thread without an event loop of its own."""
        global _active
        _active = self
        engine = _engine_for_dbos(self.database)
        DBOS(
            config={
                "name": "cascade",
                "application_version": VERSION,
                "executor_id": executor_id,
                "log_level": "CRITICAL",
                "serializer": DBOSPortableJSONSerializer(),
                "system_database_url": _dbos_url(self.database),
                "system_database_engine": engine,
                "dbos_system_schema": QUEUE_SCHEMA,
            }
        )
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=POLL_S, worker_concurrency=RUNS_AT_ONCE)

    def close(self) -> None:
        """Stops executing at once; what was under way goes on where it is next taken up."""
        self.writer.close()
        DBOS.destroy()


_active: Runner | None = None


def _runner() -> Runner:
    assert _active is not None, "a workflow runs only after a launch"
    return _active


@DBOS.step(name="begin")
async def _begin(run_id: str) -> list[list[str]]:
    return await asyncio.to_thread(_runner().database.transact, runs.begin, run_id)


@DBOS.step(name="finish")
async def _finish(run_id: str) -> None:
    await asyncio.to_thread(_runner().database.transact, runs.finish, run_id)


@DBOS.step(name="step")
async def _step(run_id: str, key: str) -> str:
    try:
        return await _runner().writer.write_step(run_id, key)
    except (DatabaseAway, sa.exc.DBAPIError):
        raise
    except Exception as error:
        # A fault of ours ends the run with a sentence, not with a run that hangs for ever.
        log.exception("step %s of run %s", key, run_id)
        message = (
            f"Something unexpected went wrong in the program ({type(error).__name__}). This step "
            "was not saved and not charged. Resume tries it again; the log has the details."
        )
        failure = Failure("internal", message, {"exception": type(error).__name__})
        return await _runner().writer.fail(run_id, key, failure)


@DBOS.workflow(name="cascade")
async def _cascade(run_id: str) -> None:
    for group in await _begin(run_id):
        # One DBOS step a coroutine: two in one would swap their results when replayed.
        outcomes = await asyncio.gather(*(_step(run_id, key) for key in group))
        if any(outcome != "saved" for outcome in outcomes):
            break
    await _finish(run_id)


class Queue:
    """The runner's queue as others see it: enqueue in a transaction, hand over, reconcile."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._client = DBOSClient(
            system_database_url=_dbos_url(database),
            system_database_engine=_engine_for_dbos(database),
            dbos_system_schema=QUEUE_SCHEMA,
            application_name="cascade",
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
        )

    def is_missing(self) -> bool:
        """True where DBOS has not made its tables yet."""
        with self.database.read() as session:
            inspector = sa.inspect(session.connection())
            schema = None if self.database.is_sqlite else QUEUE_SCHEMA
            return not inspector.has_table("workflow_status", schema=schema)

    def make(self) -> None:
        """Creates DBOS's tables."""
        DBOS.migrate(_dbos_url(self.database), schema=QUEUE_SCHEMA)

    def enqueue(self, session: Session, run_id: str) -> None:
        """Puts a run into the queue when the caller's transaction commits."""
        self._client.enqueue_in_transaction(
            session,
            {
                "queue_name": QUEUE,
                "workflow_name": "cascade",
                "workflow_id": _workflow_id(run_id),
                "app_version": VERSION,
            },
            run_id,
        )

    def executors(self) -> set[str]:
        """The ids of the executors that have unfinished runs in hand, living or dead."""
        pending = self._client.list_workflows(status="PENDING", load_input=False)
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    def take_over(self, executor_ids: Sequence[str]) -> None:
        """Puts the unfinished runs of dead executors back into the queue."""
        if not executor_ids:
            return
        pending = self._client.list_workflows(
            status="PENDING", executor_id=list(executor_ids), load_input=False
        )
        ids = [workflow.workflow_id for workflow in pending]
        if ids:
            log.info("taking over %d unfinished workflows", len(ids))
            self._client.resume_workflows(ids, queue_name=QUEUE)

    def reconcile(self) -> None:
        """Makes the queue agree with the runs' own table, which is the truth.

        An active run without a workflow gets one; one whose workflow has ended otherwise is
        ended; a workflow of an older version is replaced by one of this version.
        """
        with self.database.read() as session:
            active = session.scalars(sa.select(Run.id).where(Run.status.in_(ACTIVE))).all()
        for run_id in active:
            workflows = {
                one.workflow_id: one.status
                for one in self._client.list_workflows(
                    workflow_id_prefix=f"{run_id}@", load_input=False
                )
            }
            mine = workflows.pop(_workflow_id(run_id), None)
            for other, status in workflows.items():
                if status in ("PENDING", "ENQUEUED"):
                    self._client.cancel_workflow(other)
            if mine is None:
                self.database.transact(self.enqueue, run_id)
            elif mine not in ("PENDING", "ENQUEUED", "DELAYED"):
                self.database.transact(runs.finish, run_id)

    def close(self) -> None:
        """Gives back connections."""
        self._client.destroy()


def _workflow_id(run_id: str) -> str:
    return f"{run_id}@{VERSION}"


def _dbos_url(database: Database) -> str:
    url = database.url
    if not database.is_sqlite:
        url = url.set(drivername="postgresql")  # DBOS brings a driver of its own.
    return url.render_as_string(hide_password=False)


def _engine_for_dbos(database: Database) -> sa.Engine | None:
    """DBOS's own engine on the app's SQLite file; on Postgres it makes one itself.

    Not the app's engine: DBOS begins its transactions by itself, and does so in its migrations.
    """
    if not database.is_sqlite:
        return None
    engine = sa.create_engine(database.url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    return engine
