"""Expanders that stay as the reader left them; what is in one is drawn only when it is open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import streamlit as st


def box(label: str, key: str, kind: Literal["default", "compact"] = "default") -> Any:
    """An expander that stays as the reader left it, whatever becomes of its label.

    To Streamlit one with another label is another one, and it would come back closed.
    """

    def remember() -> None:
        (open_ if st.session_state.get(key) else close)(key)

    labels: dict[str, str] = st.session_state.setdefault("boxes", {})
    if labels.get(key) != label or key not in st.session_state:
        # Told only then: said in every run, it would take back a click that is on its way.
        labels[key] = label
        st.session_state[key] = key in _opened()
    return st.expander(label, key=key, on_change=remember, type=kind)


def open_(*keys: str) -> None:
    """Opens the expanders of these keys; a callback."""
    _opened().update(keys)
    _tell(keys, opened=True)


def close(*keys: str) -> None:
    """Closes the expanders of these keys; a callback."""
    _opened().difference_update(keys)
    _tell(keys, opened=False)


def _tell(keys: Iterable[str], *, opened: bool) -> None:
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = opened


def _opened() -> set[str]:
    opened: set[str] = st.session_state.setdefault("opened", set())
    return opened
