"""The pages: where each is, and what right it takes to see it."""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text

_navigation: ContextVar[tuple[DeltaGenerator, Page]] = ContextVar("navigation")
_PAGES = Path(__file__).parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class Page:
    """A page, by the name of its file, address and text, and what it `needs` to be seen."""

    name: str
    needs: str | None = None


STUDIO = Page("studio")
APPROVALS = Page("approvals", needs="approve")
PAGES = (
    STUDIO,
    Page("runs", needs="read"),
    APPROVALS,
    Page("credits", needs="read"),
    Page("people", needs="people"),
    Page("audit", needs="audit"),
)


def asked_for() -> tuple[Page, StreamlitPage]:
    """The page that the address asks for; the studio where it asks for none."""
    made = _made()
    asked = st.navigation(list(made.values()), position="hidden")
    name = next(name for name, one in made.items() if one.url_path == asked.url_path)
    return next(page for page in PAGES if page.name == name), asked


def _made() -> dict[str, StreamlitPage]:
    return {
        page.name: st.Page(
            _PAGES / f"{page.name}.py",
            title=text(f"page.{page.name}"),
            url_path=None if page is STUDIO else page.name,
            default=page is STUDIO,
        )
        for page in PAGES
    }


def go_to(page: Page) -> NoReturn:
    """Shows another page in place of the one that was asked for."""
    st.switch_page(_made()[page.name])


def make_navigation(shown: Page) -> None:
    """Makes the place of the ways to the pages; the page that is shown says which there are."""
    _navigation.set((st.container(width="content", key="bar-pages"), shown))


def draw_navigation(rights: Collection[str], waiting: int) -> None:
    """The ways to the pages that the reader may see, where there is more than one.

    `waiting` is how many requests wait for their decision.
    """
    place, shown = _navigation.get()
    links = [
        {
            "name": text(f"page.{page.name}"),
            "address": "./" if page is STUDIO else f"./{page.name}",
            "is_shown": page is shown,
            "more": waiting if page is APPROVALS else 0,
        }
        for page in PAGES
        if page.needs is None or page.needs in rights
    ]
    if len(links) > 1:
        place.html(render("shell/pages", pages=links, name=text("page.name")))
