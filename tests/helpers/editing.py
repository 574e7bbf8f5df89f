"""Another program's hand in a story: a text changed under its lock, as a product would."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cascade.service import Service
from cascade.store import pieces, stories
from cascade.store.pieces import Stood
from cascade.store.rows import StoryRow
from cascade.story.piece import Piece


def write_text(session: Session, row: StoryRow, key: str, text: str) -> None:
    """Replaces one text, a scene's by the number in its key."""
    piece = Piece.parse(key)
    scene = stories.read_story(session, row.id).scene_of(piece)
    pieces.write_text(session, row, piece, scene.id if scene is not None else "", Stood(text))


def edit(service: Service, story_id: str, key: str, text: str) -> None:
    """The same in a transaction of its own."""
    with service.database.write() as session:
        write_text(session, stories.lock_story(session, story_id), key, text)
