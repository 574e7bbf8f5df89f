"""The Arc Studio: one story at a time, its run, its curve, its words.

What is shown follows from the address and the database alone, so that a refresh, a second tab
and a link that was sent to somebody show the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Actor, RunView, Service, StorySummary
from cascade.story.document import Story
from cascade.ui import session
from cascade.ui.beats import draw_beats
from cascade.ui.check import draw_check
from cascade.ui.editor import draw_editor
from cascade.ui.prose import escape, paragraphs
from cascade.ui.run_view import draw_run
from cascade.ui.session import guarded
from cascade.ui.texts import text
from cascade.ui.writer import writer_words


def draw_studio(service: Service) -> None:
    """The whole page."""
    stories = service.stories()
    if not stories:
        st.info(
            f"**{text('empty.stories')}.** {text('empty.stories_help')}",
            icon=":material/library_books:",
        )
        return
    who = session.actor()
    story_id, run, trouble = _find(service, stories)
    may = service.permitted(who, story_id)
    story = service.story(story_id)
    _draw_head(service, who, stories, story)
    for error in trouble:
        session.show_error(error)
    active = _active_run(service, story_id)
    if run is None and active is not None:
        run = active
        session.go(story=story_id, run=run.id)
    # With a run on the page its own head shows what went wrong: that is where the button was.
    if run is None:
        session.show_problem()
        _draw_last_run(service, story)
    else:
        draw_run(service, who, story, run, may=may)
        # A run that ended while it was drawn has moved the curve.
        story = service.story(story_id)
    draw_editor(service, who, story, may=may, active=active)
    draw_beats(service, story)


def _find(
    service: Service, stories: Sequence[StorySummary]
) -> tuple[str, RunView | None, list[CascadeError]]:
    """The story and the run that the address asks for, and what of it there is not."""
    trouble: list[CascadeError] = []
    run = None
    if asked := session.asked_for("run"):
        try:
            run = service.run(service.find_run(asked))
            return run.story_id, run, trouble
        except CascadeError as error:
            trouble.append(error)
    story_id = stories[0].id
    if asked := session.asked_for("story"):
        if asked in {story.id for story in stories}:
            story_id = asked
        else:
            try:
                story_id = service.story(asked).id
            except CascadeError as error:
                trouble.append(error)
    return story_id, run, trouble


def _active_run(service: Service, story_id: str) -> RunView | None:
    """The run at work on a story; there is one at most, and it is the newest."""
    newest = service.runs(story_id, limit=1)
    return newest[0] if newest and newest[0].is_active else None


def _draw_head(service: Service, who: Actor, stories: Sequence[StorySummary], story: Story) -> None:
    titles = {one.id: one.title for one in stories}

    @guarded
    def choose() -> None:
        session.go(story=st.session_state["story"])

    if st.session_state.get("story") != story.id:
        st.session_state["story"] = story.id
    picker, figures = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
    picker.selectbox(
        text("head.story"),
        list(titles),
        format_func=lambda story_id: titles[story_id],
        key="story",
        on_change=choose,
    )
    writer = writer_words("head.writer", service.provider.name, service.provider.model)
    credits = text("head.credits", credits=service.balance(who, story.id))
    user = text("head.user", name=who.display_name)
    figures.caption(f"**{escape(credits)}** · {escape(user)}  \n{escape(writer)}")
    draw_check(service)
    structure = story.structure
    about = [
        text("head.about", structure=structure.name, author=structure.author),
        *(words for words in (story.genre, story.tone) if words),
    ]
    st.caption(escape(" · ".join(about)))
    if story.synopsis:
        with st.expander(text("head.synopsis"), type="compact", key=f"synopsis-{story.id}"):
            st.html(paragraphs(story.synopsis))


def _draw_last_run(service: Service, story: Story) -> None:
    """Says so where the newest run stopped half-way: it can be resumed from here."""
    newest = service.runs(story.id, limit=1)
    if not newest or not newest[0].is_resumable:
        return
    run = newest[0]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="last-run"):
        st.markdown(text(f"run.last.{run.status}"), width="stretch")
        st.button(
            text("run.last_show"),
            key=f"show-{run.id}",
            on_click=guarded(session.go),
            kwargs={"story": story.id, "run": run.id},
        )
