"""What Streamlit does not do for the page: its bar, its regions, and what a screen reader hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TypedDict

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cascade.ui.kit import language
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text

_bar: ContextVar[DeltaGenerator] = ContextVar("bar")


class Bring(TypedDict):
    """What is brought to the reader: a selector, and a word that is another each time.

    `focus` puts the keyboard there, `scroll` brings it to the top of what is seen, `nearest` just
    into it, within its own pane; `top` scrolls what is in it back to where it begins.
    """

    to: str
    time: str
    how: Literal["focus", "scroll", "nearest", "top"]


class Region(TypedDict):
    """A part of the page that a screen reader knows by role and name."""

    role: Literal["region", "navigation"]
    name: str


_HERE = Path(__file__).parent

_draw = st.components.v2.component(
    "cascade.shell",
    html=render("shell/live"),
    js=(_HERE / "shell.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def make_bar() -> None:
    """Makes the place in the page's bar that a page fills with what is its own."""
    _bar.set(st.container(key="bar-page", horizontal=True, vertical_alignment="center"))


def bar() -> DeltaGenerator:
    """That place."""
    return _bar.get()


def announce(
    name: str,
    words: str = "",
    *,
    aloud: str = "",
    title: str = "",
    bring: Bring | None = None,
    regions: Mapping[str, Region] | None = None,
    names: Mapping[str, str] | None = None,
    preload: Sequence[str] = (),
    who: str | None = None,
) -> None:
    """Has a screen reader say `words` when they change; one `name` a part of the page.

    `aloud` selects an element of the page whose own words are said when they change. `title` is the
    window's as long as it is not empty and its part of the page is there.
    `bring` says what to bring to the reader. `regions` are the parts of the page by their keys,
    `names` what Streamlit gives no name of its own, by selector. `preload` are addresses of scripts
    that a part of the page still to come will need. `who` has signed in, empty where nobody has:
    the browser's other tabs follow, and what was asked for before is kept until somebody is in.
    """
    _draw(
        key=f"live-{name}",
        data={
            "name": name,
            "say": words,
            "aloud": aloud,
            "title": title,
            "bring": bring,
            "regions": regions,
            "names": names,
            "preload": list(preload),
            "who": who,
            "away": text("app.away"),
            "language": language.language(),
            "cookie": language.COOKIE,
            "remember": language.was_chosen(),
        },
    )
