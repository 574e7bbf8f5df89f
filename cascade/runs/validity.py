"""Whether a request still holds: its age, what it resumes, and what its plan was made from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cascade.errors import RequestExpired, RequestVoid, UnreadablePieces
from cascade.runs.fresh import changed_since
from cascade.store.tables import now
from cascade.story.plan import Plan
from cascade.story.story import Part, Story

# Why a request has come to its end without anybody's decision.
Over = RequestVoid | RequestExpired


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long a request is kept, in days, and the version of the prompts that it must be for."""

    days: int
    prompt_version: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Of a request to resume: the run whose rest it is, and what has become of that since."""

    resumes: str
    resumed_by: str | None
    is_restored: bool


def is_overdue(asked_at: datetime, days: int) -> bool:
    """Whether a request of an instant has waited as long as it may."""
    return now() >= asked_at + timedelta(days=days)


def why_over(
    run_id: str,
    asked_at: datetime,
    plan: Plan,
    rest: Rest | None,
    story: Story | Part | None,
    marked: Callable[[], Collection[str]],
    keeping: Keeping,
) -> Over | None:
    """Why a request can be approved no more; None where it can.

    `story` is as it is now: None where it is gone, and the part of it that keeps it from being
    read. `marked` gives the keys of what is out of date.
    """
    if is_overdue(asked_at, keeping.days):
        return RequestExpired(run_id, keeping.days)
    if story is None:
        return RequestVoid(run_id, "the story was deleted", cause="story_gone")
    if rest is not None and rest.resumed_by is not None:
        later = rest.resumed_by
        return RequestVoid(run_id, f"run {later} has resumed it", cause="resumed", later=later)
    if rest is not None and rest.is_restored:
        return RequestVoid(run_id, "what it would resume was restored", cause="restored")
    if plan.prompt_version != keeping.prompt_version:
        return RequestVoid(run_id, "the writer", cause="writer")
    changed: Part | None
    if isinstance(story, Part):
        changed, structure = story, None
    else:
        structure = story.structure
        try:
            changed = changed_since(plan, story, marked, resumed=rest is not None)
        except UnreadablePieces as error:
            key = next(iter(error.fields["pieces"]))
            changed = Part("header") if key == "language" else Part("piece", key)
    if changed is None:
        return None
    what = changed.describe(structure) if structure else "its structure"
    return RequestVoid(run_id, what, **changed.fields)
