"""Expanders that stay as the reader left them; what is in one is drawn only when it is open."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st


def box(label: str, key: str, kind: Literal["default", "compact"] = "default") -> Any:
    """An expander that stays as the reader left it, whatever becomes of its label.

    To Streamlit one with another label is another one, and it would come back closed.
    """

    def remember() -> None:
        (open_ if st.session_state[key] else close)(key)

    st.session_state[key] = key in _opened()
    return st.expander(label, key=key, on_change=remember, type=kind)


def open_(*keys: str) -> None:
    """Opens the expanders of these keys; a callback."""
    _opened().update(keys)


def close(*keys: str) -> None:
    """Closes the expanders of these keys; a callback."""
    _opened().difference_update(keys)


def _opened() -> set[str]:
    opened: set[str] = st.session_state.setdefault("opened", set())
    return opened
