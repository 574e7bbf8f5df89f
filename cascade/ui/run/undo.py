"""What a run wrote, old beside new, and the way back: for one text or for the whole run.

Both ways ask first, in a popover; what is put aside stays in the history, and nothing is charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from cascade.display import readable
from cascade.service import Desk, Replaced, RunView, Shown
from cascade.story.kinds import KINDS, row
from cascade.story.plan import Change, Step
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.changes import short_change
from cascade.ui.kit.differences import side_by_side
from cascade.ui.kit.expanders import box
from cascade.ui.kit.problems import named_part
from cascade.ui.kit.prose import escape, step_name
from cascade.ui.kit.texts import count, listing, text
from cascade.ui.session import guarded

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


def draw_undoing(desk: Desk, story: Story, run: RunView, found: Undoing, *, may: bool) -> None:
    """The texts that a run wrote, old beside new, with the ways back where the reader has them."""
    session.show_notice()
    if not found.pieces:
        return
    if found.is_possible and may:
        _draw_restore_all(desk, run, found)
    label = count("undo.compare", len(found.pieces))
    compared = box(label, f"compare-{run.id}")
    if not compared.open:
        return
    with compared:
        if run.provider == "offline":
            st.caption(text("undo.offline"))
        for change in run.chain.plan.changes:
            pieces = [one for one in found.pieces if one.step.beat_key == change.beat_key]
            if pieces:
                st.markdown(f"**{escape(short_change(change))}**")
                _draw_pieces(desk, story, run, pieces, may=may)


def _draw_pieces(
    desk: Desk,
    story: Story,
    run: RunView,
    pieces: Sequence[Rewritten],
    *,
    may: bool,
) -> None:
    for piece in pieces:
        key = piece.replaced.key
        name = step_name(story, piece.step)
        label = escape(name)
        if piece.state == "restored":
            label += f" :green-badge[{text('undo.restored')}]"
        elif piece.state == "edited":
            label += f" :yellow-badge[{text('undo.edited')}]"
        opened = box(label, f"piece-{run.id}-{key}", "compact")
        if not opened.open:
            continue
        with opened:
            style = "cascade-typed" if row(piece.step.kind).form == "fountain" else ""
            titles = (text("undo.before"), text("undo.after"))
            before, after = map(readable, (piece.replaced.before, piece.replaced.after))
            st.html(side_by_side(before, after, titles, style))
            if piece.state == "edited":
                st.caption(text("undo.edited_help"))
            elif piece.state == "stands" and may:
                _draw_restore_piece(desk, run, key, name)


def _draw_restore_piece(desk: Desk, run: RunView, key: str, name: str) -> None:
    @guarded()
    def restore() -> None:
        desk.restore_piece(run.id, key)
        session.notify(text("undo.piece_done", piece=name))

    with st.popover(text("undo.piece"), icon=":material/undo:", key=f"undo-{run.id}-{key}"):
        st.markdown(text("undo.piece_ask"))
        st.button(
            text("undo.piece_yes"),
            key=f"undo-yes-{run.id}-{key}",
            type="primary",
            on_click=restore,
        )


def _draw_restore_all(desk: Desk, run: RunView, found: Undoing) -> None:
    @guarded()
    def restore() -> None:
        restored = desk.restore_run(run.id)
        what = amount(len(restored.keys), len(restored.levels))
        words = text("undo.all_done", what=what)
        if restored.left:
            left = (named_part(part) for part in restored.left)
            words = f"{words} {text('undo.left', what=listing(left))}"
        session.notify(words)

    what = amount(found.standing, len(found.levels))
    with st.popover(text("undo.all"), icon=":material/undo:", key=f"undo-{run.id}"):
        words = text("undo.all_ask", what=what)
        edited = sum(piece.state == "edited" for piece in found.pieces) + len(found.levels_left)
        if edited:
            words = f"{words} {count('undo.all_edited', edited)}"
        st.markdown(words)
        st.button(text("undo.all_yes"), key=f"undo-yes-{run.id}", type="primary", on_click=restore)


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
