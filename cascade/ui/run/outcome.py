"""What is said at the head of a run that has ended: exactly what has come of it by now."""

from __future__ import annotations

from collections.abc import Collection

from cascade.service import RunView
from cascade.story.stale import rewritable
from cascade.story.story import Story
from cascade.ui.kit.texts import count, text
from cascade.ui.run.undo import Undoing, amount


def title(run: RunView, found: Undoing | None, story: Story, stale: Collection[str]) -> str:
    """The heading of a run; `stale` are the keys of what is out of date in its story.

    "Done" is said only of a story in which nothing is out of date, and "restored" with what is.
    """
    if found is not None and found.back:
        return _restored(found)
    if run.chain.restored_at is not None:
        return text("run.title.was_restored")
    if run.status != "done" or found is None:
        return text(f"run.title.{run.status}")
    if rewritable(stale, story.structure.keys):
        return count("run.title.wrote", len(found.pieces))
    if all(change.stays for change in run.chain.plan.changes):
        return text("run.title.in_line")
    return text("run.title.done")


def title_of_last(run: RunView) -> str:
    """The heading of a story's newest run where the page shows none."""
    state = "restored" if run.chain.restored_at is not None else run.status
    return text("run.title.last", state=text(f"runs.state.{state}"))


def _restored(found: Undoing) -> str:
    pieces, levels = len(found.pieces), len(found.levels_back)
    if not found.is_done:
        return count("run.title.restored_part", pieces, back=found.back)
    return text("run.title.restored", what=amount(pieces, levels))
