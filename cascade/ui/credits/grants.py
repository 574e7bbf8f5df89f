"""Giving credits to people and to projects themselves, and taking back what was given in error."""

from __future__ import annotations

import streamlit as st

from cascade.service import MOST_CREDITS, MOST_OF_A_REASON, Desk, Grantee
from cascade.ui import session
from cascade.ui.kit.expanders import box
from cascade.ui.kit.texts import count, text
from cascade.ui.session import guarded

USUAL = 50


def draw_granting(desk: Desk, grantees: tuple[Grantee, ...]) -> None:
    """The form; what was typed stays where it is refused."""
    several = len({one.project_id for one in grantees}) > 1
    named = {n: _named(one, several=several) for n, one in enumerate(grantees)}

    @guarded()
    def grant() -> None:
        to = grantees[st.session_state["grant-person"]]
        credits = int(st.session_state["grant-credits"] or 0)
        desk.grant(to.user, credits, to.project_id, st.session_state["grant-reason"])
        key = "credits.granted" if credits > 0 else "credits.taken"
        session.notify(count(key, abs(credits), person=to.display_name or to.user))
        st.session_state["grant-reason"] = ""

    with box(text("credits.grant"), key="grant-box"), st.form("grant", width=420, border=False):
        st.selectbox(
            text("credits.person"), list(named), format_func=named.__getitem__, key="grant-person"
        )
        st.number_input(
            text("credits.how_many"),
            min_value=-MOST_CREDITS,
            max_value=MOST_CREDITS,
            value=USUAL,
            key="grant-credits",
            help=text("credits.how_many_help"),
        )
        st.text_input(text("credits.reason"), key="grant-reason", max_chars=MOST_OF_A_REASON)
        st.form_submit_button(text("credits.grant_yes"), on_click=grant, type="primary")


def _named(one: Grantee, *, several: bool) -> str:
    if not one.user:
        return text("credits.itself", project=one.project)
    shown = one.display_name or one.user
    name = shown if shown == one.user else f"{shown} ({one.user})"
    return f"{name}, {one.project}" if several else name
