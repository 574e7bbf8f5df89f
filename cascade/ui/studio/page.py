"""The studio: one story at a time, its run, its curve, its words.

What is shown follows from the address and the database alone, so that a refresh, a second tab
and a link that was sent to somebody show the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cascade.errors import CascadeError, DatabaseAway, StoryGone, UnknownStory
from cascade.service import Desk, Pulse, RunView, StorySummary
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.texts import text
from cascade.ui.run.view import draw_run
from cascade.ui.session import guarded
from cascade.ui.studio.beats import draw_beats
from cascade.ui.studio.editor import draw_editor
from cascade.ui.studio.head import draw_about, draw_head

# How often an open page looks whether something has happened elsewhere.
WATCH_S = 2.0
_PARTS = ("head", "run", "curve", "beats")


def draw_studio(desk: Desk) -> None:
    """The whole page."""
    stories = desk.stories()
    if not stories:
        st.info(
            f"**{text('empty.stories')}.** {text('empty.stories_help')}",
            icon=":material/library_books:",
        )
        return
    story_id, run, trouble = _find(desk, stories)
    may = desk.permitted(story_id)
    # Taken before anything is read: what changes meanwhile is then seen as a change.
    pulse = desk.pulse(story_id)
    # Each part has a place of its own: a run that comes or goes moves no other part, which would
    # be made anew, and flicker. And each is shielded: what goes wrong in it is said in it.
    places = [st.container(key=f"part-{name}") for name in _PARTS]
    head, above = places[:2]
    with head, session.shielded():
        # The way to another story comes first: this may be one that cannot be read.
        draw_head(desk, stories, story_id, may=may)
    story = None
    with above, session.shielded():
        read = desk.story(story_id)
        # One of a structure that is not known has no curve and no beats: that is said once.
        story = read if read.structure else None
    if story is not None:
        _draw_story(desk, story, run, places, may=may)
    with head:
        for error in trouble:
            session.show_error(error)
    _watch(desk, story_id, pulse)


def _draw_story(
    desk: Desk,
    story: Story,
    run: RunView | None,
    places: Sequence[DeltaGenerator],
    *,
    may: frozenset[str],
) -> None:
    """What a story is, its run, its curve and its words, each in its place."""
    head, above, curve, below = places
    with head, session.shielded():
        draw_about(story)
    newest = active = undone = None
    with above, session.shielded():
        newest = next(iter(desk.runs(story.id, limit=1)), None)
        active = desk.active_run(story.id)
        if run is None and active is not None:
            run = active
            session.go(story=story.id, run=run.id)
        # With a run on the page its own head shows what went wrong: that is where the button was.
        if run is None:
            session.show_problem("page")
            session.show_notice()
            _draw_last_run(story, newest)
        else:
            undone = draw_run(desk, story, run, may=may)
    with curve, session.shielded():
        draw_editor(desk, story.id, may=may, active=active, undone=undone)
    with below, session.shielded():
        draw_beats(desk, story.id, new_from={one.id for one in (run, newest) if one is not None})


def _find(
    desk: Desk, stories: Sequence[StorySummary]
) -> tuple[str, RunView | None, list[CascadeError]]:
    """The story and the run that the address asks for, and what of it there is not."""
    trouble: list[CascadeError] = []
    if asked := session.asked_for("run"):
        try:
            run = desk.run(desk.find_run(asked))
            if run.story_id in {story.id for story in stories}:
                return run.story_id, run, trouble
            raise StoryGone(run.id)
        except DatabaseAway:
            raise
        except Exception as error:
            run = None
            trouble.append(session.expected(error))
    story_id = stories[0].id
    if asked := session.asked_for("story"):
        if asked in {story.id for story in stories}:
            story_id = asked
        else:
            try:
                story_id = desk.story(asked).id
            except DatabaseAway:
                raise
            except Exception as error:
                trouble.append(session.expected(error))
    return story_id, None, trouble


def _draw_last_run(story: Story, newest: RunView | None) -> None:
    """Says so where the newest run stopped half-way: it can be resumed from here."""
    if newest is None or not newest.is_resumable:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="last-run"):
        st.markdown(text(f"run.last.{newest.status}"), width="stretch")
        st.button(
            text("run.last_show"),
            key=f"show-{newest.id}",
            on_click=guarded()(session.go),
            kwargs={"story": story.id, "run": newest.id},
        )


def _watch(desk: Desk, story_id: str, drawn: Pulse) -> None:
    """Draws the page anew once something on it has changed: by another tab, a run, an operator."""

    def has_changed() -> bool:
        try:
            now = desk.pulse(story_id)
        except (DatabaseAway, UnknownStory):
            return True  # The page as a whole says so.
        # The editor draws itself after an edit of its own, so its draft is what counts.
        return now.rest != drawn.rest or now.draft_at != session.shown_draft(story_id).kept_at

    session.redraw_when(has_changed, WATCH_S)
