"""The four modes of a story's frame, each an address; the search; and that a demo is one."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text
from cascade.ui.kit.writer import offline_label
from cascade.ui.studio.finding import draw_search
from cascade.ui.studio.view import View


def draw_modes(desk: Desk, view: View) -> None:
    """The modes and the search; how many texts a run that the page shows has to be reviewed."""
    shown = address.mode()
    run = address.asked_for("run") or (view.run.id if view.run is not None else None)
    pieces = view.undone.pieces if view.undone is not None else ()
    modes = [
        {
            "name": text(f"mode.{mode}"),
            "address": address.link(
                story=view.story.id,
                mode=None if mode == "arc" else mode,
                run=run if mode == "review" else None,
                text=None,
            ),
            "is_shown": mode == shown,
            "more": len(pieces) if mode == "review" else 0,
        }
        for mode in address.TABS
    ]
    demo = text("demo.line", label=offline_label()) if desk.writer.is_offline else ""
    with st.container(horizontal=True, vertical_alignment="center", key="modes"):
        st.html(render("studio/modes", modes=modes, name=text("mode.name"), demo=demo))
        draw_search()
