"""The events of a run: appended in the transaction of what they report, read by everybody alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from cascade.store.tables import Base, Run, RunEvent, now

# Statements are made once: making one takes longer than executing it. They name tables: classes
# would make a statement of their own of rows without a `once`, and a flush of a count.
_RUNS = Base.metadata.tables[Run.__tablename__]
_EVENTS = Base.metadata.tables[RunEvent.__tablename__]
_NEW = sa.insert(_EVENTS)
_COUNTED = (
    sa.update(_RUNS)
    .where(_RUNS.c.id == sa.bindparam("run"))
    .values(last_seq=sa.bindparam("seq", type_=sa.Integer()))
)
# Which of some names of events a run has written already.
TOLD = sa.select(_EVENTS.c.once).where(
    _EVENTS.c.run_id == sa.bindparam("run"),
    _EVENTS.c.once.in_(sa.bindparam("names", expanding=True)),
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
    seq = append_all(session, run.id, run.last_seq, [Event(body, once)], known)
    set_committed_value(run, "last_seq", seq)


def append_all(
    session: Session,
    run_id: str,
    last_seq: int,
    events: Sequence[Event],
    told: Collection[str | None] = (),
) -> int:
    """Writes the next events of a run, not those that are `told`; the seq of the last one then.

    The run's row must be locked, and `last_seq` as it stands there.
    """
    new = [event for event in events if event.once is None or event.once not in told]
    if not new:
        return last_seq
    rows = [
        {"run_id": run_id, "seq": seq, "once": event.once, "body": event.body, "at": now()}
        for seq, event in enumerate(new, last_seq + 1)
    ]
    session.execute(_NEW, rows)
    seq = last_seq + len(new)
    session.execute(_COUNTED, {"run": run_id, "seq": seq})
    return seq


def read(
    session: Session, run_id: str, after: int = 0, limit: int | None = None
) -> list[dict[str, Any]]:
    """The events of a run with a `seq` above `after`, in order, as the surfaces show them.

    With a `limit` the first so many of them.
    """
    wanted = _after(1)
    if limit is not None:
        wanted = wanted.limit(limit)
    return [_shown(row) for row in session.execute(wanted, {"run_0": run_id, "seq_0": after})]


def read_all(session: Session, after: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
    """The same of several runs, each with its own `after`, in one statement."""
    asked: dict[str, Any] = {}
    for n, (run_id, seq) in enumerate(after.items()):
        asked |= {f"run_{n}": run_id, f"seq_{n}": seq}
    found: dict[str, list[dict[str, Any]]] = {}
    for row in session.execute(_after(len(after)), asked):
        found.setdefault(row.run_id, []).append(_shown(row))
    return found


@lru_cache(maxsize=64)
def _after(runs: int) -> sa.Select[Any]:
    """The events of so many runs, of each those after a seq, in order."""
    columns = _EVENTS.c
    of_each = [
        sa.and_(columns.run_id == sa.bindparam(f"run_{n}"), columns.seq > sa.bindparam(f"seq_{n}"))
        for n in range(runs)
    ]
    wanted = sa.select(columns.run_id, columns.seq, columns.at, columns.body)
    return wanted.where(sa.or_(*of_each)).order_by(columns.seq)


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    return {**row.body, "seq": row.seq, "runId": row.run_id, "at": row.at.isoformat()}


def is_end(event: dict[str, Any]) -> bool:
    """True for the one event that a run ends with."""
    return event["type"] in ("done", "cancelled", "error", "rejected")
