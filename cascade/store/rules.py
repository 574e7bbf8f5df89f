"""What a project allows: threshold, budget, time zone and writers; set with an entry in the audit.

A project of which nothing was ever set allows everything, and its months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store import audit
from cascade.store.audit import Deed, Entry
from cascade.store.tables import Base, ProjectRules

Rule = Literal["approve_above", "budget", "time_zone", "writers"]
# In the order in which the audit is told.
_DEEDS: Mapping[Rule, Deed] = {
    "approve_above": "project.threshold",
    "budget": "project.budget",
    "time_zone": "project.zone",
    "writers": "project.writers",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a project allows: None is no threshold, no budget, any writer.

    A run whose price is above `approve_above` needs a request. `budget` is what runs may use in a
    month, which begins and ends in `time_zone`. `writers` are names of servers, or `offline`.
    """

    approve_above: int | None = None
    budget: int | None = None
    time_zone: str = "UTC"
    writers: tuple[str, ...] | None = None


NONE_SET = Rules()
_TABLE = Base.metadata.tables[ProjectRules.__tablename__]
_COLUMNS = [_TABLE.c[name] for name in get_args(Rule)]
_OF_ONE = sa.select(*_COLUMNS).where(_TABLE.c.project_id == sa.bindparam("project"))
_LOCKED = _OF_ONE.with_for_update()


def of(session: Session, project_id: str) -> Rules:
    """What is set for a project."""
    return _rules(session.execute(_OF_ONE, {"project": project_id}).one_or_none())


def lock(session: Session, project_id: str) -> Rules:
    """The same, locked until the transaction ends, where anything was ever set."""
    return _rules(session.execute(_LOCKED, {"project": project_id}).one_or_none())


def of_all(session: Session, projects: Collection[str]) -> Mapping[str, Rules]:
    """What is set for each of some projects, by project; in one statement."""
    wanted = sa.select(_TABLE.c.project_id, *_COLUMNS).where(
        _TABLE.c.project_id.in_(list(projects))
    )
    found = {row[0]: _rules(row[1:]) for row in session.execute(wanted)}
    return {one: found.get(one, NONE_SET) for one in projects}


def change(
    session: Session, project_id: str, values: Mapping[str, Any], by: str | None
) -> tuple[Rules, Rules]:
    """Sets some of a project's rules; what was set before, and what is now.

    Each that becomes another is told to the audit.
    """
    _make(session, project_id)
    before = lock(session, project_id)
    is_other = {name: value for name, value in values.items() if value != getattr(before, name)}
    if not is_other:
        return before, before
    session.execute(sa.update(_TABLE).where(_TABLE.c.project_id == project_id).values(is_other))
    after = lock(session, project_id)
    audit.write(
        session,
        *(
            Entry(deed, project_id, by, project_id, getattr(before, name), getattr(after, name))
            for name, deed in _DEEDS.items()
            if name in is_other
        ),
    )
    return before, after


def _make(session: Session, project_id: str) -> None:
    """Sees that a project has a row, which can be locked."""
    if session.execute(_OF_ONE, {"project": project_id}).one_or_none() is not None:
        return
    try:
        with session.begin_nested():
            session.add(ProjectRules(project_id=project_id, time_zone=NONE_SET.time_zone))
    except sa.exc.IntegrityError:
        pass  # Another transaction has made it in the same moment.


def _rules(row: Any) -> Rules:
    if row is None:
        return NONE_SET
    approve_above, budget, time_zone, writers = row
    return Rules(approve_above, budget, time_zone, None if writers is None else tuple(writers))
