"""Who speaks in a story: the names over the dialogue of its scripts."""

from __future__ import annotations

from cascade.story.fountain import cues
from cascade.story.kinds import CASCADE
from cascade.story.story import Story


def speakers(story: Story) -> tuple[str, ...]:
    """Everyone who speaks in the story's scripts, in the order of their first words."""
    screenplays = [row.name for row in CASCADE if row.per_scene and row.form == "fountain"]
    texts = (scene.text(kind) for scene in story.scenes for kind in screenplays)
    return tuple(dict.fromkeys(name for text in texts for name in cues(text)))
