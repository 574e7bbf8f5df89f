"""What waits for a decision: one request at a time, decided where it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from cascade.service import MOST_OF_A_NOTE, Desk, RequestView
from cascade.ui import session
from cascade.ui.approvals.card import draw_card
from cascade.ui.approvals.sample import draw_sample, may_sample
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import first_words
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.session import guarded

# How often it is looked whether there is another one, or one less.
LOOK_S = 2.0


def draw_approvals(desk: Desk) -> None:
    """The page: the request that the address names, else the one that has waited longest."""
    # Before they are read: what comes in meanwhile is new to the next look.
    signs = desk.signs_of_waiting()
    waiting = _waiting(desk)
    with st.container(key="approvals"):
        st.header(text("approvals.title"), anchor=False)
        session.show_problem("page")
        session.show_notice()
        if not waiting:
            st.html(render("kit/about", words=text("approvals.none")))
            if may_sample():
                draw_sample()
        else:
            asked_for = address.asked_for("run")
            chosen = next((one for one in waiting if one.asked.run_id == asked_for), waiting[0])
            if len(waiting) > 1:
                _draw_list(waiting, chosen)
            draw_card(chosen)
            _draw_decision(desk, chosen)
    session.redraw_when(lambda: desk.signs_of_waiting() != signs, LOOK_S)


def _waiting(desk: Desk) -> list[RequestView]:
    """The requests that are the reader's to decide, and their own."""
    return [one for one in desk.waiting() if one.may_decide or one.is_own]


def _draw_list(waiting: Sequence[RequestView], chosen: RequestView) -> None:
    """Every request that waits, each a way to it."""
    rows = [
        {
            "address": f"./approvals?run={one.asked.run_id}",
            "is_shown": one is chosen,
            "price": count("credits", one.asked.estimated_credits),
            "who": one.asked.display_name,
            "story": first_words(one.title, 60),
            "when": moment(one.asked.asked_at, session.zone()),
        }
        for one in waiting
    ]
    name = count("approvals.waiting", len(rows))
    st.html(render("approvals/list", name=name, rows=rows))


def _draw_decision(desk: Desk, one: RequestView) -> None:
    """The three answers; or why there are none."""
    run_id, price = one.asked.run_id, one.asked.estimated_credits

    @guarded()
    def approve() -> None:
        desk.approve(run_id)
        session.notify(count("approvals.approved", price, story=one.title))

    @guarded()
    def ask() -> None:
        desk.ask_for_changes(run_id, st.session_state[f"comment-{run_id}"])
        st.session_state[f"comment-{run_id}"] = ""
        session.notify(text("approvals.asked", user=one.asked.display_name))

    @guarded()
    def decline() -> None:
        desk.decline(run_id, st.session_state[f"reason-{run_id}"])
        session.notify(text("approvals.declined", user=one.asked.display_name))

    @guarded()
    def look() -> None:
        desk.look_at_request(run_id)

    if one.is_own:
        st.caption(text("approvals.own"))
        return
    if one.why_not is not None:
        st.button(text("approvals.end"), key="end", on_click=look)
        return
    missing = one.payer is not None and one.payer.after < 0
    with st.container(horizontal=True, vertical_alignment="center", key="decision"):
        st.button(
            text("approvals.approve"),
            key="approve",
            type="primary",
            disabled=missing,
            on_click=approve,
        )
        with _answer(text("approvals.ask"), f"comment-{run_id}", text("approvals.ask_why")):
            st.button(text("approvals.ask_yes"), key="ask", type="primary", on_click=ask)
        with _answer(text("approvals.decline"), f"reason-{run_id}", text("approvals.decline_why")):
            st.button(text("approvals.decline_yes"), key="decline", on_click=decline)


@contextmanager
def _answer(name: str, key: str, why: str) -> Iterator[None]:
    """An answer that needs words: the place for them opens where its name is pressed."""
    with st.popover(name, key=f"{key}-open", width="content"):
        st.text_area(why, key=key, max_chars=MOST_OF_A_NOTE, height=96)
        yield
