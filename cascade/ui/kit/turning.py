"""Turning over the pages of a long list: back to what is newer, on to what is older.

What is remembered is the last thing of each page that was turned over, so that what comes in
meanwhile moves nothing.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from cascade.ui.kit.texts import text


def turned(name: str) -> list[Any]:
    """What the pages of a list that were turned over ended with; the last is what to go on from."""
    found: list[Any] = st.session_state.setdefault(_key(name), [])
    return found


def turn_back(name: str) -> None:
    """Begins a list anew; for when something else is asked for."""
    st.session_state[_key(name)] = []


def draw_turning(name: str, last: object, *, is_more: bool) -> None:
    """Ways to what is older and back, where there is more than one page."""
    behind = turned(name)
    if not (behind or is_more):
        return
    with st.container(horizontal=True, key=f"{name}-turning"):
        st.button(
            text("table.newer"), key=f"{name}-newer", disabled=not behind, on_click=behind.pop
        )
        st.button(
            text("table.older"),
            key=f"{name}-older",
            disabled=not is_more,
            on_click=behind.append,
            args=(last,),
        )


def _key(name: str) -> str:
    return f"{name}-turned"
