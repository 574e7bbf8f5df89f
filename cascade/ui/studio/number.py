"""A beat's numeric editor, and the way back to its saved level."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from cascade.story.story import Story
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import session
from cascade.ui.kit.texts import text
from cascade.ui.studio.bending import Bending, number


@dataclass(frozen=True, slots=True)
class _Field:
    """What a numeric editor says as far as the page knows.

    A level that did not come from the editor itself makes a new version of it, and what an old
    one still says is not heard: a rerun that was already on its way from the browser carries the
    value from before, which looks like somebody's edit and would undo the one just made elsewhere.
    """

    version: int
    level: int

    def key(self, story: Story, beat_key: str) -> str:
        """The editor's key in session state."""
        return f"level-{story.id}-{beat_key}-{self.version}"


def draw_number(bending: Bending, beat_key: str) -> None:
    """The editor, as a part of the page of its own."""
    with st.container(
        horizontal=True, gap=None, vertical_alignment="center", key=f"number-{beat_key}"
    ):
        session.fragment(_draw, key=number(beat_key))(bending, beat_key)


def _draw(bending: Bending, beat_key: str) -> None:
    story, levels = bending.read(number(beat_key))
    fields: dict[str, _Field] = st.session_state.setdefault(f"fields/{story.id}", {})
    level = levels[beat_key]
    field = fields.setdefault(beat_key, _Field(0, level))
    if field.level != level:
        field = fields[beat_key] = _Field(field.version + 1, level)
    key = field.key(story, beat_key)

    def take_over() -> None:
        is_current = fields[beat_key].version == field.version
        # The session has forgotten it where a reset of the demo came just before.
        value = st.session_state.get(key) if is_current else None
        # An emptied field is no level yet, and one that says what it was told is no edit.
        if value is not None and value != fields[beat_key].level:
            fields[beat_key] = _Field(field.version, value)
            bending.edit(story, {beat_key: value})

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
    st.session_state[key] = level
    st.number_input(
        label,
        min_value=LOWEST,
        max_value=HIGHEST,
        step=1,
        key=key,
        disabled=not bending.enabled,
        on_change=take_over,
        label_visibility="collapsed",
        width=124,
    )
