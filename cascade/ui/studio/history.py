"""The runs of a story, newest first: who, when, what, for how much; each leads to the run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.service import RunSummary
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import note
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.session import guarded
from cascade.ui.studio.view import View

# So many are listed beside the curve; the history has more of them.
FEW = 3


def asks_for_all() -> bool:
    """Whether the reader has asked for all runs of the stories."""
    return bool(st.session_state.get("all-runs"))


def draw_runs(view: View) -> None:
    """The newest few, where there has been a run."""
    if view.runs.listed:
        st.subheader(text("runs.title"), anchor=False)
        _draw_list(view, view.runs.listed[:FEW])


def draw_history(view: View) -> None:
    """All that were asked for, or that there has been none."""
    with st.container(key="history"):
        st.header(text("runs.title"), anchor=False)
        if not view.runs.listed:
            st.html(note(text("runs.none")))
            return
        _draw_list(view, view.runs.listed)
        if view.runs.has_more:
            st.button(text("runs.all"), key="all-runs-show", on_click=guarded()(_ask_for_all))


def _draw_list(view: View, listed: Sequence[RunSummary]) -> None:
    lines = [_line(view.story, one, view.shown_id) for one in listed]
    st.html(render("studio/runs", runs=lines))


def _line(story: Story, run: RunSummary, shown: str | None) -> dict[str, object]:
    changes = (
        text("runs.stays", beat=one.beat_label)
        if one.stays
        else text("runs.change", beat=one.beat_label, old=one.previous_level, new=one.new_level)
        for one in run.changes
    )
    # What a run at work has used so far it says itself, every second.
    key = "runs.estimated" if run.is_active else "runs.used"
    credits = text(key, used=run.used_credits, estimated=run.estimated_credits)
    if run.parts > 1:
        credits = f"{credits} {count('run.in_parts', run.parts)}"
    return {
        "address": address.link(story=story.id, run=run.id, mode=None, text=None),
        "is_shown": run.id == shown,
        "status": run.status,
        "what": ", ".join(changes),
        "who": run.display_name,
        "when": moment(run.created_at, session.zone()),
        "credits": credits,
        "state": text(f"runs.state.{'restored' if run.is_restored else run.status}"),
    }


def _ask_for_all() -> None:
    st.session_state["all-runs"] = True
