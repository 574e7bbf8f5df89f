"""Runs that are written and in nobody's queue: whoever measures or counts takes their steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.orm import Session

from cascade.runs import lifecycle as runs
from cascade.runs.lifecycle import Enqueue, Entry
from cascade.service import Actor, Service
from cascade.store.accounts import open_account
from cascade.store.inserting import insert_story
from cascade.store.tables import Run
from cascade.story.plan import Plan
from cascade.story.story import Story


def _in_no_queue(_session: Session, _run_id: str) -> None:
    pass


def start_run(
    session: Session,
    plan: Plan,
    user_id: str,
    account_id: str,
    *,
    enqueue: Enqueue = _in_no_queue,
    resumed_from: Run | None = None,
) -> str:
    """Starts a run of a plan that needs nobody's decision; its id.

    Raises what stands in its way: then nothing is written.
    """
    runs.check(session, plan, resumed=resumed_from is not None)
    entry = Entry(user_id, account_id, "offline", "pretended")
    return runs.enter(session, plan, entry, enqueue, resumed_from=resumed_from)


def start_unqueued(service: Service, actor: Actor, plan: Plan) -> str:
    """Starts a run of a plan that no executor will take up; its id."""
    project_id = service.operator().story(plan.story_id).project_id
    with service.database.write() as session:
        account_id = open_account(session, actor, project_id).id
        return start_run(session, plan, actor.user_id, account_id)


def add_story(service: Service, story: Story) -> Story:
    """Adds a story that reads as another, to its project; the new one as it is kept."""
    with service.database.write() as session:
        story_id = insert_story(session, story.project_id, story)
    return service.operator().story(story_id)


def long_story(sample: Story, scenes: int, but: Collection[str]) -> Story:
    """A story with more scenes, up to so many, under other beats than these."""
    others = [beat for beat in sample.structure.keys if beat not in but]
    more = [
        replace(
            sample.scenes[n % len(sample.scenes)],
            number=100 + n,
            beat_key=others[n % len(others)],
        )
        for n in range(scenes - len(sample.scenes))
    ]
    return replace(sample, scenes=(*sample.scenes, *more))
