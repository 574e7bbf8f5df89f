"""Runs that are written and in nobody's queue: whoever measures or counts takes their steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cascade.runs import lifecycle as runs
from cascade.service import Actor, Service
from cascade.store.accounts import open_account
from cascade.store.inserting import insert_story
from cascade.story.plan import Plan
from cascade.story.story import Story


def start_unqueued(service: Service, actor: Actor, plan: Plan) -> str:
    """Starts a run of a plan that no executor will take up; its id."""
    project_id = service.operator().story(plan.story_id).project_id
    with service.database.write() as session:
        return runs.start(
            session,
            plan,
            user_id=actor.user_id,
            account_id=open_account(session, actor, project_id).id,
            provider="offline",
            model="pretended",
            enqueue=lambda _session, _run_id: None,
        )


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
