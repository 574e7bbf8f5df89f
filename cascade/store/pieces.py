"""Single pieces of a story in the product's tables: what stands there, and writing another text.

A write changes one value and nothing beside it, and must meet exactly one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from cascade.errors import NotWritten
from cascade.store.beatmap import (
    BeatMap,
    cell_with_level,
    cell_with_literal,
    is_nothing,
    level_of,
    literal_for,
    literal_of,
    text_of,
)
from cascade.store.tables import Base, ScenePlot, StoryVersion
from cascade.story import kinds
from cascade.story.kinds import Kind
from cascade.story.piece import Piece
from cascade.story.structures import structure

NULL = "null"


@dataclass(frozen=True, slots=True)
class Stood:
    """What stands at a piece: its text and, where that is not just this text, its `cell`.

    A cell is the JSON of the value as it is spelled in the database, or which kind of nothing is
    there (`store.beatmap`), so that it can be put back byte for byte.
    """

    text: str
    cell: str | None = None


def level_column() -> str:
    """The column of a story's levels."""
    return "tension_levels"


def map_column(row: StoryVersion, kind: Kind) -> str:
    """The column of a story's texts of a kind that each beat has, by its structure."""
    return f"{row.structure_type}_{kinds.row(kind).kept}"


def standing(row: StoryVersion, scene: ScenePlot | None, piece: Piece) -> Stood:
    """What stands at a text of a story, or of its scene; both rows must be as they are now.

    Raises UnreadableCell.
    """
    if scene is not None:
        text = getattr(scene, kinds.row(piece.text_kind).kept)
        return Stood(text or "", NULL if text is None else None)
    literal = literal_of(_map(row, map_column(row, piece.text_kind)).cell(piece.beat))
    text = text_of(literal)
    return Stood(text, None if literal == literal_for(text) else literal)


def write_text(
    session: Session, row: StoryVersion, piece: Piece, scene_id: str, stood: Stood
) -> None:
    """Replaces a text, or puts back what stood there; the story's row must be locked.

    Raises NotWritten, UnreadableCell.
    """
    if piece.scene is not None:
        value = None if stood.cell == NULL else stood.text
        _change(session, ScenePlot, scene_id, {kinds.row(piece.text_kind).kept: value})
        return
    _change(session, StoryVersion, row.id, _with_text(row, piece, stood))


def write_first(
    session: Session, row: StoryVersion, piece: Piece, text: str, level: Stood | None
) -> None:
    """Replaces a beat's text together with its level, where there is one to be saved.

    The story's row must be locked. Raises NotWritten, UnreadableCell.
    """
    values = _with_text(row, piece, Stood(text))
    if level is not None:
        values |= _with_level(row, piece.beat, level)
    _change(session, StoryVersion, row.id, values)


def _with_text(row: StoryVersion, piece: Piece, stood: Stood) -> dict[str, str | None]:
    column = map_column(row, piece.text_kind)
    there = _map(row, column)
    literal = stood.cell if stood.cell is not None else literal_for(stood.text)
    cell = cell_with_literal(there.cell(piece.beat), literal)
    return {column: there.with_cell(piece.beat, cell)}


def standing_level(row: StoryVersion, beat_key: str) -> Stood:
    """A beat's level as it stands now, as a text, empty for none. Raises UnreadableCell."""
    cell = _map(row, level_column()).cell(beat_key)
    text = "" if is_nothing(cell) else str(level_of(cell))
    return Stood(text, None if cell == text else cell)


def new_level(row: StoryVersion, beat_key: str, level: int) -> Stood:
    """What a level is to stand as: in the kind that is there. Raises UnreadableCell."""
    cell = cell_with_level(_map(row, level_column()).cell(beat_key), level)
    return Stood(str(level), None if cell == str(level) else cell)


def put_back_level(session: Session, row: StoryVersion, beat_key: str, stood: Stood) -> None:
    """Makes a beat's level what stood there; the story's row must be locked. Raises NotWritten."""
    _change(session, StoryVersion, row.id, _with_level(row, beat_key, stood))


def _with_level(row: StoryVersion, beat_key: str, stood: Stood) -> dict[str, str | None]:
    cell = stood.cell if stood.cell is not None else stood.text
    return {level_column(): _map(row, level_column()).with_cell(beat_key, cell)}


@lru_cache(maxsize=64)
def map_of(text: str | None, structure_type: str) -> BeatMap:
    """A column as a map by beat: read once for as long as it stays as it is."""
    return BeatMap.read(text, structure(structure_type))


def _map(row: StoryVersion, column: str) -> BeatMap:
    return map_of(getattr(row, column), row.structure_type)


def _change(
    session: Session,
    table: type[StoryVersion | ScenePlot],
    id_: str,
    values: Mapping[str, str | None],
) -> None:
    """Changes values of one row, and makes sure that the database did. Raises NotWritten."""
    given = {f"new_{column}": value for column, value in values.items()}
    changed = session.execute(_changed(table, tuple(values)), {"of_id": id_, **given})
    # To its types every result is one of a SELECT, which counts no rows.
    if cast("sa.CursorResult[Any]", changed).rowcount != 1:
        raise NotWritten(table.__tablename__)
    # Whoever has the row at hand goes on from what stands there now.
    row = session.identity_map.get(identity_key(table, id_))
    if row is not None:
        for column, value in values.items():
            set_committed_value(row, column, value)


@cache
def _changed(table: type[StoryVersion | ScenePlot], columns: tuple[str, ...]) -> sa.Update:
    """Changes columns of a row; made once, because making it takes longer than executing it."""
    there = Base.metadata.tables[table.__tablename__]
    new = {name: sa.bindparam(f"new_{name}", type_=there.c[name].type) for name in columns}
    return sa.update(there).where(there.c.id == sa.bindparam("of_id")).values(new)
