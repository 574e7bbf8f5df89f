"""The plan of a run, read once a process: what a run is to do never changes."""

from __future__ import annotations

from threading import Lock

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import Run
from cascade.story.plan import Plan

# More runs than one process executes at a time.
_KEPT = 64

_plans: dict[str, Plan] = {}
_turn = Lock()


def plan_of(session: Session, run_id: str) -> Plan:
    """The plan of a run that is there; asks the database where it was not read here before."""
    found = _plans.get(run_id)
    if found is not None:
        return found
    stored = session.execute(sa.select(Run.plan).where(Run.id == run_id)).scalar_one()
    plan = Plan.from_json(stored)
    with _turn:
        _plans[run_id] = plan
        while len(_plans) > _KEPT:
            del _plans[next(iter(_plans))]
    return plan
