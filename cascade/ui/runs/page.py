"""The page of all runs of one's projects: what each is, costs and has used; each leads to more.

What the list is narrowed to stands in the address, so that the way back from a run leads to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import streamlit as st

from cascade.service import LONGEST_TEXT, Desk, RunFilter, RunLine, RunsPage, RunStatus
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.choice import chosen, draw_choice
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import count, moment, number, text
from cascade.ui.kit.turning import draw_turning, turn_back, turned
from cascade.ui.runs.record import draw_run

PAGE = 100
# How often it is looked whether the list says something else by now.
LOOK_S = 5.0
# The name of the list, for what narrows it and turns it over.
_LIST = "runs"
STATES: tuple[str, ...] = get_args(RunStatus)
# What stands where there is nothing to tell.
NOTHING = "–"


def draw_all_runs(desk: Desk) -> None:
    """The page: the run that the address names, else all.

    Raises NotAllowed for whoever is in no project.
    """
    run_id = address.asked_for("run")
    if run_id is not None:
        draw_run(desk, run_id)
        return
    _follow_address()
    behind = turned(_LIST)
    asked = RunFilter(*(chosen(f"runs-{name}") or None for name in _FIELDS))

    def read() -> RunsPage:
        return desk.all_runs(asked, before=behind[-1] if behind else None, most=PAGE)

    found = read()
    with st.container(key="all-runs"):
        st.header(text("allruns.title"), anchor=False)
        st.html(render("kit/about", words=text("allruns.about")))
        _draw_filters(found)
        if found.lines:
            rows = [_row(one, found.titles) for one in found.lines]
            st.html(render("runs/list", name=text("allruns.title"), rows=rows))
        else:
            st.caption(text("allruns.none_asked" if asked != RunFilter() else "allruns.none"))
        last = found.lines[-1].id if found.lines else None
        draw_turning(_LIST, last, is_more=found.is_more)
    session.redraw_when(lambda: read() != found, LOOK_S)


# The fields of what is asked for, each with what it is called in the address.
_FIELDS = {"story": "of", "user": "by", "status": "status", "text": "words"}


def _follow_address() -> None:
    """Takes what is asked for from the address, where the reader comes with one or back to it."""
    is_back = address.is_way_back()
    for name, called in _FIELDS.items():
        key = f"runs-{name}"
        asked = (st.query_params.get(called) or "")[:LONGEST_TEXT]
        if is_back or (asked and key not in st.session_state):
            st.session_state[key] = asked if name == "text" else asked or None


def _narrow() -> None:
    """Begins the list anew, with what is asked for in the address."""
    turn_back(_LIST)
    for name, called in _FIELDS.items():
        if asked := chosen(f"runs-{name}"):
            st.query_params[called] = asked
        else:
            st.query_params.pop(called, None)


def _draw_filters(found: RunsPage) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-filters"):
        draw_choice("runs-story", text("allruns.story"), found.titles, _narrow)
        draw_choice("runs-user", text("allruns.who"), found.users, _narrow)
        states = {one: text(f"runs.state.{one}") for one in STATES}
        draw_choice("runs-status", text("allruns.status"), states, _narrow)
        st.text_input(
            text("allruns.text"),
            key="runs-text",
            on_change=_narrow,
            max_chars=LONGEST_TEXT,
            width=200,
        )


def _row(one: RunLine, titles: Mapping[str, str]) -> dict[str, object]:
    changes = (
        text("runs.stays", beat=change.beat_label)
        if change.stays
        else text(
            "runs.change",
            beat=change.beat_label,
            old=change.previous_level,
            new=change.new_level,
        )
        for change in one.changes
    )
    released = one.released_credits
    return {
        "story": titles.get(one.story_id) or text("allruns.gone"),
        "address": address.of_record(one.id),
        "what": ", ".join(changes),
        "who": one.display_name or one.user,
        "when": moment(one.created_at, session.zone()),
        "status": one.status,
        "state": text(f"runs.state.{'restored' if one.is_restored else one.status}"),
        "retrying": text("allruns.retrying") if one.is_retrying else "",
        "parts": count("run.in_parts", one.parts) if one.parts > 1 else "",
        "estimated": number(one.estimated_credits),
        "used": number(one.used_credits),
        "released": NOTHING if released is None else number(released),
        "tokens": NOTHING if one.tokens is None else number(one.tokens),
    }
