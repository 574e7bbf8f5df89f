"""New rows in the product's tables: what is known is filled, all else is the product's to give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import NotWritten, UnknownStructure
from cascade.store.ids import new_id
from cascade.store.product import Kept, product_of
from cascade.store.product.wanted import HEADER, LEVELS, SCRIPT
from cascade.story import kinds
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS
from cascade.story.story import Story
from cascade.story.structures import STRUCTURES


def insert_row(session: Session, table: Kept, given: Mapping[str, Any]) -> str:
    """Adds a row, of what is given those of our names that the table has; its id, if it has one.

    Raises NotWritten where the database takes it and has no row afterwards.
    """
    values = {
        table[ours]: table.stored(ours, value) for ours, value in given.items() if ours in table
    }
    own = table.own_id(new_id())
    if own is not None:
        values[table["id"]] = own
    key = table["id"] if "id" in table else sa.literal("")
    added = sa.insert(table.table).values(values).returning(key)
    ids = session.scalars(added).all()
    if len(ids) != 1:
        raise NotWritten(table.name)
    return str(ids[0])


def cannot_fill(session: Session) -> list[str]:
    """The columns, as `table.column`, that keep a new story from being made in these tables."""
    product = product_of(session)
    id_ = product.projects["id"]
    has_project = session.scalar(sa.select(sa.select(id_).exists()))
    return product.cannot_fill(project=not has_project)


def insert_story(session: Session, project_id: str, story: Story) -> str:
    """Writes a story as a new one; the ids it may carry are ignored. Returns its new id.

    Raises UnknownStructure where the product's tables keep no stories of its structure.
    """
    product = product_of(session)
    kept = [one for one in STRUCTURES if product.keeps(one)]
    if story.structure_type not in kept:
        raise UnknownStructure(story.structure_type, kept)
    maps = {LEVELS: dict(story.levels)}
    texts = {
        f"{story.structure_type}_{kinds.row(kind).kept}": dict(story.texts.get(kind, {}))
        for kind in BEAT_KINDS
    }
    story_id = insert_row(
        session,
        product.stories,
        {
            "project_id": project_id,
            **{name: getattr(story, name) for name in HEADER},
            "structure_type": story.structure_type,
            **{column: _json(value) for column, value in (maps | texts).items()},
        },
    )
    for scene in story.scenes:
        its_texts = {kinds.row(kind).kept: scene.text(kind) for kind in SCENE_KINDS}
        scene_id = insert_row(
            session,
            product.scenes,
            {
                "story_version_id": story_id,
                "beat_key": scene.beat_key,
                "scene_number": scene.number,
                **its_texts,
            },
        )
        if product.scripts is not None and its_texts[SCRIPT]:
            insert_script(session, scene_id, its_texts[SCRIPT])
        for n, shot in enumerate(scene.shots, 1):
            if product.shots is not None:
                its = {"scene_plot_id": scene_id, "shot_number": n, "shot": _json(shot)}
                insert_row(session, product.shots, its)
    return story_id


def insert_script(session: Session, scene_id: str, text: str) -> None:
    """Adds a scene's script where scripts have a table of their own. Raises NotWritten."""
    scripts = product_of(session).scripts
    assert scripts is not None
    insert_row(session, scripts, {"scene_plot_id": scene_id, "text": text})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
