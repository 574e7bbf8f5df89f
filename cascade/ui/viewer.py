"""Whose page it is: the user that the settings name; of the sample users one can be another."""

from __future__ import annotations

from ipaddress import ip_address

import streamlit as st

from cascade.service import Actor
from cascade.ui import session
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import text

_CHOSEN = "view-as"


def draw_viewer() -> None:
    """Who the page acts as; where nobody signs in, on this machine alone, a way to change that.

    Raises UnknownUser.
    """
    actor, others = session.service().viewers()
    if not others or not _is_local():
        st.session_state.pop(_CHOSEN, None)
        _take(actor)
        st.caption(escape(text("head.user", name=actor.display_name)), width="content")
        return
    names = [one.name for one in others]
    shown = {one.name: one.display_name for one in others}
    if st.session_state.get(_CHOSEN) not in names:
        st.session_state[_CHOSEN] = actor.name
    chosen = st.selectbox(
        text("head.view_as"),
        names,
        format_func=lambda name: shown[name],
        key=_CHOSEN,
        label_visibility="collapsed",
        width=160,
    )
    _take(next(one for one in others if one.name == chosen))


def _take(actor: Actor) -> None:
    before = session.viewer()
    session.set_viewer(actor)
    if before is not None and before.user_id != actor.user_id:
        # What the one before had open and pending is not this one's.
        session.forget(but=(_CHOSEN,))
        session.set_viewer(actor)


def _is_local() -> bool:
    """Whether the request comes from this machine: by no proxy, and to a name of its own."""
    headers = st.context.headers
    if any(name.lower().startswith(("forwarded", "x-forwarded")) for name in headers):
        return False
    host = headers.get("Host", "localhost").strip()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
