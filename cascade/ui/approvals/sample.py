"""A request to try: in the demo all who have a part in one can be shown in a minute."""

from __future__ import annotations

import streamlit as st

from cascade.service import Actor
from cascade.ui import session, signing
from cascade.ui.kit.texts import text
from cascade.ui.session import guarded

# Two beats that go the other way, of a story of that structure.
_BEATS = ("midpoint", "allIsLost")


def may_sample() -> bool:
    """Whether there are the sample users, whom everybody can be here."""
    return not signing.providers() and _editor() is not None


def draw_sample() -> None:
    """Has the sample editor ask for a change of the first story that has those beats."""

    @guarded()
    def ask() -> None:
        editor = _editor()
        assert editor is not None
        desk = session.service().desk(editor)
        for listed in desk.stories():
            story = desk.story(listed.id)
            if all(key in story.structure.keys for key in _BEATS):
                levels = {key: 4 if story.curve[key] < 4 else 2 for key in _BEATS}
                desk.start(
                    desk.plan(story.id, levels).plan, ask=True, note=text("approvals.sample_note")
                )
                return

    st.caption(text("approvals.sample_help"))
    st.button(text("approvals.sample"), key="sample-request", on_click=ask)


def _editor() -> Actor | None:
    _, others = session.service().viewers()
    return next((one for one in others if one.name == "editor"), None)
