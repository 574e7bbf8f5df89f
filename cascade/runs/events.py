"""The events of a run: appended in the transaction of what they report, read by everybody alike."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import Run, RunEvent


def append(session: Session, run: Run, body: dict[str, Any], once: str | None = None) -> None:
    """Writes the next event of a run, whose row must be locked.

    With `once`, an event of that name that is there already is not written again.
    """
    if once is not None:
        wanted = sa.select(RunEvent.seq).where(RunEvent.run_id == run.id, RunEvent.once == once)
        if session.scalar(wanted) is not None:
            return
    run.last_seq += 1
    session.add(RunEvent(run_id=run.id, seq=run.last_seq, once=once, body=body))
    session.flush()


def read(session: Session, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """The events of a run with a `seq` above `after`, in order, as the surfaces show them."""
    rows = session.scalars(
        sa.select(RunEvent)
        .where(RunEvent.run_id == run_id, RunEvent.seq > after)
        .order_by(RunEvent.seq)
    )
    return [{**row.body, "seq": row.seq, "runId": run_id, "at": row.at.isoformat()} for row in rows]


def is_end(event: dict[str, Any]) -> bool:
    """True for the one event that a run ends with."""
    return event["type"] in ("done", "cancelled", "error")
