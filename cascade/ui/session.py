"""What one browser session holds: the service behind it, its address, its pending changes.

Pending changes live in the editor's draft, through the service, and session state follows it: a
refresh, which is a new session, a second tab and a restarted server all find the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Literal, ParamSpec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from cascade.errors import CascadeError, DatabaseAway, Unexpected
from cascade.service import Desk, Draft, Service
from cascade.story.story import Story
from cascade.ui.kit.problems import explain
from cascade.ui.kit.prose import escape

P = ParamSpec("P")
log = logging.getLogger("cascade.ui")

_provided: list[Service] = []


def provide(service: Service | None) -> None:
    """Gives the pages of this process their service; the entry point does it once, at the start."""
    _provided[:] = [service] if service is not None else []


def provided() -> Service | None:
    """The service of this process, if the pages are served by the entry point."""
    return _provided[0] if _provided else None


def service() -> Service:
    """The service of this process."""
    return _provided[0]


def desk() -> Desk:
    """What the user of this page may see and do: whom the settings name. Raises UnknownUser."""
    return service().desk(service().actor())


def zone() -> tzinfo:
    """The reader's time zone; UTC where the browser names none that is known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


# Problems: an expected error of a callback waits here until its part of the page is drawn.

# Where a message is shown. A part that is drawn by itself shows its own: the rest stays as it is.
Place = Literal["page", "editor", "dialog"]


def guarded(place: Place = "page") -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Makes a callback whose errors become a message in a place, never a traceback."""

    def wrap(action: Callable[P, None]) -> Callable[P, None]:
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            st.session_state.pop("problem", None)
            st.session_state.pop("notice", None)
            st.session_state.pop("remark", None)
            try:
                action(*args, **kwargs)
            except Exception as error:
                keep_problem(place, expected(error))

        return run

    return wrap


def expected(error: Exception) -> CascadeError:
    """An error as one that the page has words for; one that nobody expected goes into the log."""
    if isinstance(error, CascadeError):
        return error
    log.error("an unexpected error on the page", exc_info=error)
    return Unexpected(error)


@contextmanager
def shielded() -> Iterator[None]:
    """A part of the page whose error is a message in its place, and takes no other part along.

    Without the database no part has anything to say: then the page as a whole does.
    """
    try:
        yield
    except DatabaseAway:
        raise
    except Exception as error:
        show_error(expected(error))


def keep_problem(place: Place, error: CascadeError) -> None:
    """Keeps an expected error until its place is drawn."""
    st.session_state["problem"] = (place, error)


def has_problem(place: Place) -> bool:
    """Whether the last action of a place went wrong."""
    found = st.session_state.get("problem")
    return found is not None and found[0] == place


def show_problem(place: Place) -> None:
    """Shows what went wrong in the last action of a place; it goes away with the next action."""
    if has_problem(place):
        show_error(st.session_state["problem"][1])


def fragment(
    draw: Callable[P, None], *, key: str | None = None, run_every: float | None = None
) -> Callable[P, None]:
    """A part of the page that is drawn by itself; what goes wrong in it is said in its place."""

    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            draw(*args, **kwargs)
        except Exception as error:
            show_error(expected(error))

    made: Callable[P, None] = st.fragment(drawn, key=key, run_every=run_every)
    return made


def redraw_when(is_so: Callable[[], bool], every_s: float) -> None:
    """Looks every so many seconds, and draws the whole page anew once something is so.

    Also once it cannot be found out any more: the page as a whole says why.
    """
    is_full_run = True

    @st.fragment(run_every=every_s)
    def look() -> None:
        if is_full_run:
            return
        try:
            so = is_so()
        except Exception as error:
            expected(error)
            so = True
        if so:
            st.rerun()

    look()
    is_full_run = False


def notify(words: str) -> None:
    """Keeps a message of success until the page is drawn; it goes away with the next action."""
    st.session_state["notice"] = words


def show_notice() -> None:
    """Shows what the last action achieved, where it has left a message."""
    if words := st.session_state.get("notice"):
        st.success(escape(words), icon=":material/check_circle:")


def remark(words: str) -> None:
    """Keeps a remark on what was done to the curve; it goes away with the next action."""
    st.session_state["remark"] = words


def show_remark() -> None:
    """Shows the remark on the last action, in a place that is kept free for it: nothing moves."""
    with st.container(key="remark"):
        if words := st.session_state.get("remark"):
            st.caption(escape(words))


def show_error(error: CascadeError) -> None:
    """Shows an error as a message."""
    st.error(escape(explain(error)), icon=":material/error:")


# Pending changes. The draft in the database is what counts, so that two tabs agree; an edit
# changes only its own beat of it.


def keep_draft(story: Story, kept: Draft) -> None:
    """Takes note of what is pending on a story, as it is shown from now on."""
    st.session_state[f"pending/{story.id}"] = kept
    heard = _heard(story.id)
    for beat_key in kept.levels:
        if words := kept.directions.get(beat_key):
            heard[beat_key] = (story.curve[beat_key], words)
        else:
            heard.pop(beat_key, None)


def shown_draft(story_id: str) -> Draft:
    """The draft as this session has last shown it."""
    return st.session_state.get(f"pending/{story_id}") or Draft({}, {})


def edit(desk: Desk, story: Story, levels: Mapping[str, int]) -> None:
    """Takes over new levels of some beats into the draft.

    A direction is a wish for a change from the level that is saved now. While that stands it
    outlives a point that is moved back and forth; once another level is saved it is void.
    """
    heard = _heard(story.id)
    directions = {
        beat_key: heard[beat_key][1]
        for beat_key in levels
        if beat_key in heard and heard[beat_key][0] == story.curve[beat_key]
    }
    desk.edit_draft(story.id, levels, directions)


def direct(desk: Desk, story: Story, beat_key: str, words: str) -> None:
    """Takes over the direction of a beat into the draft; an empty one takes it back."""
    desk.edit_draft(story.id, {}, {beat_key: words})


def reset(desk: Desk, story: Story) -> Draft:
    """Puts every beat back to its saved level; what was pending until then, for `undo_reset`."""
    discarded = desk.draft(story.id)
    desk.save_draft(story.id, {}, {})
    _heard(story.id).clear()
    if discarded.levels:
        st.session_state[_discarded(story.id)] = (discarded, dict(story.curve))
    return discarded


def undoable(story: Story) -> Draft:
    """What of the last reset can be brought back: what has been edited since stays as it is.

    A beat with another saved level by now has nothing that could come back: what was discarded was
    a change from the one of then.
    """
    found: tuple[Draft, Mapping[str, int]] | None = st.session_state.get(_discarded(story.id))
    discarded, saved = found or (Draft({}, {}), {})
    now = shown_draft(story.id)
    beats = [key for key in discarded.levels if saved[key] == story.curve.get(key)]
    levels = {key: discarded.levels[key] for key in beats if key not in now.levels}
    given = {key: words for key, words in discarded.directions.items() if key in beats}
    return Draft(levels, {key: given[key] for key in given if key not in now.directions})


def undo_reset(desk: Desk, story: Story) -> None:
    """Brings back what the last reset discarded, directions too."""
    found = undoable(story)
    desk.edit_draft(story.id, found.levels, found.directions)
    forget_reset(story.id)


def forget_reset(story_id: str) -> None:
    """Brings nothing back any more: what was discarded is behind the editor."""
    st.session_state.pop(_discarded(story_id), None)


def _discarded(story_id: str) -> str:
    return f"discarded/{story_id}"


def _heard(story_id: str) -> dict[str, tuple[int, str]]:
    """The directions that were given in this session, each with the level it is a change from."""
    heard: dict[str, tuple[int, str]] = st.session_state.setdefault(f"heard/{story_id}", {})
    return heard


def forget() -> None:
    """Forgets all that this session knows of stories; for when they are no longer there."""
    for key in list(st.session_state):
        if not str(key).startswith("language"):
            del st.session_state[key]


# The address: `?story=ID&run=ID` says what is shown, and can be sent to somebody.


def asked_for(name: str) -> str | None:
    """What the address asks for under a name."""
    return st.query_params.get(name) or None


def go(*, story: str | None, run: str | None = None) -> None:
    """Makes the address name a story and, perhaps, a run on it."""
    for name, value in (("story", story), ("run", run)):
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
