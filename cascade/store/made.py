"""What texts were made from, as revisions say it, and writing it down before a beat is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store import revisions
from cascade.store.tables import Base, Revision, User, now
from cascade.story import stale
from cascade.story.piece import Piece
from cascade.story.stale import Made, Stale
from cascade.story.story import Story

# Statements are made once: making one takes longer than executing it.
_REVISIONS = Base.metadata.tables[Revision.__tablename__]
_USERS = Base.metadata.tables[User.__tablename__]
# Into the table itself: a class's rows would go in by several statements where one lacks a value.
_KEEP = sa.insert(_REVISIONS)


def _of_stories(those: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """What is known of the texts of some stories, the newest last."""
    return (
        sa.select(
            _REVISIONS.c.key,
            _REVISIONS.c.scene_id,
            _REVISIONS.c.digest,
            _REVISIONS.c.sources,
            _REVISIONS.c.created_at,
            _USERS.c.display_name,
            _REVISIONS.c.run_id,
            _REVISIONS.c.origin,
        )
        .join_from(_REVISIONS, _USERS, _USERS.c.id == _REVISIONS.c.author_id, isouter=True)
        .where(those)
        .order_by(_REVISIONS.c.id)
    )


_OF_STORY = _of_stories(_REVISIONS.c.story_version_id == sa.bindparam("story"))


def out_of_date(session: Session, story: Story) -> dict[str, Stale]:
    """The pieces of a story that are out of date, each with the reason, by key; in one query."""
    return stale.out_of_date(story, read(session, story))


def out_of_date_in(session: Session, stories: Collection[Story]) -> dict[str, dict[str, Stale]]:
    """The same of several stories, by their ids; in one query however many they are."""
    by_id = {one.id: one for one in stories}
    if not by_id:
        return {}
    those = _of_stories(_REVISIONS.c.story_version_id.in_(list(by_id)))
    rows = session.execute(those.add_columns(_REVISIONS.c.story_version_id))
    known: dict[str, dict[str, list[Made]]] = {one: {} for one in by_id}
    for *row, story_id in rows:
        _note(known[story_id], by_id[story_id], row)
    return {one: stale.out_of_date(by_id[one], known[one]) for one in by_id}


def read(session: Session, story: Story) -> dict[str, list[Made]]:
    """What is known of the bytes of a story's pieces and levels, by their key today."""
    return _read(session, story, _OF_STORY)


def _read(
    session: Session,
    story: Story,
    those: sa.Select[Any],
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, list[Made]]:
    made: dict[str, list[Made]] = {}
    for row in session.execute(those, {"story": story.id, **asked}):
        _note(made, story, row)
    return made


def _note(made: dict[str, list[Made]], story: Story, row: Sequence[Any]) -> None:
    key, scene_id, digest, sources, at, by, run_id, origin = row
    here = revisions.present_key(story, key, scene_id or "")
    if here is not None:
        one = Made(digest, sources, at, by or "", run_id or "", origin == "found")
        made.setdefault(here, []).append(one)


def write_down(session: Session, story: Story, beat_keys: Iterable[str]) -> None:
    """Keeps of each text under some beats that it is made from what stands there now.

    Of those of which nothing is known yet; before the first of the beat is changed. Their texts are
    kept when they are replaced.
    """
    beats = list(beat_keys)
    scenes = [scene.id for beat_key in beats for scene in story.planned_scenes(beat_key)]
    # No key of a beat has a letter that stands for others in a pattern.
    asked = {f"beat_{n}": f"{beat}/" for n, beat in enumerate(beats)}
    known = _read(session, story, _of_beats(len(beats)), {**asked, "scenes": scenes})
    rows = [
        _row(story, piece, "found")
        for beat_key in beats
        for piece in stale.marked_pieces(story, beat_key)
        if not stale.makings(story, piece, known)
    ]
    if rows:
        session.execute(_KEEP, rows)


@cache
def _of_beats(count: int) -> sa.Select[Any]:
    """What is known of so many beats' own texts, and of some scenes'."""
    of_beats = [_REVISIONS.c.key.startswith(sa.bindparam(f"beat_{n}")) for n in range(count)]
    of_scenes = _REVISIONS.c.scene_id.in_(sa.bindparam("scenes", expanding=True))
    return _OF_STORY.where(sa.or_(*of_beats, of_scenes))


def note_fit(
    session: Session, story: Story, piece: Piece, author_id: str, reason: str = ""
) -> Made:
    """Keeps that somebody has found a piece to fit what stands above it now, and why."""
    row = {**_row(story, piece, "fits", author_id), "reason": reason or None}
    session.execute(_KEEP, [row])
    return Made(row["digest"], row["sources"], row["created_at"])


def _row(story: Story, piece: Piece, origin: str, author_id: str | None = None) -> dict[str, Any]:
    scene = story.scene_of(piece)
    return {
        "story_version_id": story.id,
        "key": str(piece),
        "scene_id": scene.id if scene is not None else None,
        "digest": stale.digest_of(story, piece),
        "text": "",
        "is_kept": False,
        "sources": stale.standing(story, piece),
        "created_at": now(),
        "origin": origin,
        "author_id": author_id,
    }
