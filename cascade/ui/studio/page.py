"""The studio: one story at a time, its run, its curve, its words.

What is shown follows from the address and the database alone, so that a refresh, a second tab
and a link that was sent to somebody show the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cascade.errors import DatabaseAway, UnknownStory
from cascade.service import Desk, Pulse, Rest, Runs, RunView, Studio
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.language import first_language
from cascade.ui.kit.texts import count, text
from cascade.ui.run.view import draw_run, no_run
from cascade.ui.session import guarded
from cascade.ui.studio.beats import draw_beats
from cascade.ui.studio.editor import draw_editor
from cascade.ui.studio.head import draw_about, draw_head
from cascade.ui.studio.history import asks_for_all, draw_runs

# How often an open page looks whether something has happened elsewhere.
WATCH_S = 2.0
_PARTS = ("head", "run", "curve", "runs", "beats")


def draw_studio(desk: Desk) -> None:
    """The whole page, of one moment: what it shows is read once, before any of it is drawn."""
    studio = desk.studio(
        session.asked_for("story"),
        session.asked_for("run"),
        language=first_language(),
        all_runs=asks_for_all(),
    )
    if studio is None:
        st.info(
            f"**{text('empty.stories')}.** {text('empty.stories_help')}",
            icon=":material/library_books:",
        )
        return
    # Each part has a place of its own: a run that comes or goes moves no other part, which would
    # be made anew, and flicker. And each is shielded: what goes wrong in it is said in it.
    places = [st.container(key=f"part-{name}") for name in _PARTS]
    head, above = places[:2]
    with head, session.shielded():
        # The way to another story comes first: this may be one that cannot be read.
        draw_head(desk, studio)
    story = None
    with above, session.shielded():
        read = studio.story.get()
        # One of a structure that is not known has no curve and no beats: that is said once.
        story = read if read.structure else None
    if story is not None:
        _draw_story(desk, studio, story, places)
    with head:
        for error in studio.trouble:
            session.show_error(session.expected(error))
    _watch(desk, studio.story_id, studio.pulse)


def _draw_story(desk: Desk, studio: Studio, story: Story, places: Sequence[DeltaGenerator]) -> None:
    """What a story is, its run, its curve and its words, each in its place."""
    head, above, curve, listed, below = places
    with head, session.shielded():
        draw_about(story)
    runs, shown, undone = Runs(), None, None
    with above, session.shielded():
        runs = studio.runs.get()
        shown = studio.shown.get()
        # With a run on the page its own head shows what went wrong: that is where the button was.
        if shown is None:
            no_run()
            session.show_problem("page")
            session.show_notice()
            _draw_last_run(story, runs.newest, studio.rest.get())
        else:
            is_asked_for = bool(session.asked_for("run")) and not studio.trouble
            if not is_asked_for:
                session.go(story=story.id, run=shown.progress.run.id)
            undone = draw_run(
                desk,
                story,
                shown,
                stale=studio.beats.get().out_of_date,
                may=studio.may,
                is_asked_for=is_asked_for,
            )
    with curve, session.shielded():
        draw_editor(desk, studio, runs, undone=undone)
    run = shown.progress.run if shown is not None else None
    with listed, session.shielded():
        draw_runs(story, runs, run.id if run is not None else None)
    with below, session.shielded():
        new_from = {one.id for one in (run, runs.newest) if one is not None}
        draw_beats(desk, studio, new_from=new_from)


def _draw_last_run(story: Story, newest: RunView | None, rest: Rest | None) -> None:
    """Says so where the newest run stopped half-way and can be resumed, and for how much."""
    if newest is None or rest is None or rest.offer is None:
        return
    plan = rest.offer.plan
    left = count("run.last_left", len(plan.steps), credits=plan.estimated_credits)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="last-run"):
        st.markdown(f"{text(f'run.last.{newest.status}')} {left}", width="stretch")
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
