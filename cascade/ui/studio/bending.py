"""What bends a story's curve, for every part of the page that can: point, number, button, key.

An edit in one part draws anew just the parts that it concerns. Nothing here saves a level; that is
a run's work, and `confirm` asks before one starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import assert_never

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Desk, Draft, Runs, Studio
from cascade.story.story import Story
from cascade.ui import pending, session
from cascade.ui.kit import address
from cascade.ui.kit.changes import listed
from cascade.ui.kit.texts import count, text
from cascade.ui.session import guarded
from cascade.ui.studio.view import View, or_else

# The parts of the page that are drawn anew by themselves.
CURVE, STATE, OUTLINE, BEAT, WORDS = "curve", "state", "outline", "beat", "words"
# So long what an edit has read is taken for the present.
READ_FOR_S = 1.0
# What is selected where it is the scenes outside the beats.
LOOSE = "none"


def number(beat_key: str) -> str:
    """The part that is a beat's numeric editor."""
    return f"number/{beat_key}"


class Bending:
    """One person's curve of one story, in one run of the script."""

    def __init__(self, desk: Desk, studio: Studio, view: View) -> None:
        self.desk, self.studio, self.story_id = desk, studio, studio.story_id
        self.active, self._undone = view.runs.active, view.undone
        self.enabled = "draft" in studio.may and self.active is None
        self.may_start = "start" in studio.may
        # What the whole page was drawn from; a part that is drawn alone later reads anew.
        self.drawn: tuple[Story, Draft, Runs] | None
        self.drawn = view.story, studio.draft.get(), view.runs
        self.offer = studio.offer
        self.request = or_else(studio.request, None, [])
        # What an edit has read for the parts that it draws anew, and until when it is news.
        self._read: dict[str, tuple[Story, Draft]] = {}
        self._read_until = 0.0
        pending.keep(self.drawn[0], self.drawn[1])

    def read(self, part: str) -> tuple[Story, dict[str, int]]:
        """The story, and the curve as a part shows it: saved levels and over them those to come.

        For the bar of state what is pending is priced too.
        """
        given = self._read.pop(part, None)
        if self.drawn is not None:
            story, draft, _ = self.drawn
        elif given is not None and time.monotonic() < self._read_until:
            story, draft = given
        elif part == STATE:
            story, draft, self.offer = self.desk.pending(self.story_id)
            pending.keep(story, draft)
        else:
            story, draft = self.desk.curve(self.story_id)
            pending.keep(story, draft)
        if self.active is None:
            return story, {**story.curve, **draft.levels}
        going = {one.beat_key: one.new_level for one in self.active.plan.changes}
        return story, story.curve | going

    def before(self, story: Story) -> dict[str, int] | None:
        """The curve as it was before the run that the page shows, where that has moved it."""
        if self._undone is None or not self._undone.levels or self.active is not None:
            return None
        return story.curve | {one.beat_key: one.previous_level for one in self._undone.levels}

    def why_not(self) -> str:
        """Why the curve cannot be bent now; empty where it can."""
        if self.active is not None:
            return text("curve.locked_run")
        return "" if self.enabled else text("curve.locked_role")

    # Callbacks: each ends by drawing anew what it concerns.

    def edit(self, story: Story, levels: Mapping[str, int]) -> None:
        """Takes over levels."""
        guarded()(pending.edit)(self.desk, story, levels)
        self.redraw(levels)

    def refuse(self, story: Story, beat_key: str) -> None:
        """Says why a number that was typed did not stay."""
        level = {**story.curve, **pending.shown(story.id).levels}[beat_key]
        label = story.structure.beat(beat_key).label
        session.remark(text("editor.refused", beat=label, level=level))
        self.redraw([])

    def reset(self, story: Story) -> None:
        """Puts every beat back to its saved level."""

        def discard() -> None:
            levels = pending.reset(self.desk, story).levels
            if levels:
                session.remark(
                    count("banner.discarded", len(levels), changes=listed(story, levels))
                )

        self._change(discard, story)

    def undo(self, story: Story) -> None:
        """Takes back the last edit, whatever it was."""
        self._change(lambda: pending.undo(self.desk, story), story)

    def put_back(self, story: Story) -> None:
        """Takes back the reset that it is offered for; a second click on that is nothing."""
        if pending.discarded(story).levels:
            self.undo(story)

    def redo(self, story: Story) -> None:
        """Does again what was taken back last."""
        self._change(lambda: pending.redo(self.desk, story), story)

    def _change(self, change: Callable[[], None], story: Story) -> None:
        before = pending.shown(story.id)
        guarded()(change)()
        after = self.desk.draft(story.id)
        self.redraw(
            key
            for key in story.structure.keys
            if before.levels.get(key) != after.levels.get(key)
            or before.directions.get(key) != after.directions.get(key)
        )

    def redraw(self, beat_keys: Iterable[str]) -> None:
        """Draws anew the curve, what is pending, some numeric editors, and the beat if selected."""
        keys = list(beat_keys)
        is_shown = address.mode() == "arc" and selected(self.studio.story.get()) in keys
        # The curve last: whatever was bent, it shows already.
        parts = [STATE, *map(number, keys), *([BEAT] if is_shown else []), CURVE]
        self._read_for(parts)
        session.redraw(parts)

    def _read_for(self, parts: Sequence[str]) -> None:
        """Reads once what these parts are about to show, of one moment."""
        try:
            story, draft, self.offer = self.desk.pending(self.story_id)
        except CascadeError:
            # Each part says so itself.
            return
        pending.keep(story, draft)
        self._read = dict.fromkeys(parts, (story, draft))
        self._read_until = time.monotonic() + READ_FOR_S

    def select(self, beat_key: str) -> None:
        """Selects a beat: its words stand beside the curve; a callback."""
        mode = address.mode()
        address.go(story=self.story_id, beat=beat_key, scene=None)
        match mode:
            case "arc":
                session.redraw([CURVE, OUTLINE, BEAT, WORDS])
            case "read":
                session.redraw([CURVE, OUTLINE, WORDS])
            case "review" | "history" | "find":
                # It is read where beats are read.
                address.go(mode=None)
                st.rerun()
            case _:
                assert_never(mode)


def selected(story: Story) -> str:
    """The key of the beat that the address selects, else of the first; LOOSE where it says so."""
    asked = address.asked_for("beat")
    keys = story.structure.keys
    loose = asked == LOOSE and any(scene.beat_key not in keys for scene in story.scenes)
    return asked if asked is not None and (asked in keys or loose) else keys[0]
