"""The address: `?story=ID&beat=KEY&scene=N&run=ID&mode=NAME` says what is shown, and can be sent.

`text` is the key of the text that is reviewed. Other parts of it are somebody else's and stay.
"""

from __future__ import annotations

from typing import Literal, get_args
from urllib.parse import urlencode

import streamlit as st

Name = Literal["story", "beat", "scene", "run", "text", "mode"]
NAMES: tuple[Name, ...] = get_args(Name)
Mode = Literal["arc", "read", "review", "history"]
MODES: tuple[Mode, ...] = get_args(Mode)


def asked_for(name: Name) -> str | None:
    """What the address asks for under a name."""
    return st.query_params.get(name) or None


def mode() -> Mode:
    """The mode that the address asks for; the arc where it names none that is known."""
    asked = asked_for("mode")
    return next((one for one in MODES if one == asked), "arc")


def go(**to: str | None) -> None:
    """Changes these parts of the address; None takes one away. Another story starts afresh."""
    for name, value in _changed(to).items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value


def link(**to: str | None) -> str:
    """A link to the address that `go` would make."""
    parts = {name: asked_for(name) for name in NAMES} | _changed(to)
    return f"?{urlencode({name: value for name, value in parts.items() if value is not None})}"


def of_run(story_id: str, run_id: str) -> str:
    """The address of a run on its story's page, from any other page."""
    return f"./?{urlencode({'story': story_id, 'run': run_id})}"


def _changed(to: dict[str, str | None]) -> dict[str, str | None]:
    story, shown = to.get("story"), asked_for("story")
    if story is None or shown is None or story == shown:
        return to
    return dict.fromkeys(NAMES) | to
