"""The invisible part of the page: its language for the browser, and what a screen reader hears."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import streamlit as st

from cascade.ui.kit import language
from cascade.ui.kit.html import render


class Bring(TypedDict):
    """What is brought into view and focus: a selector, and a word that is another each time."""

    to: str
    time: str


_HERE = Path(__file__).parent

_draw = st.components.v2.component(
    "cascade.shell",
    html=render("shell/live"),
    js=(_HERE / "shell.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def announce(
    name: str,
    words: str = "",
    *,
    aloud: str = "",
    title: str | None = None,
    bring: Bring | None = None,
) -> None:
    """Has a screen reader say `words` when they change; one `name` a part of the page.

    `aloud` selects an element of the page whose own words are said when they change. `title` is the
    window's as long as it is not empty; one part of the page alone may say anything about it.
    `bring` says what to bring into view and focus.
    """
    with st.container(key=f"announce-{name}"):
        _draw(
            key=f"live-{name}",
            data={
                "say": words,
                "aloud": aloud,
                "title": title,
                "bring": bring,
                "language": language.language(),
                "cookie": language.COOKIE,
                "remember": language.was_chosen(),
            },
        )
