"""A beat's numeric editor, and the way back to its saved level."""

from __future__ import annotations

import streamlit as st

from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import session
from cascade.ui.kit.field import showing
from cascade.ui.kit.texts import text
from cascade.ui.studio.bending import Bending, number


def draw_number(bending: Bending, beat_key: str) -> None:
    """The editor, as a part of the page of its own."""
    with st.container(
        horizontal=True, gap=None, vertical_alignment="center", key=f"number-{beat_key}"
    ):
        session.fragment(_draw, key=number(beat_key))(bending, beat_key)


def _draw(bending: Bending, beat_key: str) -> None:
    story, levels = bending.read(number(beat_key))
    level = levels[beat_key]
    field = showing(f"level-{story.id}-{beat_key}", level)

    def take_over() -> None:
        # An emptied field is no level yet.
        if (moved_to := field.heard()) is not None:
            bending.edit(story, {beat_key: moved_to})

    label = story.structure.beat(beat_key).label
    saved = story.curve[beat_key]
    if bending.enabled and level != saved:
        st.button(
            text("editor.put_back", beat=label, level=saved),
            key=f"back-{beat_key}",
            type="tertiary",
            icon=":material/close:",
            on_click=bending.edit,
            args=(story, {beat_key: saved}),
        )
    st.number_input(
        label,
        min_value=LOWEST,
        max_value=HIGHEST,
        step=1,
        key=field.key,
        disabled=not bending.enabled,
        on_change=take_over,
        label_visibility="collapsed",
        width=124,
    )
