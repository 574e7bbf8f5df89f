"""The studio: one story in one frame, its curve, its words, its run.

What is shown follows from the address and the database alone, so that a refresh, a second tab
and a link that was sent to somebody show the same.
"""

from __future__ import annotations

from functools import partial
from typing import assert_never

import streamlit as st

from cascade.errors import DatabaseAway, UnknownStory
from cascade.service import Desk, Pulse, Shown, beat_states
from cascade.ui import pending, session
from cascade.ui.kit import address
from cascade.ui.kit.language import first_language
from cascade.ui.kit.problems import explain
from cascade.ui.kit.texts import text
from cascade.ui.pages import draw_navigation
from cascade.ui.run.details import Details
from cascade.ui.run.last import Last
from cascade.ui.run.live import Live, seen_of, tell
from cascade.ui.shell import Bring, announce
from cascade.ui.studio.beat import draw_beat
from cascade.ui.studio.bending import CURVE, Bending, selected
from cascade.ui.studio.curve import PLOTLY_URL, SCRIPT_URL, curve
from cascade.ui.studio.finding import draw_found
from cascade.ui.studio.head import draw_head
from cascade.ui.studio.history import asks_for_all, draw_history, draw_runs
from cascade.ui.studio.importing import draw_import
from cascade.ui.studio.modes import draw_modes
from cascade.ui.studio.outline import draw_outline
from cascade.ui.studio.reading import draw_reading
from cascade.ui.studio.review import draw_review
from cascade.ui.studio.state import draw_state
from cascade.ui.studio.view import View, or_else, view_of
from cascade.ui.viewer import draw_no_project

# How often an open page looks whether something has happened elsewhere.
WATCH_S = 2.0
# The run that this session has seen at work: what came of it is told where it was.
_WATCHED, _BROUGHT = "run-watched", "run-brought"
# The story that was shown last; without an address it is shown again.
_HERE = "story-shown"


def draw_studio(desk: Desk) -> None:
    """The whole page, of one moment: what it shows is read once, before any of it is drawn."""
    # What the curve is drawn with is long in coming: it is asked for before there is a curve.
    announce("studio", preload=(PLOTLY_URL, SCRIPT_URL))
    asked = address.asked_for("run")
    story_asked = address.asked_for("story")
    watched = None if asked else _watched(story_asked)
    reading = partial(desk.studio, story_asked, language=first_language(), all_runs=asks_for_all())
    studio = reading(asked or watched)
    if studio is not None and studio.trouble and watched is not None:
        # Nobody has asked for it, and it is no more.
        del st.session_state[_WATCHED]
        studio = reading(None)
    if studio is None:
        _draw_empty(desk)
        return
    head = or_else(studio.head, None, [])
    draw_navigation(studio.rights, head.waiting if head is not None else 0)
    st.session_state[_HERE] = studio.story_id
    if story_asked is not None and not studio.trouble:
        # Asked for by its title it is the same story all the same.
        address.name_story(studio.story_id)
    troubles = list(studio.trouble)
    story = or_else(studio.story, None, troubles)
    with session.shielded():
        draw_head(desk, studio, story)
    told = st.container(key="troubles")
    # Before what can be worked with: a run of the script that an edit breaks off would leave a page
    # behind that follows nothing.
    _watch(desk, studio.story_id, studio.pulse)
    # One of a structure that is not known has no curve and no beats: that is said once.
    with session.shielded():
        if story is not None and story.structure:
            view = view_of(studio, story, troubles)
            bending = Bending(desk, studio, view)
            _draw_frame(bending, view, is_asked_for=bool(asked) and not studio.trouble)
            bending.drawn = None
    with told:
        for error in {explain(one): one for one in map(session.expected, troubles)}.values():
            session.show_error(error)


def _draw_empty(desk: Desk) -> None:
    """What can be done where there is no story yet."""
    rights = desk.may_see()
    draw_navigation(rights, 0)
    if "read" not in rights:
        draw_no_project()
        return
    with st.container(key="empty"):
        may_import = desk.may_import()
        what = text("empty.stories_import" if may_import else "empty.stories_help")
        st.info(f"**{text('empty.stories')}.** {what}", icon=":material/library_books:")
        session.show_problem("page")
        if may_import:
            draw_import(desk)


def _draw_frame(bending: Bending, view: View, *, is_asked_for: bool) -> None:
    """Bar, curve, outline, the mode's pane, the details of a run, and the bar of state."""
    desk, story, may = bending.desk, view.story, bending.studio.may
    with st.container(key="top"):
        with session.shielded():
            draw_modes(desk, view)
        session.fragment(partial(_draw_curve, bending), key=CURVE)()
    with st.container(key="work", horizontal=True, gap=None):
        with st.container(key="outline", gap=None), session.shielded():
            draw_outline(bending, view)
            if address.mode() != "history":
                draw_runs(view)
        with st.container(key="pane"), session.shielded():
            _draw_pane(bending, view)
    details = None
    if view.run is not None:
        was_watched = st.session_state.get(_WATCHED) == (story.id, view.run.id)
        details = Details(view.run, is_asked_for=is_asked_for, was_watched=was_watched)
    # There in any case: what stands after it keeps its place, and is not there twice, once old and
    # once new, while a run comes or goes.
    with st.container(key="aside"), session.shielded():
        if view.shown is not None and details is not None:
            seen = seen_of(view.shown.progress)
            details.draw(desk, view, seen, may=may)
            if not details.run.is_active:
                tell(story, details.run, seen)
    live, last = None, None
    if (active := view.active) is not None:
        st.session_state[_WATCHED] = (story.id, active.run.id)
        # The page may show the details of another one meanwhile.
        is_shown = details is not None and details.run.id == active.run.id
        own = details if details is not None and is_shown else Details(active.run)
        live = Live(desk, active, own, may_cancel="cancel" in may)
    elif details is not None:
        last = Last(details.run, view.title, view.rest, view.undone, details)
    draw_state(bending, live, last, _bring(view.shown, is_asked_for=is_asked_for))


def _draw_pane(bending: Bending, view: View) -> None:
    """What the mode is about, beside the outline."""
    match mode := address.mode():
        case "arc":
            draw_beat(bending, view)
        case "read":
            draw_reading(bending, view)
        case "review":
            draw_review(bending.desk, view, may=bending.studio.may)
        case "history":
            draw_history(view)
        case "find":
            draw_found(view.story)
        case _:
            assert_never(mode)


def _draw_curve(bending: Bending) -> None:
    """The curve to bend; or how far a run is with it."""
    story, levels = bending.read(CURVE)
    states = {}
    if bending.active is not None:
        told = bending.drawn[2].events if bending.drawn else bending.desk.events(bending.active.id)
        states = beat_states(bending.active, told)
    curve(
        story,
        levels,
        why_not=bending.why_not(),
        states=states,
        before=bending.before(story),
        chosen=selected(story),
        on_edit=lambda edited: bending.edit(story, edited),
        on_refused=lambda beat_key: bending.refuse(story, beat_key),
        on_select=bending.select,
        on_undo=lambda: bending.undo(story),
        on_redo=lambda: bending.redo(story),
    )


def _watched(story_id: str | None) -> str | None:
    """The run of the story that this session has seen at work last."""
    found: tuple[str, str] | None = st.session_state.get(_WATCHED)
    here = story_id or st.session_state.get(_HERE)
    return found[1] if found is not None and found[0] == here else None


def _bring(shown: Shown | None, *, is_asked_for: bool) -> Bring | None:
    """Where the reader is taken: to the bar, for a run that has come or ended since the last draw.

    Whoever only has the story open is not taken there by one that somebody else has started.
    """
    run = shown.progress.run if shown is not None else None
    now = "" if run is None else f"{run.id} {'goes' if run.is_active else 'over'}"
    before, times = st.session_state.get(_BROUGHT) or (None, 0)
    # Nowhere by the first draw of a page: where a new page begins, its reader expects to be.
    is_news = run is not None and before is not None and before != now
    if run is not None and is_news and (is_asked_for or not run.is_active):
        times += 1
    st.session_state[_BROUGHT] = (now, times)
    return Bring(to=".st-key-state", time=str(times), how="focus") if times else None


def _watch(desk: Desk, story_id: str, drawn: Pulse) -> None:
    """Draws the page anew once something on it has changed: by another tab, a run, an operator."""

    def has_changed() -> bool:
        try:
            now = desk.pulse(story_id)
        except (DatabaseAway, UnknownStory):
            return True  # The page as a whole says so.
        # The editor draws itself after an edit of its own, so its draft is what counts.
        return now.rest != drawn.rest or now.draft_at != pending.shown(story_id).kept_at

    session.redraw_when(has_changed, WATCH_S)
