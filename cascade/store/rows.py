"""The product's rows as they are read: by our names, with keys as texts, nothing judged yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.product import Product, product_of
from cascade.store.product.wanted import MAPS, SCENE_TEXTS, SCRIPT
from cascade.story.story import Unreadable


@dataclass(slots=True)
class StoryRow:
    """A story as it stands. `maps` are its JSON columns as texts, by our names.

    What `store.pieces` writes is written here, too: the row stays what is in the database as long
    as it is locked.
    """

    id: str
    project_id: str | None
    title: str | None
    language: str | None
    synopsis: str | None
    genre: str | None
    tone: str | None
    structure_type: str | None
    maps: dict[str, str | None]
    # The property of a beat's object that is its text, where the product's owner has named it.
    text_property: str | None


@dataclass(slots=True)
class SceneRow:
    """A scene as it stands; `texts` are its texts as they are kept, by our names.

    `scripts` is how many rows hold its script, its own counted where it is a column.
    `unreadable` says of a text that it is in none or in several places that are a text's.
    """

    id: str
    beat_key: str | None
    number: Any
    texts: dict[str, str | None]
    scripts: int
    unreadable: dict[str, Unreadable]


def story_row(session: Session, story_id: str, *, locked: bool = False) -> StoryRow | None:
    """A story, if it is there; `locked` until the transaction ends, but not its scenes."""
    product = product_of(session)
    row = session.execute(_of_id(product, locked=locked), {"story": story_id}).one_or_none()
    return None if row is None else _story(product, row)


def story_rows(session: Session, story_ids: Collection[str]) -> list[StoryRow]:
    """Several stories, as many of them as are there."""
    product = product_of(session)
    wanted = product.story_rows.where(product.stories["id"].in_(list(story_ids)))
    return [_story(product, row) for row in session.execute(wanted)]


def scenes_by_story(session: Session, story_ids: Collection[str]) -> dict[str, list[SceneRow]]:
    """The scenes of several stories by story, in two statements however many they are."""
    product = product_of(session)
    its = product.scenes
    of_these = its["story_version_id"].in_(list(story_ids))
    asked = session.execute(sa.select(its["id"], its["story_version_id"]).where(of_these))
    story_of: dict[str, str] = dict(list(asked))
    found: dict[str, list[SceneRow]] = {}
    for one in scene_rows(session, product.scene_rows.where(of_these), {}):
        # One that came between the two statements is in no transaction that writes.
        if one.id in story_of:
            found.setdefault(story_of[one.id], []).append(one)
    return found


def _story(product: Product, row: sa.Row[Any]) -> StoryRow:
    values = dict(row._mapping)
    maps = {name: values.pop(name) for name in MAPS if name in values}
    values["language"] = (values["language"] or "").strip() or product.language
    return StoryRow(**values, maps=maps, text_property=product.text_property)


def scene_rows(session: Session, those: sa.Select[Any], asked: Mapping[str, Any]) -> list[SceneRow]:
    """Some scenes (`scenes_of_story`, and what narrows it), each once."""
    product = product_of(session)
    not_text: dict[str, Unreadable] = {
        column: "not_text" for column in SCENE_TEXTS if not product.keeps_text(column)
    }
    found: dict[str, SceneRow] = {}
    for row in session.execute(those, asked):
        there = int(row.script_of is not None)
        if row.id in found:
            found[row.id].scripts += there
            found[row.id].unreadable[SCRIPT] = "kept_twice"
        else:
            texts = {name: row._mapping[name] for name in SCENE_TEXTS}
            found[row.id] = SceneRow(
                row.id, row.beat_key, row.scene_number, texts, there, dict(not_text)
            )
    return list(found.values())


# Statements are made once: making one takes longer than executing it.


@lru_cache(maxsize=16)
def _of_id(product: Product, *, locked: bool) -> sa.Select[Any]:
    wanted = product.story_rows.where(product.stories["id"] == sa.bindparam("story"))
    if locked:
        # Not the key: a new scene's reference to its story waits for nobody.
        wanted = wanted.with_for_update(of=product.stories.table, key_share=True)
    return wanted


@lru_cache(maxsize=16)
def scenes_of_story(product: Product) -> sa.Select[Any]:
    """All scenes of a story, which is given as `story`."""
    return product.scene_rows.where(of_story(product))


def of_story(product: Product) -> sa.ColumnElement[bool]:
    """The scenes of a story, which is given as `story`."""
    return product.scenes["story_version_id"] == sa.bindparam("story")


@lru_cache(maxsize=16)
def shots_of_story(product: Product) -> sa.Select[Any] | None:
    """All shots of a story, which is given as `story`; None where the product keeps none.

    In order, each as its JSON with the id of its scene.
    """
    table = product.shots
    if table is None:
        return None
    shot = table["shot"] if "shot" in table else sa.cast(sa.null(), sa.Text)
    order = [table[name] for name in ("shot_number", "id") if name in table]
    same_scene = product.scenes["id"] == table["scene_plot_id"]
    return (
        sa.select(table["scene_plot_id"], shot)
        .join_from(table.table, product.scenes.table, same_scene)
        .where(of_story(product))
        .order_by(*order)
    )
