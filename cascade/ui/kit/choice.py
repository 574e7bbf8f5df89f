"""A field that narrows a list: one of what there is, or any of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from cascade.ui.kit.texts import text


def chosen(key: str) -> Any:
    """What a field narrows its list to; None where it does not."""
    return st.session_state.get(key)


def draw_choice(
    key: str, label: str, named: Mapping[str, str], on_change: Callable[[], None]
) -> None:
    """The field; what was chosen stays to be seen where nothing of it is left."""
    now = chosen(key)
    options = [*named, *([now] if now is not None and now not in named else [])]
    st.selectbox(
        label,
        options,
        index=None,
        format_func=lambda one: named.get(one, one),
        key=key,
        placeholder=text("table.any"),
        on_change=on_change,
        width=190,
    )
