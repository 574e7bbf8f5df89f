"""What the page of a story shows, as far as it could be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cascade.errors import DatabaseAway
from cascade.service import Beats, Part, Progress, Rest, Runs, RunView, Shown, Studio
from cascade.story.story import Story
from cascade.ui.run import outcome
from cascade.ui.run.undo import Undoing, undoing
from cascade.ui.studio.marks import Marks

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class View:
    """A story's page; a part that cannot be read is as if there were nothing of it.

    `shown` is the run that the page shows, `undone` what of it can be put back once it has ended;
    `rest` is what that run, or the story's newest, has left.
    """

    story: Story
    runs: Runs
    shown: Shown | None
    beats: Beats
    undone: Undoing | None
    rest: Rest

    @property
    def run(self) -> RunView | None:
        """The run that the page shows, else the story's newest."""
        return self.shown.progress.run if self.shown is not None else self.runs.newest

    @property
    def active(self) -> Progress | None:
        """The run at work on the story, whichever the page shows."""
        if self.shown is not None and self.shown.progress.run.is_active:
            return self.shown.progress
        run = self.runs.active
        return Progress(run, self.runs.events, {}, self.story) if run is not None else None

    @property
    def shown_id(self) -> str | None:
        """The run that the page shows."""
        return self.shown.progress.run.id if self.shown is not None else None

    @property
    def title(self) -> str:
        """What has come of that run by now."""
        if self.shown is None:
            return outcome.title_of_last(self.runs.newest) if self.runs.newest else ""
        run, stale = self.shown.progress.run, self.beats.out_of_date
        return outcome.title(run, self.undone, self.story, stale)

    def marks(self, found: Beats) -> Marks:
        """The marks beside the story's texts: new is what the shown run wrote, and the newest."""
        new_from = {one.id for one in (self.run, self.runs.newest) if one is not None}
        # What a run is about to write is not said to be out of date.
        active = self.runs.active
        coming = {step.key for step in active.plan.steps} if active is not None else set()
        stale = {key: one for key, one in found.out_of_date.items() if key not in coming}
        return Marks(self.story.id, stale, found.writers, frozenset(new_from))


def view_of(studio: Studio, story: Story, troubles: list[Exception]) -> View:
    """The page of a story; why a part cannot be read is added to the `troubles`."""
    shown = or_else(studio.shown, None, troubles)
    rest = or_else(studio.rest, None, troubles)
    undone = None
    if shown is not None and not shown.progress.run.is_active:
        undone = undoing(shown, story)
    return View(
        story=story,
        runs=or_else(studio.runs, Runs(), troubles),
        shown=shown,
        beats=or_else(studio.beats, Beats(story, {}, {}), troubles),
        undone=undone,
        rest=(shown.rest if shown is not None else rest) or Rest(),
    )


def or_else(part: Part[T], default: D, troubles: list[Exception]) -> T | D:
    """A part of the page; where it cannot be read that is a trouble, and the page does without."""
    try:
        return part.get()
    except DatabaseAway:
        raise
    except Exception as error:
        troubles.append(error)
        return default
