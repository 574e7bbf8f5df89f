"""The runner's queue as others see it: enqueue in a transaction, hand over, reconcile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.engine.connections import Connections, dbos_url, guarded
from cascade.runs import lifecycle as runs
from cascade.store.database import Database
from cascade.store.tables import ACTIVE, QUEUE_SCHEMA, Run

if TYPE_CHECKING:
    # Imported where it is used: who only reads or plans need not wait for it.
    from dbos import DBOSClient, WorkflowStatus

log = logging.getLogger("cascade.engine")

# Bumped by hand when the order of steps in the workflow changes; runs of an older version are
# then taken up by a new workflow, which finds in our tables what was saved.
VERSION = "cascade-4"
QUEUE = "runs"
# A run that nobody has in hand is taken up after so long: it may just be changing hands.
DROPPED_S = 3.0
# A run whose workflow ends without ending it gets another at once, some times; then more slowly.
PROMPT_ATTEMPTS = 3
ATTEMPT_EVERY_S = 10.0
# So many in a row of which not one brought the run any further, and it is ended.
ATTEMPTS_IN_VAIN = 10


@dataclass(slots=True)
class _Watched:
    """What one executor remembers of a run between two looks."""

    dropped_since: float | None = None
    tried_at: float = 0.0
    tries: int = 0
    last_seq: int = -1


class Queue:
    """The queue of one process. What asks the database raises DatabaseAway while it is away."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._opened: tuple[DBOSClient, Connections] | None = None
        self._opening = threading.Lock()
        self._watched: dict[str, _Watched] = {}

    def is_missing(self) -> bool:
        """True where DBOS has not made its tables yet."""
        with self.database.read() as session:
            inspector = sa.inspect(session.connection())
            schema = None if self.database.is_sqlite else QUEUE_SCHEMA
            return not inspector.has_table("workflow_status", schema=schema)

    def make(self) -> None:
        """Creates DBOS's tables."""
        from dbos import DBOS

        DBOS.migrate(dbos_url(self.database), schema=QUEUE_SCHEMA)

    def get_ready(self) -> None:
        """Makes what `enqueue` needs; it connects to nothing."""
        _ = self._client

    def enqueue(self, session: Session, run_id: str) -> None:
        """Puts a new run into the queue when the caller's transaction commits."""
        self._enqueue(session, run_id, 1)

    def executors(self) -> set[str]:
        """The ids of the executors that have unfinished runs in hand, living or dead."""
        pending = self._workflows(status="PENDING")
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    def take_over(self, executor_ids: Sequence[str]) -> None:
        """Puts the unfinished runs of dead executors back into the queue."""
        if not executor_ids:
            return
        pending = self._workflows(status="PENDING", executor_id=list(executor_ids))
        self._resume([workflow.workflow_id for workflow in pending])

    def reconcile(
        self,
        executor_id: str | None = None,
        in_hand: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """Makes the queue agree with the runs' own table, which is the truth.

        An active run without a workflow gets one, and so does one whose workflow has ended
        without ending it, as an outage makes it. A workflow that counts as this executor's but is
        not `in_hand` was dropped, and goes back into the queue. One of an older version is
        replaced by one of this version.
        """
        with self.database.read() as session:
            wanted = sa.select(Run.id, Run.last_seq).where(Run.status.in_(ACTIVE))
            active = {row.id: row.last_seq for row in session.execute(wanted)}
        for run_id in self._watched.keys() - active.keys():
            del self._watched[run_id]
        if not active:
            return
        found: dict[str, list[WorkflowStatus]] = {run_id: [] for run_id in active}
        for one in self._workflows(workflow_id_prefix=[f"{run_id}@" for run_id in active]):
            found[one.workflow_id.split("@")[0]].append(one)
        for run_id, workflows in found.items():
            watched = self._watched.setdefault(run_id, _Watched())
            last = self._last(workflows)
            if last is None:
                self.database.transact(self._enqueue_again, run_id, 1, patience_s=0)
            elif last.status == "PENDING":
                mine = last.executor_id == executor_id and last.workflow_id not in in_hand()
                self._take_up(last.workflow_id, watched, dropped=mine)
            elif last.status not in ("ENQUEUED", "DELAYED"):
                self._try_again(run_id, _attempt(last.workflow_id), watched, active[run_id])

    def close(self) -> None:
        """Gives back connections."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].destroy()
            opened[1].cut()

    @property
    def _client(self) -> DBOSClient:
        with self._opening:
            if self._opened is None:
                connections = Connections(self.database, "dbos_transact_client")
                self._opened = _client(self.database, connections), connections
            return self._opened[0]

    def _last(self, workflows: list[WorkflowStatus]) -> WorkflowStatus | None:
        """The newest workflow of a run in this version; those of another are cancelled."""
        own = []
        for one in workflows:
            if one.workflow_id.split("@")[1].split("#")[0] == VERSION:
                own.append(one)
            elif one.status in ("PENDING", "ENQUEUED"):
                with guarded(self.database):
                    self._client.cancel_workflow(one.workflow_id)
        return max(own, key=lambda one: _attempt(one.workflow_id), default=None)

    def _take_up(self, workflow_id: str, watched: _Watched, *, dropped: bool) -> None:
        """Puts a workflow back into the queue that nobody has had in hand for some seconds."""
        now = time.monotonic()
        if not dropped:
            watched.dropped_since = None
        elif watched.dropped_since is None:
            watched.dropped_since = now
        elif now - watched.dropped_since > DROPPED_S:
            watched.dropped_since = None
            self._resume([workflow_id])

    def _try_again(self, run_id: str, attempt: int, watched: _Watched, last_seq: int) -> None:
        """Gives a run another workflow; ends it where workflow after workflow came to nothing."""
        if last_seq > watched.last_seq:
            watched.tries, watched.last_seq = 0, last_seq
        now = time.monotonic()
        if watched.tries >= PROMPT_ATTEMPTS and now - watched.tried_at < ATTEMPT_EVERY_S:
            return
        if watched.tries >= ATTEMPTS_IN_VAIN:
            log.error("run %s: %d workflows in a row ended without it", run_id, watched.tries)
            self.database.transact(runs.finish, run_id, patience_s=0)
            return
        log.info("run %s goes on as its workflow %d", run_id, attempt + 1)
        self.database.transact(self._enqueue_again, run_id, attempt + 1, patience_s=0)
        watched.tries, watched.tried_at = watched.tries + 1, now

    def _enqueue_again(self, session: Session, run_id: str, attempt: int) -> None:
        run = runs.lock_run(session, run_id)
        if run.status == "cancelling":
            runs.finish(session, run_id)
        elif run.status in ACTIVE:
            self._enqueue(session, run_id, attempt)

    def _enqueue(self, session: Session, run_id: str, attempt: int) -> None:
        self._client.enqueue_in_transaction(
            session,
            {
                "queue_name": QUEUE,
                "workflow_name": "cascade",
                "workflow_id": _workflow_id(run_id, attempt),
                "app_version": VERSION,
            },
            run_id,
        )

    def _resume(self, workflow_ids: list[str]) -> None:
        if workflow_ids:
            log.info("taking up %d unfinished workflows", len(workflow_ids))
            with guarded(self.database):
                self._client.resume_workflows(workflow_ids, queue_name=QUEUE)

    def _workflows(self, **wanted: Any) -> list[WorkflowStatus]:
        with guarded(self.database):
            return self._client.list_workflows(load_input=False, load_output=False, **wanted)


def _client(database: Database, connections: Connections) -> DBOSClient:
    from dbos import DBOSClient, DBOSPortableJSONSerializer

    return DBOSClient(
        system_database_url=dbos_url(database),
        system_database_engine=connections.engine,
        dbos_system_schema=QUEUE_SCHEMA,
        application_name="cascade",
        serializer=DBOSPortableJSONSerializer(),
        lazy=True,
        retry_connection_errors=False,
    )


def _workflow_id(run_id: str, attempt: int) -> str:
    return f"{run_id}@{VERSION}" + (f"#{attempt}" if attempt > 1 else "")


def _attempt(workflow_id: str) -> int:
    """Which of its run's workflows it is, from 1."""
    return int(workflow_id.partition("#")[2] or 1)
