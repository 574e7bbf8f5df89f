"""The Arc Studio: one story at a time, its run, its curve, its words.

What is shown follows from the address and the database alone, so that a refresh, a second tab
and a link that was sent to somebody show the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.errors import CascadeError, DatabaseAway
from cascade.service import Actor, Pulse, RunView, Service, StorySummary
from cascade.story.document import Story
from cascade.ui import session
from cascade.ui.beats import draw_beats
from cascade.ui.editor import draw_editor
from cascade.ui.head import draw_head
from cascade.ui.run_view import draw_run
from cascade.ui.session import guarded
from cascade.ui.texts import text

# How often an open page looks whether something has happened elsewhere.
WATCH_S = 2.0
_PARTS = ("head", "run", "curve", "beats")


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
    # Taken before anything is read: what changes meanwhile is then seen as a change.
    pulse = service.pulse(who, story_id)
    story = service.story(story_id)
    # Each part has a place of its own: a run that comes or goes moves no other part, which would
    # be made anew, and flicker.
    head, above, curve, below = (st.container(key=f"part-{name}") for name in _PARTS)
    with head:
        draw_head(service, who, stories, story, may=may)
        for error in trouble:
            session.show_error(error)
    newest = next(iter(service.runs(story_id, limit=1)), None)
    active = service.active_run(story_id)
    if run is None and active is not None:
        run = active
        session.go(story=story_id, run=run.id)
    undone = None
    with above:
        # With a run on the page its own head shows what went wrong: that is where the button was.
        if run is None:
            session.show_problem("page")
            session.show_notice()
            _draw_last_run(story, newest)
        else:
            undone = draw_run(service, who, story, run, may=may)
    with curve:
        draw_editor(service, who, story_id, may=may, active=active, undone=undone)
    with below:
        draw_beats(service, story_id, new_from={one.id for one in (run, newest) if one is not None})
    _watch(service, who, story_id, pulse)


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


def _watch(service: Service, who: Actor, story_id: str, drawn: Pulse) -> None:
    """Draws the page anew once something on it has changed: by another tab, a run, an operator."""

    def has_changed() -> bool:
        try:
            now = service.pulse(who, story_id)
        except DatabaseAway:
            return True  # The page as a whole says so, and waits for it.
        # The editor draws itself after an edit of its own, so its draft is what counts.
        return now.rest != drawn.rest or now.draft_at != session.shown_draft(story_id).kept_at

    session.redraw_when(has_changed, WATCH_S)
