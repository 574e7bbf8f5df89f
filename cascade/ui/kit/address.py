"""The address: `?story=ID&beat=KEY&scene=N&run=ID&mode=NAME` says what is shown, and can be sent.

`text` is the key of the text that is reviewed, `find` the words that are searched for. Other parts
of it are somebody else's and stay.

A browser says with all it asks for which address it is at; what it asked for while the address
changed under it says the one of before. So the address is kept here: only `go`, and the browser's
own ways back and forward, change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

Name = Literal["story", "beat", "scene", "run", "text", "mode", "find"]
NAMES: tuple[Name, ...] = get_args(Name)
Tab = Literal["arc", "read", "review", "history"]
TABS: tuple[Tab, ...] = get_args(Tab)
Mode = Literal[Tab, "find"]
MODES: tuple[Mode, ...] = get_args(Mode)
KEPT = "address"


def asked_for(name: Name) -> str | None:
    """What the address asks for under a name."""
    settle()
    return st.query_params.get(name) or None


def mode() -> Mode:
    """The mode that the address asks for; the arc where it names none, or no words to find."""
    asked = asked_for("mode")
    if asked == "find" and asked_for("find") is None:
        return "arc"
    return next((one for one in MODES if one == asked), "arc")


def go(**to: str | None) -> None:
    """Changes these parts of the address; None takes one away. Another story starts afresh."""
    changed = _changed(to)
    _put(_parts() | changed)


def begin_at(parts: Mapping[str, str]) -> None:
    """Goes to an address that was asked for before there was anything to show."""
    st.query_params.update(parts)
    st.session_state.pop(KEPT, None)


def name_story(story_id: str) -> None:
    """Names the story that is shown by its id, where the address asks for it by its title."""
    _put(_parts() | {"story": story_id})


def settle() -> None:
    """Goes on from the address that was kept where the browser still says the one of before.

    For a part of the page that draws itself, as it may have all of it drawn anew.
    """
    kept: dict[str, str | None] | None = st.session_state.get(KEPT)
    if kept is None or is_way_back():
        st.session_state[KEPT] = _parts()
    else:
        _put(kept)


def is_way_back() -> bool:
    """Whether the reader has come by the browser's own back or forward."""
    ctx = get_script_run_ctx(suppress_warning=True)
    return ctx is not None and ctx.is_history_navigation


def link(**to: str | None) -> str:
    """A link to the address that `go` would make."""
    changed = _changed(to)
    parts = _parts() | changed
    return f"?{urlencode({name: value for name, value in parts.items() if value is not None})}"


def of_run(story_id: str, run_id: str) -> str:
    """The address of a run on its story's page, from any other page."""
    return f"./?{urlencode({'story': story_id, 'run': run_id})}"


def of_record(run_id: str) -> str:
    """The address of a run in full, from any page."""
    return f"./runs?{urlencode({'run': run_id})}"


def of_text(story_id: str, run_id: str, key: str | None = None) -> str:
    """The address of what a run wrote, beside what was there before; of one text by its key."""
    to = {"story": story_id, "run": run_id, "mode": "review", **({"text": key} if key else {})}
    return f"./?{urlencode(to)}"


def _parts() -> dict[str, str | None]:
    return {name: st.query_params.get(name) or None for name in NAMES}


def _put(parts: dict[str, str | None]) -> None:
    """Makes the address of these parts and of what is somebody else's; one step, to go back."""
    st.session_state[KEPT] = parts
    if parts == _parts():
        return
    others = {name: st.query_params.get_all(name) for name in st.query_params if name not in NAMES}
    own = {name: [value] for name, value in parts.items() if value is not None}
    st.query_params.from_dict(others | own)


def _changed(to: dict[str, str | None]) -> dict[str, str | None]:
    if to.get("mode", "find") != "find":
        to = {**to, "find": None}
    story, shown = to.get("story"), asked_for("story")
    if story is None or shown is None or story == shown:
        return to
    return dict.fromkeys(NAMES) | to
