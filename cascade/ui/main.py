"""The shell around every page: look, name, language. Streamlit runs it as a script."""

from pathlib import Path

import streamlit as st

from cascade.errors import DatabaseAway
from cascade.ui import pages, session
from cascade.ui.kit import language
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text
from cascade.ui.shell import announce, make_bar
from cascade.ui.viewer import draw_door, draw_no_project, find_viewer

# How often a page without a database looks whether it is back.
AWAY_S = 2.0
HERE = Path(__file__).parent
# In this order: what a later one says counts.
STYLES = ("words", "frame", "bar", "studio", "run", "tables", "approvals", "curve")


def main() -> None:
    """Draws the shell and the page in it."""
    # The icon's own text and no icon name or emoji: those are fetched from other servers.
    icon = (HERE / "icon.svg").read_text(encoding="utf-8")
    st.set_page_config(page_title=text("app.name"), page_icon=icon, layout="wide")
    for name in STYLES:
        st.html(HERE / "styles" / f"{name}.css")
    if scheme := st.context.theme.type:
        # Dialogs lie outside the app's own element and would follow the system, not the reader.
        st.html(render("shell/scheme", scheme=scheme))
    asked, page = pages.asked_for()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        st.title(text("app.name"), anchor=False, width="content")
        make_bar()
        pages.make_navigation(asked)
        _draw_languages()
        whose = st.container(width="content", key="bar-viewer")
    # Streamlit's own words in English, and a stop of the keyboard without any: it scrolls where the
    # window is small.
    names = {"a[href='#stMain']": text("app.skip"), "[data-testid='stMain']": text("app.name")}
    announce("shell", names=names)
    if session.provided() is None:
        st.error(text("app.no_service"))
        return
    try:
        with whose:
            may_enter = find_viewer()
        if not may_enter:
            draw_door()
            return
        session.note_seen()
        if asked is pages.STUDIO and not st.query_params and session.is_first_draw():
            _go_to_first()
        if asked.needs is None or _may_see(asked.needs):
            page.run()
    except DatabaseAway as error:
        session.show_error(error)
        session.redraw_when(_is_database_back, AWAY_S)
    except Exception as error:
        session.show_error(session.expected(error))


def _go_to_first() -> None:
    """Shows first what somebody came for: whoever decides and does not write, what waits."""
    desk = session.desk()
    if "approve" in desk.may_see() and not desk.may_import():
        pages.go_to(pages.APPROVALS)


def _may_see(needs: str) -> bool:
    desk = session.desk()
    rights = desk.may_see()
    waiting = desk.count_waiting() if "approve" in rights else 0
    pages.draw_navigation(rights, waiting)
    if "read" not in rights:
        draw_no_project()
    elif needs not in rights:
        st.error(text("page.not_yours"), icon=":material/lock:")
    return needs in rights


def _is_database_back() -> bool:
    return session.service().readiness()["database"]


def _draw_languages() -> None:
    def choose() -> None:
        language.choose(st.session_state["language-switch"])

    st.session_state["language-switch"] = language.language()
    st.segmented_control(
        text("app.language"),
        language.LANGUAGES,
        format_func=lambda one: language.NAMES[one],
        required=True,
        key="language-switch",
        on_change=choose,
        label_visibility="collapsed",
        width="content",
    )


main()
