"""The page's head: which story, whose credits, who writes, and what this place is."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.display import readable
from cascade.service import Desk, Funds, StorySummary, Studio
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.prose import escape, first_words, paragraphs
from cascade.ui.kit.texts import count, text
from cascade.ui.kit.writer import offline_label
from cascade.ui.session import guarded
from cascade.ui.studio.doctor import draw_check

# How often credits that are held are looked at.
HELD_S = 2.0
_LONGEST_TITLE = 120


def draw_head(desk: Desk, studio: Studio) -> None:
    """The picker and, beside it, credits, user and writer."""
    head, story_id = studio.head.get(), studio.story_id
    if desk.writer.is_offline:
        title = next(one.title for one in studio.stories if one.id == story_id)
        _draw_demo_bar(desk, title, may_reset=head.may_reset)
    titles = _told_apart(studio.stories)

    @guarded()
    def choose() -> None:
        if chosen := st.session_state.get("story"):
            session.go(story=chosen)

    if st.session_state.get("story") != story_id:
        st.session_state["story"] = story_id
    picker, figures = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
    picker.selectbox(
        text("head.story"),
        list(titles),
        format_func=lambda story_id: titles[story_id],
        key="story",
        on_change=choose,
    )
    with figures:
        _draw_figures(desk, story_id, head.funds)
    draw_check(desk)


def _told_apart(stories: Sequence[StorySummary]) -> dict[str, str]:
    """The stories' titles by id, those that are there again with a number.

    A product has several versions of one story; what is chosen is known by its words alone.
    """
    titles: dict[str, str] = {}
    taken: set[str] = set()
    for one in stories:
        title = told = first_words(readable(one.title or one.id), _LONGEST_TITLE)
        n = 1
        while told in taken:
            n += 1
            told = f"{title} ({n})"
        taken.add(told)
        titles[one.id] = told
    return titles


def _draw_figures(desk: Desk, story_id: str, drawn: Funds) -> None:
    """Credits and names; as long as credits are held, which become fewer with every step, live."""
    is_full_run = True

    def figures() -> None:
        funds = drawn if is_full_run else desk.funds(story_id)
        user = text("head.user", name=desk.actor.display_name)
        lines = [f"**{escape(_credits(funds))}** · {escape(user)}"]
        if not desk.writer.is_offline:
            # The demo bar says who writes where no model does.
            lines.append(escape(text("head.writer", model=desk.writer.model)))
        st.caption("  \n".join(lines))

    session.fragment(figures, run_every=HELD_S if drawn.held else None)()
    is_full_run = False


def _credits(funds: Funds) -> str:
    if funds.held:
        return text("head.credits_held", available=funds.available, held=funds.held)
    return count("head.credits", funds.available)


def draw_about(story: Story) -> None:
    """What the story is: its structure, genre and tone, and its synopsis."""
    structure = story.structure
    about = [
        text("head.about", structure=structure.name, author=structure.author),
        *(first_words(readable(words), 200) for words in (story.genre, story.tone) if words),
    ]
    st.caption(escape(" · ".join(about)))
    if story.synopsis:
        with st.expander(text("head.synopsis"), type="compact", key=f"synopsis-{story.id}"):
            st.html(paragraphs(story.synopsis))


def _draw_demo_bar(desk: Desk, title: str, *, may_reset: bool) -> None:
    """Says that no model writes here; offers to begin again, where nobody's work is lost by it.

    The story of that title is shown after it, too: its id is another one then.
    """

    @guarded()
    def reset() -> None:
        desk.reset_demo()
        session.forget()
        session.go(story=title)
        session.notify(text("demo.done"))

    with st.container(key="demo", horizontal=True, vertical_alignment="center"):
        words = text("demo.writer", label=offline_label(), model=desk.writer.model)
        st.markdown(escape(words), width="stretch")
        if not may_reset:
            return
        with st.popover(text("demo.reset"), icon=":material/restart_alt:", key="demo-reset"):
            st.markdown(text("demo.ask"))
            st.button(text("demo.yes"), key="demo-reset-yes", type="primary", on_click=reset)
