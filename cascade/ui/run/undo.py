"""What of a run can be undone, in the story as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cascade.service import Replaced, Shown
from cascade.story.kinds import KINDS
from cascade.story.plan import Change, Step
from cascade.story.story import Story
from cascade.ui.kit.texts import count, listing

State = Literal["stands", "restored", "edited"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """One text that a run wrote, and what has become of it since."""

    replaced: Replaced
    step: Step
    state: State


@dataclass(frozen=True, slots=True)
class Undoing:
    """What of a run's chain can be undone: its texts in story order, and the levels still its.

    `levels_back` are those that are as before it.
    """

    pieces: tuple[Rewritten, ...]
    levels: tuple[Change, ...]
    levels_back: tuple[Change, ...] = ()
    levels_left: tuple[Change, ...] = ()

    @property
    def standing(self) -> int:
        """How many of the run's texts are still in the story."""
        return sum(piece.state == "stands" for piece in self.pieces)

    @property
    def back(self) -> int:
        """How many of its texts are as they were before it."""
        return sum(piece.state == "restored" for piece in self.pieces)

    @property
    def is_possible(self) -> bool:
        """True where there is anything to put back."""
        return bool(self.standing or self.levels)

    @property
    def is_done(self) -> bool:
        """True where all that the run wrote is as it was before it."""
        restored = self.back == len(self.pieces) > 0
        return restored and not self.levels and not self.levels_left


def undoing(shown: Shown, story: Story) -> Undoing:
    """What of a run that has ended can be undone, with its chain, in the story as it is now."""
    plan = shown.progress.run.chain.plan
    steps = {step.key: step for step in plan.steps}
    pieces = [Rewritten(one, steps[one.key], _state(one)) for one in shown.replaced]
    beats = story.structure.keys
    pieces.sort(key=lambda one: _place(beats, one))
    begun = {piece.step.beat_key for piece in pieces}
    others = [
        change
        for change in plan.changes
        if change.beat_key in begun and not change.stays and change not in shown.levels
    ]
    # The story may have another structure by now, which has no such beat.
    back = [one for one in others if story.curve.get(one.beat_key) == one.previous_level]
    left = [one for one in others if one not in back]
    return Undoing(tuple(pieces), tuple(shown.levels), tuple(back), tuple(left))


def amount(texts: int, levels: int) -> str:
    """So many texts and levels in words: `14 texts and 2 tension levels`."""
    what = [count("undo.texts", texts)] if texts else []
    what += [count("undo.levels", levels)] if levels else []
    return listing(what)


def _place(beats: Sequence[str], one: Rewritten) -> tuple[int, int, int]:
    """Where a text stands in the story: a scene's script comes after its own plot."""
    step = one.step
    # A run of before the product changed the story's structure: its beats are no more.
    at = beats.index(step.beat_key) if step.beat_key in beats else len(beats)
    return at, step.scene_number or 0, KINDS.index(step.kind)


def _state(one: Replaced) -> State:
    if one.stands:
        return "stands"
    return "restored" if one.is_back else "edited"
