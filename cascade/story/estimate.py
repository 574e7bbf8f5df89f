"""What a step costs in whole credits, and how many calls a run makes one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, row
from cascade.story.story import Story


def calls_in_a_row(groups: Sequence[Sequence[str]], concurrency: int) -> int:
    """How many model calls a run makes one after the other: its critical path, in calls.

    `groups` run one after the other, the members of a group at the same time, `concurrency` at
    most.
    """
    return sum(-(-len(group) // concurrency) for group in groups)


def credits_of_beat(story: Story, beat_key: str) -> int:
    """What a new level of a beat costs: its own texts, and those of the scenes a plan can name."""
    of_beat = sum(row(kind).credits for kind in BEAT_KINDS)
    return of_beat + len(story.planned_scenes(beat_key)) * sum(
        row(kind).credits for kind in SCENE_KINDS
    )
