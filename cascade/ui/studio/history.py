"""The runs of a story, newest first: who, when, what, for how much; each leads to the run."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from cascade.service import Runs, RunSummary
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.session import guarded


def asks_for_all() -> bool:
    """Whether the reader has asked for all runs of the stories."""
    return bool(st.session_state.get("all-runs"))


def draw_runs(story: Story, runs: Runs, shown: str | None) -> None:
    """The list, where there has been a run; `shown` is the one on the page."""
    if not runs.listed:
        return
    st.subheader(text("runs.title"), anchor=False)
    st.html(render("studio/runs", runs=[_line(story, one, shown) for one in runs.listed]))
    if runs.has_more:
        st.button(text("runs.all"), key="all-runs-show", on_click=guarded()(_ask_for_all))


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
        "address": f"?{urlencode({'story': story.id, 'run': run.id})}",
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
