"""Single pieces of a story in the product's tables: what stands there, and writing another text.

A write changes one value and nothing beside it, and must meet exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

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
from cascade.store.tables import Piece as Mark
from cascade.store.tables import ScenePlot, StoryVersion
from cascade.story import kinds
from cascade.story.kinds import Kind
from cascade.story.piece import Piece
from cascade.story.structures import Structure, structure

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


def standing(session: Session, row: StoryVersion, piece: Piece, scene_id: str) -> Stood:
    """What stands at a text now; the story's row must be locked. Raises UnreadableCell."""
    if piece.scene is not None:
        column = getattr(ScenePlot, kinds.row(piece.text_kind).kept)
        text = session.scalar(sa.select(column).where(ScenePlot.id == scene_id))
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
        _change(session, ScenePlot, scene_id, kinds.row(piece.text_kind).kept, value)
        return
    column = map_column(row, piece.text_kind)
    there = _map(row, column)
    literal = stood.cell if stood.cell is not None else literal_for(stood.text)
    cell = cell_with_literal(there.cell(piece.beat), literal)
    _change(session, StoryVersion, row.id, column, there.with_cell(piece.beat, cell))


def standing_level(row: StoryVersion, beat_key: str) -> Stood:
    """A beat's level as it stands now, as a text, empty for none. Raises UnreadableCell."""
    cell = _map(row, level_column()).cell(beat_key)
    text = "" if is_nothing(cell) else str(level_of(cell))
    return Stood(text, None if cell == text else cell)


def write_level(session: Session, row: StoryVersion, beat_key: str, level: int) -> Stood:
    """Saves a beat's level in the kind that is there; the story's row must be locked.

    What stands there then. Raises NotWritten, UnreadableCell.
    """
    cell = cell_with_level(_map(row, level_column()).cell(beat_key), level)
    put_back_level(session, row, beat_key, Stood(str(level), cell))
    return standing_level(row, beat_key)


def put_back_level(session: Session, row: StoryVersion, beat_key: str, stood: Stood) -> None:
    """Makes a beat's level what stood there; the story's row must be locked. Raises NotWritten."""
    cell = stood.cell if stood.cell is not None else stood.text
    changed = _map(row, level_column()).with_cell(beat_key, cell)
    _change(session, StoryVersion, row.id, level_column(), changed)


def _map(row: StoryVersion, column: str) -> BeatMap:
    return BeatMap.read(getattr(row, column), _structure(row))


def _structure(row: StoryVersion) -> Structure:
    return structure(row.structure_type)


def _change(
    session: Session, table: type[StoryVersion | ScenePlot], id_: str, column: str, value: Any
) -> None:
    """Changes one value of one row, and makes sure that the database did. Raises NotWritten."""
    changed = session.execute(sa.update(table).where(table.id == id_).values({column: value}))
    # To its types every result is one of a SELECT, which counts no rows.
    if cast("sa.CursorResult[Any]", changed).rowcount != 1:
        raise NotWritten(table.__tablename__)


# Marks


def mark_out_of_date(session: Session, story_id: str, keys: Iterable[str], run_id: str) -> None:
    """Marks pieces as written from inputs that are no longer theirs, because of this run."""
    for key in keys:
        mark = session.get(Mark, (story_id, key))
        if mark is None:
            mark = Mark(story_version_id=story_id, key=key, locked=False)
            session.add(mark)
        mark.out_of_date_since = run_id
    session.flush()


def mark_up_to_date(session: Session, story_id: str, key: str) -> None:
    """Takes the mark off a piece that has just been written."""
    session.execute(
        sa.update(Mark)
        .where(Mark.story_version_id == story_id, Mark.key == key)
        .values(out_of_date_since=None)
    )


def out_of_date(session: Session, story_id: str) -> set[str]:
    """The keys of the pieces that are marked out of date; shots as `midpoint/shots/5`."""
    return set(
        session.scalars(
            sa.select(Mark.key).where(
                Mark.story_version_id == story_id, Mark.out_of_date_since.is_not(None)
            )
        )
    )
