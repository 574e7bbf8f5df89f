"""Drafts: what a user has pending on a story, one row a user and story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from cascade.store.tables import Draft as DraftRow
from cascade.story.story import Story
from cascade.story.tension import is_level, pending_changes


@dataclass(frozen=True, slots=True)
class Draft:
    """What an editor has pending on a story: new levels and wishes for them, by beat key.

    `kept_at` is when it was last changed; two drafts that say the same are equal all the same.
    """

    levels: Mapping[str, int]
    directions: Mapping[str, str]
    kept_at: datetime | None = field(default=None, compare=False)


def read(session: Session, story: Story, user_id: str) -> Draft:
    """What the user has pending; levels that are saved by now are left out.

    So is what the story has no place for any more: its structure may be another one since, and the
    row may have been written by another version of this program.
    """
    row = session.get(DraftRow, (story.id, user_id))
    if row is None:
        return Draft({}, {})
    levels = row.levels if isinstance(row.levels, dict) else {}
    directions = row.directions if isinstance(row.directions, dict) else {}
    fitting = {
        key: level
        for key, level in levels.items()
        if key in story.structure.keys and is_level(level)
    }
    pending = pending_changes(story.structure, story.levels, fitting)
    return Draft(pending, tidy(pending, directions), row.updated_at)


def write(
    session: Session,
    story: Story,
    user_id: str,
    levels: Mapping[str, int],
    directions: Mapping[str, str],
) -> Draft:
    """Keeps what the user has pending in place of what was, and gives it back as it is kept.

    The story's row must be locked. Raises UnknownBeat, BadLevel.
    """
    pending = pending_changes(story.structure, story.levels, levels)
    row = session.get(DraftRow, (story.id, user_id))
    if row is None:
        row = DraftRow(story_version_id=story.id, user_id=user_id)
        session.add(row)
    row.levels, row.directions = pending, tidy(pending, directions)
    session.flush()
    return Draft(pending, row.directions, row.updated_at)


def tidy(pending: Mapping[str, int], directions: Mapping[str, str]) -> dict[str, str]:
    """The directions of pending beats, each on one line; empty ones are left out."""
    given = {key: directions.get(key) for key in pending}
    found = {key: " ".join(one.split()) for key, one in given.items() if isinstance(one, str)}
    return {key: words for key, words in found.items() if words}
