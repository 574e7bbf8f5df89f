"""Expanders that stay as the reader left them; what is in one is drawn only when it is open."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st


def box(label: str, key: str, kind: Literal["default", "compact"] = "default") -> Any:
    """An expander that stays as the reader left it, whatever becomes of its label.

    To Streamlit one with another label is another one, and it would come back closed.
    """
    opened: set[str] = st.session_state.setdefault("opened", set())

    def remember() -> None:
        (opened.add if st.session_state.get(key) else opened.discard)(key)

    labels: dict[str, str] = st.session_state.setdefault("boxes", {})
    if labels.get(key) != label or key not in st.session_state:
        # Told only then: said in every run, it would take back a click that is on its way.
        labels[key] = label
        st.session_state[key] = key in opened
    return st.expander(label, key=key, on_change=remember, type=kind)
