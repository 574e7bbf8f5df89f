"""Which language the reader reads: what was chosen here before, else what the browser asks for."""

from __future__ import annotations

from typing import Literal, get_args

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
# As the switch says them: the bar is narrow.
NAMES: dict[Language, str] = {"en": "EN", "id": "ID"}
DEFAULT: Language = "en"

COOKIE = "cascade_language"
_CHOSEN = "language"


def language() -> Language:
    """The language of this browser session; English outside one."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return DEFAULT
    chosen = known(st.session_state.get(_CHOSEN))
    if chosen is None:
        # Kept, so that a session does not change its language half-way.
        chosen = known(st.context.cookies.get(COOKIE)) or known(st.context.locale) or DEFAULT
        st.session_state[_CHOSEN] = chosen
    return chosen


def choose(chosen: Language) -> None:
    """Changes the session's language; the shell keeps it in a cookie, for the next visit."""
    st.session_state[_CHOSEN] = chosen
    st.session_state[f"{_CHOSEN}/by-hand"] = True


def first_language() -> Language:
    """The language that the session began with: changing it later leads to no other story."""
    first: Language = st.session_state.setdefault(f"{_CHOSEN}/first", language())
    return first


def was_chosen() -> bool:
    """Whether the reader chose it in this session; what the browser asks for is not remembered."""
    return bool(st.session_state.get(f"{_CHOSEN}/by-hand"))


def known(tag: object) -> Language | None:
    """The language of a tag as browsers send them (`id-ID`, `en`), if it is one of ours."""
    primary = str(tag or "").replace("_", "-").split("-")[0].lower()
    # `in` is what Indonesian was called before 1989; some systems still say so.
    primary = {"in": "id"}.get(primary, primary)
    return next((one for one in LANGUAGES if one == primary), None)
