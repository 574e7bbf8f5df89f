"""What one step reads of a story: its own piece and what its prompt needs, never the whole.

So that a step's cost does not grow with the number of scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.beatmap import snake
from cascade.store.product import product_of
from cascade.store.stories import read_shots, scenes_of, story_of
from cascade.store.tables import ScenePlot, StoryVersion
from cascade.story import kinds
from cascade.story.plan import Step, neighbours
from cascade.story.story import Scene, Story

# How many numbers on each side of a scene are looked at for the scenes before and after it: those
# right beside it may have no place in the story's order.
_NUMBERS_BESIDE = 3


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A story with some of its scenes and without shots, and the rows that it is of."""

    story: Story
    row: StoryVersion
    scenes: Sequence[ScenePlot] = ()

    def scene_row(self, scene: Scene | None) -> ScenePlot | None:
        """The row of one of its scenes."""
        return next((row for row in self.scenes if scene is not None and row.id == scene.id), None)


def excerpt(session: Session, row: StoryVersion, step: Step, *, beside: bool) -> Excerpt:
    """A story with the scenes that a step needs and no others.

    Those are the step's own and whichever has its number; with `beside` also those whose texts its
    prompt carries. All scenes where the product keeps numbers in another way than as numbers.
    Raises UnreadableStory.
    """
    if step.scene_number is None:
        return Excerpt(story_of(row, ()), row)
    if not product_of(session).keeps_number("scene_plots", "scene_number"):
        return _read(session, row)
    wanted = kinds.row(step.kind).beside if beside else ()
    those = _needed(siblings="siblings" in wanted, seams="seams" in wanted)
    asked = {"scene": step.scene_id, "number": step.scene_number, **_asked(step.beat_key)}
    found = _read(session, row, those, asked)
    scene = found.story.scene_of(step.piece)
    if "seams" in wanted and scene is not None and _may_miss(found.story, scene):
        return _read(session, row)
    return found


def scenes_of_beat(session: Session, row: StoryVersion, beat_key: str) -> Story:
    """A story with all scenes of one beat and no others, and with their shots."""
    spelled = ScenePlot.beat_key.in_(sorted({beat_key, snake(beat_key)}))
    of_beat = sa.and_(ScenePlot.story_version_id == row.id, spelled)
    rows = session.scalars(sa.select(ScenePlot).where(of_beat)).all()
    return story_of(row, scenes_of(session, row, rows, read_shots(session, of_beat)))


def _read(
    session: Session,
    row: StoryVersion,
    those: sa.Select[ScenePlot] | None = None,
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> Excerpt:
    wanted = _OF_STORY if those is None else those
    rows = session.scalars(wanted, {"story": row.id, **asked}).all()
    return Excerpt(story_of(row, scenes_of(session, row, rows)), row, rows)


# Statements are made once: making one takes longer than executing it.

_OF_STORY = sa.select(ScenePlot).where(ScenePlot.story_version_id == sa.bindparam("story"))


@cache
def _needed(*, siblings: bool, seams: bool) -> sa.Select[ScenePlot]:
    """The scenes that a step needs: its own, and those that it reads beside it."""
    number = sa.bindparam("number", type_=sa.Integer())
    own = [ScenePlot.id == sa.bindparam("scene"), _of_beat() & (ScenePlot.scene_number == number)]
    if siblings:
        own.append(_of_beat())
    if seams:
        own.append(_around(number))
    return _OF_STORY.where(sa.or_(*own))


def _of_beat() -> sa.ColumnElement[bool]:
    """The scenes of a beat, given as `_asked`."""
    return ScenePlot.beat_key.in_([sa.bindparam("beat"), sa.bindparam("snaky")])


def _asked(beat_key: str) -> dict[str, str]:
    return {"beat": beat_key, "snaky": snake(beat_key)}


def _around(number: sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    """The scenes of a number, and of the next few numbers below and above it."""
    column = ScenePlot.scene_number

    def end(there: sa.ColumnElement[bool], order: sa.ColumnElement[int]) -> sa.Subquery:
        return (
            sa.select(column)
            .where(ScenePlot.story_version_id == sa.bindparam("story"), there)
            .distinct()
            .order_by(order)
            .limit(_NUMBERS_BESIDE)
            .subquery()
        )

    below, above = end(column < number, column.desc()), end(column > number, column.asc())
    first = sa.select(sa.func.min(below.c.scene_number)).scalar_subquery()
    last = sa.select(sa.func.max(above.c.scene_number)).scalar_subquery()
    return column.between(sa.func.coalesce(first, number), sa.func.coalesce(last, number))


def _may_miss(story: Story, scene: Scene) -> bool:
    """Whether a scene has no neighbour on a side where the story may have one further away."""
    before, after = neighbours(story, scene)
    there = [one.number for one in story.scenes if one.number is not None]
    assert scene.number is not None
    below = {number for number in there if number < scene.number}
    above = {number for number in there if number > scene.number}
    return (before is None and len(below) >= _NUMBERS_BESIDE) or (
        after is None and len(above) >= _NUMBERS_BESIDE
    )
