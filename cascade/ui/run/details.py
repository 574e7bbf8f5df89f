"""The details of a run, over the side of the window: its steps, its receipt. They move nothing.

They are open where the address names the run, which it does for whoever started it, until they are
closed. The status blocks are made once, in the full run of the script; who looks fills them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from cascade.service import MAX_ATTEMPTS, BeatProgress, Desk, RunView, StepLine
from cascade.story.fountain import is_heading
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.changes import short_change
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape, first_words, step_name
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.kit.writer import writer_words
from cascade.ui.run.receipt import draw_end, draw_receipt
from cascade.ui.shell import announce
from cascade.ui.studio.view import View

# The run whose details were opened or closed by hand, and which of both.
_BY_HAND = "details"

# The modes in which an address that names a run opens them.
_OPEN_IN: tuple[address.Mode, ...] = ("arc", "read")

_BLOCK_STATES = {"done": "complete", "failed": "error", "left": "error"}
_SIGNS = {"done": "✓", "failed": "✕", "left": "–", "pending": "·"}


class Details:
    """The details of one run in one run of the script."""

    def __init__(
        self, run: RunView, *, is_asked_for: bool = False, was_watched: bool = False
    ) -> None:
        self.run = run
        # Whoever has seen it come to its end goes on reading there.
        self._stays_open = was_watched or run.is_active
        run_id, is_open = st.session_state.get(_BY_HAND) or ("", False)
        # Where changes are reviewed they would lie over them, unless they are asked for there.
        by_itself = address.mode() in _OPEN_IN
        self.is_open: bool = is_asked_for if by_itself else is_open and run_id == run.id
        self._blocks: list[tuple[Any, Any]] = []
        self._wrote: Mapping[str, str] = {}

    def draw_button(self) -> None:
        """The button that opens them, and closes them again."""
        st.button(text("run.details"), key=f"details-{self.run.id}", on_click=self._turn)

    def _turn(self) -> None:
        if address.mode() in _OPEN_IN:
            # The address alone says it: a link to the run opens them again.
            st.session_state.pop(_BY_HAND, None)
            address.go(story=self.run.story_id, run=None if self.is_open else self.run.id)
        else:
            st.session_state[_BY_HAND] = (self.run.id, not self.is_open)
        st.rerun()

    def draw(
        self, desk: Desk, view: View, seen: Sequence[BeatProgress], *, may: frozenset[str]
    ) -> None:
        """The panel, where it is open."""
        if not self.is_open:
            return
        run = self.run
        with st.container(key="details"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.header(text("run.details_title"), anchor=False, width="stretch")
                st.button(text("run.close"), key=f"close-{run.id}", on_click=self._turn)
            st.caption(escape(_by(run)))
            # A line in either case: what stands below it stays there.
            st.caption(text("run.safe" if run.is_active else "run.kept"))
            if view.undone is not None:
                # What somebody opens the details of a failed run for comes before all its steps.
                draw_end(desk, view, run, may=may)
                self._wrote = {one.replaced.key: one.replaced.after for one in view.undone.pieces}
            self._make_blocks(seen)
            if not run.is_active:
                # Of a run at work whoever looks does it, now and with every look.
                self.fill(view.story, seen)
            # Below what is read while the run comes to its end.
            with st.container(key="receipt"):
                if view.undone is not None:
                    draw_receipt(desk, view, run, seen)
        name = text("run.details_title")
        announce("details", regions={"details": {"role": "region", "name": name}})

    def _make_blocks(self, seen: Sequence[BeatProgress]) -> None:
        """A status block a beat, with what its header says at present."""
        for at in range(len(seen)):
            header = self._header(at, seen)
            with st.container(key=f"run-beat-{at}"):
                block = st.status(header[0], state=header[1], expanded=header[2])
            self._blocks.append((block, header))
        self._waiting = st.empty()

    def fill(self, story: Story, seen: Sequence[BeatProgress]) -> None:
        """Writes every block anew; its header only where it says something else now."""
        for at, (block, before) in enumerate(self._blocks):
            beat = seen[at]
            block.html(_lines(story, beat, self._wrote))
            header = self._header(at, seen)
            if header != before:
                # A block the reader has opened or closed stays so until its own turn changes.
                expanded = header[2] if header[2] != before[2] else None
                block.update(label=header[0], state=header[1], expanded=expanded)
                self._blocks[at] = (block, header)
        if self._blocks:
            # A block can only be running, complete or in error; one that waits must not spin.
            waiting = [at for at, beat in enumerate(seen) if beat.state == "pending"]
            self._waiting.html(render("run/waiting", waiting=waiting))

    def _header(self, at: int, seen: Sequence[BeatProgress]) -> tuple[str, Any, bool]:
        beat = seen[at]
        change = escape(short_change(beat.change))
        label = text("run.beat", number=at + 1, total=len(seen), change=change)
        if beat.state == "pending":
            # What the first is to write is seen before it begins, and nothing unfolds when it does.
            is_open = at == 0 and self.run.is_active
        else:
            is_open = beat.state != "done" or (self._stays_open and at == len(seen) - 1)
        return label, _BLOCK_STATES.get(beat.state, "running"), is_open


def _by(run: RunView) -> str:
    """Who started a run, when, and who writes."""
    when = moment(run.created_at, session.zone())
    writer = writer_words("run.writer", run.provider, run.model)
    words = text("run.by", user=run.display_name, when=when, writer=writer)
    if run.resumed_from:
        words = f"{words} {text('run.resumes')}"
    return words


def _lines(story: Story, beat: BeatProgress, wrote: Mapping[str, str]) -> Markup:
    lines = [
        {
            "state": line.state,
            "sign": _SIGNS.get(line.state, ""),
            "name": step_name(story, line.step),
            "used": _used(line),
            "state_words": _state(line),
            "words": _words(story, line, wrote),
        }
        for line in beat.lines
    ]
    return render("run/steps", lines=lines)


def _used(line: StepLine) -> str:
    """What a model's calls for a step used; the offline writer uses nothing."""
    used = line.used
    if used is None:
        return ""
    if used.unknown_calls == used.calls:
        words = text("run.step_unknown")
    else:
        words = text(
            "run.step_tokens", prompt=used.prompt_tokens, completion=used.completion_tokens
        )
    if used.calls > 1:
        words = f"{words}, {count('run.step_calls', used.calls)}"
    return words


def _words(story: Story, line: StepLine, wrote: Mapping[str, str]) -> str:
    """The end of a text that is being written, or how the one begins that was."""
    if line.state != "done":
        return line.tail
    key = line.step.key
    return first_words(_without_heading(wrote.get(key) or story.text(key)))


def _without_heading(words: str) -> str:
    """A script's text after its scene heading, which the line's name says already."""
    first, _, rest = words.strip().partition("\n")
    return rest if is_heading(first) else words


def _state(line: StepLine) -> str:
    if line.state == "retrying":
        return text("state.retrying", seconds=line.wait_s, attempt=line.attempt, most=MAX_ATTEMPTS)
    return text(f"state.{line.state}")
