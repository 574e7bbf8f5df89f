"""What a run wrote, text by text: old beside new, and the way back for each.

What is put aside stays in the history, and nothing is charged.
"""

from __future__ import annotations

from functools import partial

import streamlit as st

from cascade.display import readable
from cascade.service import Desk, RunView
from cascade.story.kinds import row
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.changes import short_change
from cascade.ui.kit.differences import side_by_side
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape, note, step_name
from cascade.ui.kit.texts import text
from cascade.ui.run.undo import Rewritten, Undoing
from cascade.ui.session import guarded
from cascade.ui.shell import Bring, announce
from cascade.ui.studio.view import View

_PART = "review"


def draw_review(desk: Desk, view: View, *, may: frozenset[str]) -> None:
    """The texts of the run that the page shows."""
    story, shown, found = view.story, view.shown, view.undone
    if shown is None or found is None or not found.pieces:
        at_work = shown is not None and shown.progress.run.is_active
        with st.container(key="no-review"):
            st.header(text("mode.review"), anchor=False)
            st.html(note(text("review.at_work" if at_work else "review.none")))
        announce("beat", regions={"pane": {"role": "region", "name": text("mode.review")}})
        return
    draw = partial(_draw, desk, story, shown.progress.run, found, may="restore" in may)
    with session.alone():
        session.fragment(draw, key=_PART)()


def _draw(desk: Desk, story: Story, run: RunView, found: Undoing, *, may: bool) -> None:
    keys = [one.replaced.key for one in found.pieces]
    asked = address.asked_for("text")
    at = keys.index(asked) if asked in keys else 0

    def show(key: str) -> None:
        address.go(story=story.id, run=run.id, text=key)
        session.redraw([_PART])

    with st.container(key="review", horizontal=True, gap=None):
        with st.container(key="review-texts", gap=None):
            for change in run.chain.plan.changes:
                pieces = [one for one in found.pieces if one.step.beat_key == change.beat_key]
                if pieces:
                    st.html(render("studio/act", name=short_change(change)))
                for one in pieces:
                    st.button(
                        escape(step_name(story, one.step)) + _badge(one),
                        key=f"show-{one.replaced.key}",
                        type="tertiary",
                        width="stretch",
                        on_click=show,
                        args=(one.replaced.key,),
                    )
            st.html(render("studio/reviewed", key=keys[at]))
        with st.container(key="review-text"):
            _draw_text(desk, story, run, found.pieces[at], may=may)
            with st.container(horizontal=True, key="review-steps"):
                for name, to in (("before", at - 1), ("next", at + 1)):
                    is_there = 0 <= to < len(keys)
                    st.button(
                        text(f"review.{name}"),
                        key=f"review-{name}",
                        disabled=not is_there,
                        on_click=show,
                        args=(keys[to] if is_there else "",),
                    )
                st.caption(text("review.place", place=at + 1, of=len(keys)))
    announce(
        "beat",
        bring=Bring(to=".st-key-review-text", time=keys[at], how="top"),
        regions={
            "pane": {"role": "region", "name": text("mode.review")},
            "review-texts": {"role": "navigation", "name": text("review.texts")},
        },
    )


def _badge(one: Rewritten) -> str:
    if one.state == "restored":
        return f" :green-badge[{text('undo.restored')}]"
    return f" :yellow-badge[{text('undo.edited')}]" if one.state == "edited" else ""


def _draw_text(desk: Desk, story: Story, run: RunView, one: Rewritten, *, may: bool) -> None:
    key, name = one.replaced.key, step_name(story, one.step)
    st.header(escape(name), anchor=False)
    if run.provider == "offline":
        st.caption(text("undo.offline"))
    match one.state:
        case "stands" if may:
            _draw_restore(desk, run, key, name)
        case "stands":
            pass
        case "restored":
            st.caption(text("undo.restored_help"))
        case "edited":
            st.caption(text("undo.edited_help"))
    style = "cascade-typed" if row(one.step.kind).form == "fountain" else ""
    titles = (text("undo.before"), text("undo.after"))
    before, after = map(readable, (one.replaced.before, one.replaced.after))
    st.html(side_by_side(before, after, titles, style))


def _draw_restore(desk: Desk, run: RunView, key: str, name: str) -> None:
    """The way back of one text: it costs nothing, and the new text stays in the history."""

    @guarded()
    def restore() -> None:
        desk.restore_piece(run.id, key)
        session.notify(text("undo.piece_done", piece=name))

    def then_all() -> None:
        restore()
        st.rerun()

    with st.container(horizontal=True, vertical_alignment="center", key="restore-piece"):
        st.button(
            text("undo.piece_yes"),
            key=f"undo-{run.id}-{key}",
            icon=":material/undo:",
            on_click=then_all,
        )
        st.caption(text("undo.piece_ask"), width="stretch")
