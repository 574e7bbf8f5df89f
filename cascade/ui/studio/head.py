"""The story's part of the bar: which one, what it is, whose credits, who writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from cascade.display import readable
from cascade.service import Desk, Funds, StorySummary, Studio
from cascade.story.story import Story
from cascade.story.structures import STRUCTURES
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.language import language
from cascade.ui.kit.prose import escape, first_words, paragraphs
from cascade.ui.kit.texts import count, text
from cascade.ui.kit.writer import offline_label
from cascade.ui.session import guarded
from cascade.ui.shell import announce, bar
from cascade.ui.studio.doctor import draw_check
from cascade.ui.studio.importing import draw_import

# How often credits that are held are looked at.
HELD_S = 2.0
_LONGEST_TITLE, _SHORT_TITLE = 120, 24


def draw_head(desk: Desk, studio: Studio, story: Story | None) -> None:
    """The story's part of the bar: the picker, what the story is, credits, and what else there is.

    The way to another story comes first: this may be one that cannot be read.
    """
    head, story_id = studio.head.get(), studio.story_id
    names = {one.id: one for one in studio.stories}
    titles = _told_apart(studio.stories)
    labels = {story_id: _named(title, names[story_id]) for story_id, title in titles.items()}
    # Known by its words alone, which are others in another language.
    key = f"story-{language()}"

    @guarded()
    def choose() -> None:
        if chosen := st.session_state.get(key):
            address.go(story=chosen)

    if st.session_state.get(key) != story_id:
        st.session_state[key] = story_id
    with bar():
        st.selectbox(
            text("head.story"),
            list(titles),
            format_func=labels.__getitem__,
            key=key,
            on_change=choose,
            label_visibility="collapsed",
        )
        _draw_elsewhere(head.elsewhere, titles)
        with st.container(width="content", key="funds"):
            _draw_funds(desk, story_id, head.funds)
        with st.popover(
            text("head.more"), icon=":material/more_horiz:", key="more", width="content"
        ):
            if story is not None and story.structure:
                with session.shielded():
                    _draw_about(story)
                st.divider()
            _draw_writer(desk)
            if "import" in studio.may:
                st.divider()
                draw_import(desk, story_id)
            if head.may_reset:
                _draw_reset(desk, names[story_id].title)


def _draw_elsewhere(runs: Mapping[str, str], titles: Mapping[str, str]) -> None:
    """The runs under way on other stories, each a way to it."""
    shown = [
        (address.link(story=story_id, run=run_id), first_words(titles[story_id], _SHORT_TITLE))
        for story_id, run_id in runs.items()
        if story_id in titles
    ]
    with st.container(width="content", key="elsewhere"):
        if shown:
            st.html(render("studio/elsewhere", runs=shown, name=count("head.at_work", len(shown))))


def _named(title: str, story: StorySummary) -> str:
    """A story in the picker: its title, language, structure, and how long it is."""
    structure = STRUCTURES.get(story.structure_type)
    parts = [title, story.language.upper(), structure.name if structure else story.structure_type]
    return " · ".join([*parts, count("beats.scenes", story.scenes)])


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


def _draw_funds(desk: Desk, story_id: str, drawn: Funds) -> None:
    """Credits; as long as some are held, which become fewer with every step, live."""
    is_full_run = True

    def funds() -> None:
        now = drawn if is_full_run else desk.funds(story_id)
        st.markdown(f"**{escape(_credits(now))}**", width="content")

    session.fragment(funds, run_every=HELD_S if drawn.held else None)()
    is_full_run = False


def _credits(funds: Funds) -> str:
    if funds.held:
        return text("head.credits_held", available=funds.available, held=funds.held)
    return count("head.credits", funds.available)


def _draw_about(story: Story) -> None:
    """What the story is: its structure, genre and tone, and its synopsis."""
    structure = story.structure
    about = [
        text("head.about", structure=structure.name, author=structure.author),
        *(first_words(readable(words), 200) for words in (story.genre, story.tone) if words),
    ]
    st.caption(escape(" · ".join(about)))
    if story.synopsis:
        # What else is in the menu is not to be pushed out of sight by it.
        with st.container(height=150, border=False, key="synopsis"):
            st.html(paragraphs(story.synopsis))
        name = text("head.synopsis")
        announce("synopsis", regions={"synopsis": {"role": "region", "name": name}})


def _draw_writer(desk: Desk) -> None:
    """Who writes here; for a model whether its server is ready."""
    writer = desk.writer
    if writer.is_offline:
        words = text("demo.writer", label=offline_label(), model=writer.model)
    else:
        words = text("head.writer", model=writer.model)
    st.markdown(escape(words))
    draw_check(desk)


def _draw_reset(desk: Desk, title: str) -> None:
    """Begins again, where nobody's work is lost by it; asks first, and names what goes.

    The story of that title is shown after it, too: its id is another one then.
    """

    @guarded()
    def reset() -> None:
        desk.reset_demo()
        session.forget()
        address.go(story=title)
        session.notify(text("demo.done"))

    def ask() -> None:
        st.session_state["demo-asked"] = True

    st.divider()
    if not st.session_state.get("demo-asked"):
        st.button(text("demo.reset"), key="demo-reset", icon=":material/restart_alt:", on_click=ask)
        return
    st.markdown(text("demo.ask"))
    st.button(text("demo.yes"), key="demo-reset-yes", on_click=reset)
