"""A part that is not there yet is drawn with all of the page."""

from __future__ import annotations

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
