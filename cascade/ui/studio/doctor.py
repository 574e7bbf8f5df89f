"""The writer's state, where a model writes: asked for by a button, told in one line."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk, Diagnosis
from cascade.ui.kit.problems import diagnosis
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import text

_FOUND = "diagnosis"


def draw_check(desk: Desk) -> None:
    """A button that asks the writer's server, and what it answered last. Nothing for offline."""
    if not desk.writer.has_server:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="check"):
        asked = st.button(text("check.button"), key="check-writer", help=text("check.help"))
        line = st.container()
        with line:
            if asked:
                with st.spinner(text("check.asking")):
                    st.session_state[_FOUND] = desk.diagnose()
            found = st.session_state.get(_FOUND)
            if isinstance(found, Diagnosis):
                _draw_found(found)


def _draw_found(found: Diagnosis) -> None:
    words = escape(_in_words(found))
    if found.problem is None:
        st.markdown(f":material/check_circle: {words}")
        return
    # A server that cannot be reached has nothing more to tell than that.
    problem = escape(diagnosis(found))
    words = f"{problem} ({words})" if words else problem
    if found.ready:
        st.warning(words, icon=":material/warning:")
    else:
        st.error(words, icon=":material/error:")


def _in_words(found: Diagnosis) -> str:
    """What could be found out, in one line; what could not is left out."""
    words = []
    for name in ("reachable", "key_accepted", "model_known"):
        value: bool | None = getattr(found, name)
        if value is not None:
            key = f"check.yes.{name}" if value else f"check.no.{name}"
            words.append(text(key, model=found.model))
    if found.form is not None:
        words.append(text(f"check.form.{found.form}"))
    if found.latency_ms is not None:
        words.append(text("check.latency", ms=found.latency_ms))
    return ", ".join(words)
