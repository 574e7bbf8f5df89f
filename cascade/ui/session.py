"""What one browser session holds: the service behind it, its address, its pending levels.

Pending levels live in session state and, through the service, in the editor's draft, so that a
refresh, which is a new session, finds them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Actor, Service
from cascade.story.document import Story
from cascade.story.tension import pending_changes
from cascade.ui.prose import escape
from cascade.ui.texts import explain

P = ParamSpec("P")

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


def actor() -> Actor:
    """Who uses this page: the user the settings name. Raises UnknownUser."""
    return service().actor()


# Problems: an expected error of a callback waits here until the page is drawn.


def guarded(action: Callable[P, None]) -> Callable[P, None]:
    """A callback whose expected errors become a message on the page, never a traceback."""

    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        st.session_state.pop("problem", None)
        st.session_state.pop("notice", None)
        try:
            action(*args, **kwargs)
        except CascadeError as error:
            st.session_state["problem"] = error

    return run


def show_problem() -> None:
    """Shows what went wrong in the last action; it goes away with the next."""
    error = st.session_state.get("problem")
    if isinstance(error, CascadeError):
        show_error(error)


def notify(words: str) -> None:
    """Keeps a message of success until the page is drawn; it goes away with the next action."""
    st.session_state["notice"] = words


def show_notice() -> None:
    """Shows what the last action achieved, where it has left a message."""
    if words := st.session_state.get("notice"):
        st.success(escape(words), icon=":material/check_circle:")


def show_error(error: CascadeError) -> None:
    """Shows an expected error as a message."""
    st.error(escape(explain(error)), icon=":material/error:")


# Pending levels


def pending(story: Story, who: Actor) -> dict[str, int]:
    """The session's pending levels on a story, in structure order; what is saved by now is not."""
    key = f"pending/{story.id}"
    if key not in st.session_state:
        draft = service().draft(who, story.id)
        st.session_state[key] = draft.levels
        st.session_state[f"directions/{story.id}"] = {
            beat_key: (story.curve[beat_key], words) for beat_key, words in draft.directions.items()
        }
    edited = pending_changes(story.structure, story.levels, st.session_state[key])
    st.session_state[key] = edited
    return edited


def edit(story: Story, who: Actor, levels: Mapping[str, int]) -> None:
    """Takes over new levels of some beats, and keeps them in the draft."""
    key = f"pending/{story.id}"
    edited = {**pending(story, who), **levels}
    st.session_state[key] = pending_changes(story.structure, story.levels, edited)
    service().save_draft(who, story.id, st.session_state[key], directions(story, who))


def reset(story: Story, who: Actor) -> None:
    """Puts every beat back to its saved level."""
    st.session_state[f"pending/{story.id}"] = {}
    st.session_state[f"directions/{story.id}"] = {}
    service().save_draft(who, story.id, {}, {})


def directions(story: Story, who: Actor) -> dict[str, str]:
    """The session's directions for pending beats, in structure order."""
    levels = pending(story, who)
    given: dict[str, tuple[int, str]] = st.session_state[f"directions/{story.id}"]
    return {
        beat_key: given[beat_key][1]
        for beat_key in levels
        if beat_key in given and given[beat_key][0] == story.curve[beat_key]
    }


def direct(story: Story, who: Actor, beat_key: str, words: str) -> None:
    """Takes over the direction of a beat, and keeps it in the draft.

    It is a wish for a change from the level that is saved now. While that stands it outlives a
    point that is moved back and forth; once another level is saved it has been heard, or is void.
    """
    levels = pending(story, who)
    given: dict[str, tuple[int, str]] = st.session_state[f"directions/{story.id}"]
    words = " ".join(words.split())
    if words:
        given[beat_key] = (story.curve[beat_key], words)
    else:
        given.pop(beat_key, None)
    service().save_draft(who, story.id, levels, directions(story, who))


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
