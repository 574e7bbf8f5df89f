"""Who speaks in a story: the names over the dialogue of its scripts."""

from __future__ import annotations

from functools import lru_cache

from cascade.story.fountain import cues
from cascade.story.kinds import CASCADE
from cascade.story.story import Story

# Scripts of which it is remembered who speaks in them, and how long one of those may be: a story
# is planned again and again, and nearly all of its scripts are what they were.
_SCRIPTS = 2048
_LONGEST = 20_000


def speakers(story: Story) -> tuple[str, ...]:
    """Everyone who speaks in the story's scripts, in the order of their first words."""
    screenplays = [row.name for row in CASCADE if row.per_scene and row.form == "fountain"]
    texts = (scene.text(kind) for scene in story.scenes for kind in screenplays)
    return tuple(dict.fromkeys(name for text in texts for name in _cues(text)))


def _cues(text: str) -> tuple[str, ...]:
    return _remembered(text) if len(text) <= _LONGEST else tuple(cues(text))


@lru_cache(maxsize=_SCRIPTS)
def _remembered(text: str) -> tuple[str, ...]:
    return tuple(cues(text))
