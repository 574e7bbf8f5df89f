"""What an edit draws anew: its parts, or all of the page where one of them is not there yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.errors import StreamlitAPIException

from cascade.ui import session


class _Rerun(BaseException):
    """What ends a run of the script, in Streamlit's place."""


def test_a_part_that_is_not_there_yet_is_drawn_with_the_whole_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def rerun(scope: Any = "app") -> None:
        asked.append(scope)
        if "later" in scope:
            raise StreamlitAPIException("No fragment found for target 'later'.")
        raise _Rerun

    monkeypatch.setattr(st, "rerun", rerun)
    with pytest.raises(_Rerun):
        session.redraw(["curve"])
    with pytest.raises(_Rerun):
        session.redraw(["curve", "later"])
    assert asked == [["curve"], ["curve", "later"], "app"]


def test_an_edit_that_comes_with_a_draw_of_the_whole_page_does_not_break_it_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts: list[str] | None = None

    def rerun(scope: Any = "app") -> None:
        raise _Rerun

    monkeypatch.setattr(st, "rerun", rerun)
    monkeypatch.setattr(
        session, "get_script_run_ctx", lambda **_: SimpleNamespace(fragment_ids_this_run=parts)
    )
    session.redraw(["curve"])
    parts = ["number"]
    with pytest.raises(_Rerun):
        session.redraw(["curve"])
