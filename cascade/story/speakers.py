"""Who speaks in a story: the names over the dialogue of its scripts."""

from __future__ import annotations

from cascade.story.fountain import cues
from cascade.story.story import Story


def speakers(story: Story) -> tuple[str, ...]:
    """Everyone who speaks in the story's scripts, in the order of their first words."""
    return tuple(dict.fromkeys(name for scene in story.scenes for name in cues(scene.script)))
