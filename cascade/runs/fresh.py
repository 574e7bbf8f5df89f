"""Whether a plan still holds, and whether its story is free: what a start and an approval ask."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import RunActive, StalePlan
from cascade.store import made
from cascade.store.tables import ACTIVE, Run
from cascade.story import stale
from cascade.story.plan import Plan, make_plan, stale_part
from cascade.story.story import Part, Story


def check_free(session: Session, story_id: str) -> None:
    """Raises RunActive where a run is at work on a story."""
    active = session.scalar(
        sa.select(Run.id).where(Run.story_version_id == story_id, Run.status.in_(ACTIVE))
    )
    if active is not None:
        raise RunActive(active)


def changed_since(
    plan: Plan, story: Story, marked: Callable[[], Collection[str]], *, resumed: bool
) -> Part | None:
    """The first part of a story that is no longer what a plan was made from; None if all is.

    `marked` gives the keys of what is out of date today; it is asked only where it matters.
    """
    changed = stale_part(plan, story)
    if changed is not None or resumed:
        return changed
    # Made again from the story as it is now, it must come out the same: a scene added under
    # a changed beat is no text that `stale_part` could compare.
    staying = {change.beat_key for change in plan.changes if change.stays}
    again = make_plan(
        story,
        {change.beat_key: change.new_level for change in plan.changes},
        directions={change.beat_key: change.direction for change in plan.changes},
        stale=stale.rewritable(marked(), staying) if staying else [],
        exclusions=plan.exclusions,
        prompt_version=plan.prompt_version,
    )
    if again.hash == plan.hash:
        return None
    same = [step.key for step in again.steps] == [step.key for step in plan.steps]
    return Part("marks" if staying and not same else "scenes")


def check_fresh(session: Session, plan: Plan, story: Story, *, resumed: bool) -> None:
    """Raises StalePlan where a story is not the one that a plan was made from any more."""
    changed = changed_since(plan, story, lambda: made.out_of_date(session, story), resumed=resumed)
    if changed is not None:
        raise StalePlan(changed.describe(story.structure), **changed.fields)
