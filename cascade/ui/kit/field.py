"""A field that the page writes into, too: what it still said before that is heard as nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st

T = TypeVar("T", int, str)


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """What a field says as far as the page knows.

    A value that did not come from the field itself makes a new version of it, and what an old one
    still says is not heard: a rerun that was already on its way from the browser carries the value
    from before, which looks like somebody's edit and would undo the one just made elsewhere.
    """

    name: str
    version: int
    value: T

    @property
    def key(self) -> str:
        """The widget's key in session state."""
        return f"{self.name}-{self.version}"

    def heard(self) -> T | None:
        """What somebody put there since it was drawn; None where it says what it was told.

        None too where it is an old version's, or the session has forgotten it.
        """
        now: Field[T] | None = st.session_state.get(_place(self.name))
        if now is None or now.version != self.version:
            return None
        said: T | None = st.session_state.get(self.key)
        if said is None or said == now.value:
            return None
        st.session_state[_place(self.name)] = Field(self.name, self.version, said)
        return said


def showing(name: str, value: T) -> Field[T]:
    """The field of a name, with a value in it; to be drawn next under its key."""
    field: Field[T] = st.session_state.setdefault(_place(name), Field(name, 0, value))
    if field.value != value:
        field = st.session_state[_place(name)] = Field(name, field.version + 1, value)
    st.session_state[field.key] = value
    return field


def _place(name: str) -> str:
    return f"field/{name}"
