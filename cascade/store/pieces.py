"""Single pieces of a story in the product's tables: what stands there, and writing another text.

A write changes one value and nothing beside it, and must meet exactly one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import NotWritten
from cascade.store.beatmap import (
    BeatMap,
    UnreadableCell,
    cell_with_level,
    cell_with_literal,
    is_nothing,
    level_of,
    literal_for,
    literal_of,
    text_of,
)
from cascade.store.inserting import insert_script
from cascade.store.product import Kept, Product, product_of
from cascade.store.product.wanted import LEVELS, SCRIPT
from cascade.store.rows import SceneRow, StoryRow
from cascade.story import kinds
from cascade.story.kinds import Kind
from cascade.story.piece import Piece
from cascade.story.structures import structure

# Cells of a scene's text: its column is null; scripts have a table of their own and it has no row.
NULL, NO_ROW = "null", "no row"


@dataclass(frozen=True, slots=True)
class Stood:
    """What stands at a piece: its text and, where that is not just this text, its `cell`.

    A cell is the JSON of the value as it is spelled in the database, or which kind of nothing is
    there (`store.beatmap`), so that it can be put back byte for byte.
    """

    text: str
    cell: str | None = None


def map_column(row: StoryRow, kind: Kind) -> str:
    """The column of a story's texts of a kind that each beat has, by its structure."""
    return f"{row.structure_type}_{kinds.row(kind).kept}"


def standing(row: StoryRow, scene: SceneRow | None, piece: Piece) -> Stood:
    """What stands at a text of a story, or of its scene; both rows must be as they are now.

    Raises UnreadableCell.
    """
    if scene is not None:
        kept = kinds.row(piece.text_kind).kept
        if kept in scene.unreadable:
            raise UnreadableCell(scene.unreadable[kept])
        text = scene.texts[kept]
        if kept == SCRIPT and not scene.scripts:
            return Stood("", NO_ROW)
        return Stood(text or "", NULL if text is None else None)
    cell = _map(row, map_column(row, piece.text_kind)).cell(piece.beat)
    literal = literal_of(cell, row.text_property)
    text = text_of(literal)
    return Stood(text, None if literal == literal_for(text) else literal)


def write_text(session: Session, row: StoryRow, piece: Piece, scene_id: str, stood: Stood) -> None:
    """Replaces a text, or puts back what stood there; the story's row must be locked.

    Raises NotWritten, UnreadableCell.
    """
    if piece.scene is not None:
        _change_scene(session, scene_id, kinds.row(piece.text_kind).kept, stood)
        return
    _change(session, row, [_with_text(row, piece, stood)])


def write_first(
    session: Session, row: StoryRow, piece: Piece, text: str, level: Stood | None
) -> None:
    """Replaces a beat's text together with its level, where there is one to be saved.

    The story's row must be locked. Raises NotWritten, UnreadableCell.
    """
    changes = [_with_text(row, piece, Stood(text))]
    if level is not None:
        changes.append(_with_level(piece.beat, level))
    _change(session, row, changes)


@dataclass(frozen=True, slots=True)
class _Change:
    """Another cell under a beat of one of a story's JSON columns."""

    column: str
    beat_key: str
    cell: str


def _with_text(row: StoryRow, piece: Piece, stood: Stood) -> _Change:
    column = map_column(row, piece.text_kind)
    literal = stood.cell if stood.cell is not None else literal_for(stood.text)
    there = _map(row, column).cell(piece.beat)
    cell = cell_with_literal(there, literal, row.text_property)
    return _Change(column, piece.beat, cell)


def standing_level(row: StoryRow, beat_key: str) -> Stood:
    """A beat's level as it stands now, as a text, empty for none. Raises UnreadableCell."""
    cell = _map(row, LEVELS).cell(beat_key)
    text = "" if is_nothing(cell) else str(level_of(cell))
    return Stood(text, None if cell == text else cell)


def new_level(row: StoryRow, beat_key: str, level: int) -> Stood:
    """What a level is to stand as: in the kind that is there. Raises UnreadableCell."""
    cell = cell_with_level(_map(row, LEVELS).cell(beat_key), level)
    return Stood(str(level), None if cell == str(level) else cell)


def put_back_level(session: Session, row: StoryRow, beat_key: str, stood: Stood) -> None:
    """Makes a beat's level what stood there; the story's row must be locked. Raises NotWritten."""
    _change(session, row, [_with_level(beat_key, stood)])


def _with_level(beat_key: str, stood: Stood) -> _Change:
    return _Change(LEVELS, beat_key, stood.cell if stood.cell is not None else stood.text)


def _map(row: StoryRow, column: str) -> BeatMap:
    assert row.structure_type is not None
    return map_of(row.maps[column], row.structure_type)


@lru_cache(maxsize=64)
def map_of(text: str | None, structure_type: str) -> BeatMap:
    """A column as a map by beat: read once for as long as it stays as it is."""
    return BeatMap.read(text, structure(structure_type))


def _change(session: Session, row: StoryRow, changes: Sequence[_Change]) -> None:
    """Changes values of a story's row, there and in `row`. Raises NotWritten."""
    product = product_of(session)
    by_key: list[tuple[str, bool]] = []
    given: dict[str, Any] = {"of_id": row.id}
    for change in changes:
        there = _map(row, change.column)
        text = there.with_cell(change.beat_key, change.cell)
        key = there.key_of(change.beat_key, change.cell)
        if key is not None and product.stories.changes_one(change.column):
            by_key.append((change.column, True))
            given |= {f"key_{change.column}": [key], f"new_{change.column}": change.cell}
        else:
            by_key.append((change.column, False))
            given[f"new_{change.column}"] = text
        row.maps[change.column] = text
    _must_meet_one(session, product.stories, _changed(product, tuple(by_key)), given)


# Statements are made once: making one takes longer than executing it.


@lru_cache(maxsize=64)
def _changed(product: Product, columns: tuple[tuple[str, bool], ...]) -> sa.Update:
    """Changes columns of a story: each as a whole, or under one key."""
    stories = product.stories
    new = {
        stories[name]: stories.with_one(name, f"key_{name}", f"new_{name}")
        if is_by_key
        else sa.bindparam(f"new_{name}", type_=stories[name].type)
        for name, is_by_key in columns
    }
    return sa.update(stories.table).where(stories["id"] == sa.bindparam("of_id")).values(new)


@lru_cache(maxsize=16)
def _changed_text(product: Product, kept: str) -> sa.Update:
    """Changes a text of a scene in whichever table has it."""
    table, column = product.place_of(kept)
    id_ = "id" if table is product.scenes else "scene_plot_id"
    changed = sa.update(table.table).where(table[id_] == sa.bindparam("of_id"))
    return changed.values({table[column]: sa.bindparam("new", type_=sa.Text())})


def _change_scene(session: Session, scene_id: str, kept: str, stood: Stood) -> None:
    """Changes a text of a scene, wherever it is kept. Raises NotWritten."""
    product = product_of(session)
    given = {"of_id": scene_id, "new": None if stood.cell == NULL else stood.text}
    change = _changed_text(product, kept)
    scripts, _ = product.place_of(kept)
    if scripts is product.scenes:
        _must_meet_one(session, product.scenes, change, given)
        return
    of_scene = scripts["scene_plot_id"] == scene_id
    if stood.cell == NO_ROW:
        _must_meet_one(session, scripts, sa.delete(scripts.table).where(of_scene))
    elif _rows(session, change, given) != 1:
        if session.scalar(sa.select(sa.select(scripts["text"]).where(of_scene).exists())):
            # It may be seen and not changed, or it is there twice.
            raise NotWritten(scripts.name)
        insert_script(session, scene_id, stood.text)


def _must_meet_one(
    session: Session, table: Kept, change: sa.UpdateBase, given: Mapping[str, Any] | None = None
) -> None:
    """Makes sure that the database did it, to one row and no other. Raises NotWritten."""
    if _rows(session, change, given) != 1:
        raise NotWritten(table.name)


def _rows(session: Session, change: sa.UpdateBase, given: Mapping[str, Any] | None) -> int:
    # To its types every result is one of a SELECT, which counts no rows.
    return cast("sa.CursorResult[Any]", session.execute(change, given)).rowcount
