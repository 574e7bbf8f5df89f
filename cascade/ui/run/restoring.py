"""Putting back what a run wrote: asked before it is done, said afterwards."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk
from cascade.ui import session
from cascade.ui.kit.problems import named_part
from cascade.ui.kit.texts import count, listing, text
from cascade.ui.run.undo import Undoing, amount
from cascade.ui.session import guarded

_FLAG = "restoring"


def ask_to_restore(run_id: str) -> None:
    """Opens the question; a callback."""
    st.session_state[_FLAG] = run_id
    st.rerun()


def is_asking(run_id: str) -> bool:
    """Whether the question is open on that run."""
    return st.session_state.get(_FLAG) == run_id


def draw_question(desk: Desk, run_id: str, found: Undoing) -> None:
    """What putting back everything that a run wrote does, and the order to do it."""

    @guarded()
    def restore() -> None:
        stop_asking()
        restored = desk.restore_run(run_id)
        what = amount(len(restored.keys), len(restored.levels))
        words = text("undo.all_done", what=what)
        if restored.left:
            left = (named_part(part) for part in restored.left)
            words = f"{words} {text('undo.left', what=listing(left))}"
        session.notify(words)

    @st.dialog(text("undo.all_title"), on_dismiss=stop_asking)
    def dialog() -> None:
        if not is_asking(run_id):
            # A button in here reran the dialog alone; the page behind it must follow.
            st.rerun()
        what = amount(found.standing, len(found.levels))
        words = text("undo.all_ask", what=what)
        edited = sum(piece.state == "edited" for piece in found.pieces) + len(found.levels_left)
        if edited:
            words = f"{words} {count('undo.all_edited', edited)}"
        st.markdown(words)
        with st.container(horizontal=True, horizontal_alignment="right", key="restore-buttons"):
            st.button(text("confirm.cancel"), key="restore-cancel", on_click=stop_asking)
            st.button(text("undo.all_yes"), key="restore-yes", type="primary", on_click=restore)

    dialog()


def stop_asking() -> None:
    """Closes the question; a callback."""
    st.session_state.pop(_FLAG, None)
