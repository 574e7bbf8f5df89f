"""What several tests of what writes and judges a text share."""

from __future__ import annotations

import pytest

from cascade.llm import checks, openai


@pytest.fixture(autouse=True)
def no_hurry_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while is no text without end."""
    monkeypatch.setattr(openai, "CHECK_PATIENCE_S", 120.0)


@pytest.fixture
def any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a text of a few words can show one thing."""
    monkeypatch.setattr(checks, "length_allowed", lambda _: (0, 10_000))
