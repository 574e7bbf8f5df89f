"""Bringing a story in from the page."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.texts import text
from cascade.ui.session import guarded
from cascade.ui.shell import announce

# Another field each time: a file that was taken is not offered once more.
_TURN = "imported"
# Streamlit's own words there are English, whatever the page speaks: these stand in their place.
_FIELD = "[data-testid='stFileUploaderDropzone']"


def draw_import(desk: Desk, beside: str | None = None) -> None:
    """A field for a file, for whoever may import; into the project of the story `beside` it."""
    turn = st.session_state.get(_TURN, 0)
    key = f"import-{turn}"

    @guarded()
    def take() -> None:
        if (file := st.session_state.get(key)) is None:
            return
        st.session_state[_TURN] = turn + 1
        story_id = desk.import_document(file.name, file.getvalue(), beside)
        address.go(story=story_id)
        session.notify(text("import.done"))

    st.file_uploader(
        text("import.label"), type=["json"], key=key, help=text("import.help"), on_change=take
    )
    announce(
        "import",
        names={f"{_FIELD} button": text("import.choose"), f"{_FIELD} input": text("import.label")},
    )
