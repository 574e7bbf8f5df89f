"""The events of a run: appended in the transaction of what they report, read by everybody alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from cascade.store.tables import Base, Run, RunEvent, now

# Statements are made once: making one takes longer than executing it. They name tables: classes
# would make a statement of their own of rows without a `once`, and a flush of a count.
_RUNS = Base.metadata.tables[Run.__tablename__]
_NEW = sa.insert(Base.metadata.tables[RunEvent.__tablename__])
_COUNTED = (
    sa.update(_RUNS)
    .where(_RUNS.c.id == sa.bindparam("run"))
    .values(last_seq=sa.bindparam("seq", type_=sa.Integer()))
)
# Which of some names of events a run has written already.
TOLD = sa.select(RunEvent.once).where(
    RunEvent.run_id == sa.bindparam("run"),
    RunEvent.once.in_(sa.bindparam("names", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says; `once` names one that may be written once a run only."""

    body: dict[str, Any]
    once: str | None = None


def append(session: Session, run: Run, body: dict[str, Any], once: str | None = None) -> None:
    """Writes the next event of a run, whose row must be locked.

    With `once`, an event of that name that is there already is not written again.
    """
    known: Sequence[str | None] = ()
    if once is not None:
        known = session.scalars(TOLD, {"run": run.id, "names": [once]}).all()
    append_all(session, run, [Event(body, once)], known)


def append_all(
    session: Session, run: Run, events: Sequence[Event], told: Collection[str | None] = ()
) -> None:
    """Writes the next events of a run, whose row must be locked, not those that are `told`."""
    new = [event for event in events if event.once is None or event.once not in told]
    if not new:
        return
    rows = [
        {"run_id": run.id, "seq": seq, "once": event.once, "body": event.body, "at": now()}
        for seq, event in enumerate(new, run.last_seq + 1)
    ]
    session.execute(_NEW, rows)
    seq = run.last_seq + len(new)
    session.execute(_COUNTED, {"run": run.id, "seq": seq})
    set_committed_value(run, "last_seq", seq)


def read(
    session: Session, run_id: str, after: int = 0, limit: int | None = None
) -> list[dict[str, Any]]:
    """The events of a run with a `seq` above `after`, in order, as the surfaces show them.

    With a `limit` the first so many of them.
    """
    rows = session.scalars(
        sa.select(RunEvent)
        .where(RunEvent.run_id == run_id, RunEvent.seq > after)
        .order_by(RunEvent.seq)
        .limit(limit)
    )
    return [_shown(row) for row in rows]


def read_all(session: Session, after: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
    """The same of several runs, each with its own `after`, in one statement."""
    wanted = [
        sa.and_(RunEvent.run_id == run_id, RunEvent.seq > seq) for run_id, seq in after.items()
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    rows = session.scalars(sa.select(RunEvent).where(sa.or_(*wanted)).order_by(RunEvent.seq))
    for row in rows:
        found.setdefault(row.run_id, []).append(_shown(row))
    return found


def _shown(row: RunEvent) -> dict[str, Any]:
    return {**row.body, "seq": row.seq, "runId": row.run_id, "at": row.at.isoformat()}


def is_end(event: dict[str, Any]) -> bool:
    """True for the one event that a run ends with."""
    return event["type"] in ("done", "cancelled", "error")
