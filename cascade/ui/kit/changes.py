"""Changes of tension in words and signs, the same wherever they are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from cascade.story.piece import Piece
from cascade.story.plan import Change, Plan
from cascade.story.story import Story
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import count, listing, text

# So many beats are named; of more it is said how many.
MOST_NAMED = 4


def short(beat: str, old: int, new: int) -> str:
    """One change: `Midpoint (2→4)`."""
    return text("change.short", beat=beat, old=old, new=new)


def short_change(change: Change) -> str:
    """One planned change: `Midpoint (2→4)`, or `Midpoint (stays 4)`."""
    if change.stays:
        return text("change.stays", beat=change.beat_label, level=change.new_level)
    return short(change.beat_label, change.previous_level, change.new_level)


def listed(story: Story, pending: Mapping[str, int]) -> str:
    """Pending changes in structure order: `Midpoint (2→4), All Is Lost (4→2)`, or the first few."""
    changes = [
        short(story.structure.beat(key).label, story.curve[key], level)
        for key, level in pending.items()
    ]
    return _first_few(changes)


def listed_plan(plan: Plan) -> str:
    """The same of what a plan changes."""
    return _first_few([short_change(one) for one in plan.changes])


def _first_few(changes: list[str]) -> str:
    if len(changes) > MOST_NAMED:
        more = count("change.more", len(changes) - MOST_NAMED + 1)
        changes = [*changes[: MOST_NAMED - 1], more]
    return ", ".join(changes)


def texts_of(plan: Plan) -> str:
    """How much a plan writes: `14 texts in 5 scenes`."""
    texts = count("banner.texts", len(plan.steps))
    scenes = len(plan.affected_scenes)
    return count("banner.scenes", scenes, texts=texts) if scenes else texts


def scene_numbers(plan: Plan, beat_key: str) -> list[int]:
    """The scenes of a beat that a plan writes in."""
    numbers = {step.scene_number for step in plan.steps_of(beat_key)}
    return sorted(one for one in numbers if one is not None)


def tone(old: int, new: int) -> str:
    """The style of a change: warm where tension rises, cool where it falls."""
    return "rising" if new > old else "falling"


def as_list(changes: Iterable[Change]) -> Markup:
    """Planned changes as an HTML list, each with its arrow and what it means."""
    return render("kit/changes", changes=changes, short=short_change)


def stale_texts(story: Story, keys: Sequence[str]) -> str:
    """How many texts are out of date, and in which beats."""
    beats = [story.structure.beat(key).label for key in beats_of(story, keys)]
    if len(beats) > MOST_NAMED:
        more = count("stale.more_beats", len(beats) - MOST_NAMED + 1)
        beats = [*beats[: MOST_NAMED - 1], more]
    return count("stale.texts", len(keys), beats=listing(beats))


def beats_of(story: Story, keys: Sequence[str]) -> list[str]:
    """The beats of some pieces, in structure order."""
    found = {Piece.parse(key).beat for key in keys}
    return [key for key in story.structure.keys if key in found]
