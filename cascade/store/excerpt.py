"""What one step reads of a story: its own piece and what its prompt needs, never the whole.

So that a step's cost does not grow with the number of scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.beatmap import snake
from cascade.store.product import Product, product_of
from cascade.store.rows import (
    SceneRow,
    StoryRow,
    of_story,
    scene_rows,
    scenes_of_story,
    shots_of_story,
)
from cascade.store.stories import read_shots, scenes_of, story_of
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
    row: StoryRow
    scenes: Sequence[SceneRow] = ()

    def scene_row(self, scene: Scene | None) -> SceneRow | None:
        """The row of one of its scenes."""
        return next((row for row in self.scenes if scene is not None and row.id == scene.id), None)


def excerpt(session: Session, row: StoryRow, step: Step, *, beside: bool) -> Excerpt:
    """A story with the scenes that a step needs and no others.

    Those are the step's own and whichever has its number; with `beside` also those whose texts its
    prompt carries. All scenes where the product keeps numbers in another way than as numbers.
    Raises UnreadableStory.
    """
    if step.scene_number is None:
        return Excerpt(story_of(row, ()), row)
    product = product_of(session)
    if not product.orders_by_number:
        return _read(session, row)
    wanted = kinds.row(step.kind).beside if beside else ()
    those = _needed(product, siblings="siblings" in wanted, seams="seams" in wanted)
    asked = {"scene": step.scene_id, "number": step.scene_number, **_asked(step.beat_key)}
    found = _read(session, row, those, asked)
    scene = found.story.scene_of(step.piece)
    if "seams" in wanted and scene is not None and _may_miss(found.story, scene):
        return _read(session, row)
    return found


def scenes_of_beat(session: Session, row: StoryRow, beat_key: str) -> Story:
    """A story with all scenes of one beat and no others, and with their shots."""
    product = product_of(session)
    asked = {"story": row.id, **_asked(beat_key)}
    rows = scene_rows(session, _of_one_beat(product), asked)
    shots = read_shots(session, _shots_of_one_beat(product), asked)
    return story_of(row, scenes_of(row, rows, shots))


def _read(
    session: Session,
    row: StoryRow,
    those: sa.Select[Any] | None = None,
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> Excerpt:
    wanted = scenes_of_story(product_of(session)) if those is None else those
    rows = scene_rows(session, wanted, {"story": row.id, **asked})
    return Excerpt(story_of(row, scenes_of(row, rows)), row, rows)


# Statements are made once: making one takes longer than executing it.


@lru_cache(maxsize=64)
def _needed(product: Product, *, siblings: bool, seams: bool) -> sa.Select[Any]:
    """The scenes that a step needs: its own, and those that it reads beside it."""
    scenes, number = product.scenes, sa.bindparam("number", type_=sa.Integer())
    those = [scenes["id"] == sa.bindparam("scene")]
    if siblings:
        those.append(_of_beat(product))
    if seams:
        # With those of its own number. What is asked beside a range keeps SQLite from its index.
        those.append(_around(product, number))
    if not (siblings or seams):
        those.append(_of_beat(product) & (scenes["scene_number"] == number))
    return scenes_of_story(product).where(sa.or_(*those))


@lru_cache(maxsize=16)
def _of_one_beat(product: Product) -> sa.Select[Any]:
    return scenes_of_story(product).where(_of_beat(product))


@lru_cache(maxsize=16)
def _shots_of_one_beat(product: Product) -> sa.Select[Any] | None:
    shots = shots_of_story(product)
    return None if shots is None else shots.where(_of_beat(product))


def _of_beat(product: Product) -> sa.ColumnElement[bool]:
    """The scenes of a beat, given as `_asked`."""
    return product.scenes.text("beat_key").in_([sa.bindparam("beat"), sa.bindparam("snaky")])


def _asked(beat_key: str) -> dict[str, str]:
    return {"beat": beat_key, "snaky": snake(beat_key)}


def _around(product: Product, number: sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    """The scenes of a number, and of the next few numbers below and above it."""
    column = product.scenes["scene_number"]

    def end(there: sa.ColumnElement[bool], order: sa.ColumnElement[int]) -> sa.Subquery:
        return (
            sa.select(column.label("n"))
            .where(of_story(product), there)
            .distinct()
            .order_by(order)
            .limit(_NUMBERS_BESIDE)
            .subquery()
        )

    below, above = end(column < number, column.desc()), end(column > number, column.asc())
    first = sa.select(sa.func.min(below.c.n)).scalar_subquery()
    last = sa.select(sa.func.max(above.c.n)).scalar_subquery()
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
