"""A wish for each changed beat, in one line: how its change is to be told. Optional."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk, Draft
from cascade.story.limits import LIMITS
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.expanders import box
from cascade.ui.kit.texts import count, text
from cascade.ui.session import guarded


def draw_directions(desk: Desk, story: Story, draft: Draft) -> None:
    """A field for each pending beat, in an expander that says how many are filled in."""
    given = draft.directions

    @guarded("editor")
    def take_over(beat_key: str, key: str) -> None:
        if (words := st.session_state.get(key)) is not None:
            session.direct(desk, story, beat_key, words)

    label = count("directions.given", len(given)) if given else text("directions.none")
    opened = box(label, f"directions-{story.id}", "compact")
    if not opened.open:
        return
    with opened:
        offline = desk.writer.is_offline
        st.caption(text("directions.offline" if offline else "directions.help"))
        for beat_key in draft.levels:
            key = f"direction-{story.id}-{beat_key}"
            st.session_state[key] = given.get(beat_key, "")
            st.text_input(
                # As it is: a screen reader would read Markdown's escapes aloud.
                text("directions.label", beat=story.structure.beat(beat_key).label),
                key=key,
                max_chars=LIMITS["direction"],
                placeholder=text("directions.example"),
                on_change=take_over,
                args=(beat_key, key),
            )
