"""A page of tables by itself, by AppTest: drawn for somebody, read and worked with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

# How long a page may take: one that is drawn sooner is not waited for.
PATIENCE_S = 120
# Where a run is shown: its story and its own id.
LINK = re.compile(r'href="\./\?story=([^&"]+)&amp;run=([^"]+)"')


def drawn(page: Callable[..., None], *given: object) -> AppTest:
    """A page, which is a function of its own, for what it is given."""
    at = AppTest.from_function(page, args=given, default_timeout=PATIENCE_S).run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    """What a page says, without Markdown's escapes."""
    said = [*(one.body for one in at.html), *(one.value for one in at.success)]
    return "\n".join(said).replace("\\", "")


def field(at: AppTest, kind: str, key: str) -> Any:
    """A field of a kind by its key."""
    return next(one for one in getattr(at, kind) if one.key == key)


def press(at: AppTest, label: str) -> AppTest:
    """Presses a button; the page as it is drawn then."""
    next(one for one in at.button if one.label == label).click()
    at.run()
    assert not at.exception, at.exception
    return at
