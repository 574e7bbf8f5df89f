"""The plan of a run, read once a process: what a run is to do never changes."""

from __future__ import annotations

from threading import Lock

from cascade.store.tables import Run
from cascade.story.plan import Plan

# More runs than one process executes at a time.
_KEPT = 64

_plans: dict[str, Plan] = {}
_turn = Lock()


def plan_of(run: Run) -> Plan:
    """The plan of a run; asks the database for it where it was not read here before."""
    found = _plans.get(run.id)
    if found is not None:
        return found
    plan = Plan.from_json(run.plan)
    with _turn:
        _plans[run.id] = plan
        while len(_plans) > _KEPT:
            del _plans[next(iter(_plans))]
    return plan
