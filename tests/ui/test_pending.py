"""Edits of what is pending: each can be taken back and done again, and no other tab's is undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as some

from cascade.service import Desk, Draft, Service
from cascade.settings import Settings
from cascade.story.story import Story
from cascade.ui import pending
from tests.helpers.seeded_fixtures import sqlite_url

__all__ = ["sqlite_url"]

BEATS = ("setup", "midpoint", "finale")
EDITS = some.one_of(
    some.tuples(some.just("edit"), some.sampled_from(BEATS), some.integers(1, 5)),
    some.tuples(some.just("direct"), some.sampled_from(BEATS), some.sampled_from(["", "slowly"])),
    some.just(("reset", "", 0)),
)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one browser session holds."""
    held: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", held)
    return held


@pytest.fixture
def service(sqlite_url: str) -> Iterator[Service]:
    service = Service(Settings(database_url=sqlite_url, provider="offline"))
    yield service
    service.close()


@pytest.fixture
def desk(service: Service) -> Desk:
    return service.desk(service.actor())


@pytest.fixture
def story(service: Service) -> Story:
    return service.operator().story(service.operator().stories()[0].id)


def look(desk: Desk, story: Story) -> Draft:
    """What the page does with every draw: it takes note of what is pending."""
    found = desk.draft(story.id)
    pending.keep(story, found)
    return found


def do(desk: Desk, story: Story, what: str, beat: str, value: Any) -> None:
    if what == "edit":
        pending.edit(desk, story, {beat: value})
    elif what == "direct":
        pending.direct(desk, story, beat, value)
    else:
        pending.reset(desk, story)


@given(some.lists(EDITS, min_size=1, max_size=8))
@configured(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_edit_is_taken_back_and_done_again(
    session: dict[str, Any], desk: Desk, story: Story, edits: list[tuple[str, str, Any]]
) -> None:
    session.clear()
    desk.save_draft(story.id, {})
    states = [look(desk, story)]
    for edit in edits:
        do(desk, story, *edit)
        now = look(desk, story)
        # One that changes nothing is no step of its own.
        states += [now] if now != states[-1] else []
    for state in reversed(states[:-1]):
        pending.undo(desk, story)
        assert look(desk, story) == state
    pending.undo(desk, story)
    assert look(desk, story) == states[0]
    for state in states[1:]:
        pending.redo(desk, story)
        assert look(desk, story) == state
    pending.redo(desk, story)
    assert look(desk, story) == states[-1]


def test_what_another_tab_has_edited_since_stays(
    session: dict[str, Any], desk: Desk, story: Story
) -> None:
    look(desk, story)
    pending.edit(desk, story, {"setup": 5, "midpoint": 4})
    look(desk, story)
    desk.edit_draft(story.id, {"setup": 4})
    pending.undo(desk, story)
    assert look(desk, story).levels == {"setup": 4}
    # Its own beat is as it was left, so that comes again.
    pending.redo(desk, story)
    assert look(desk, story).levels == {"setup": 4, "midpoint": 4}


def test_an_edit_after_taking_back_ends_what_could_be_done_again(
    session: dict[str, Any], desk: Desk, story: Story
) -> None:
    look(desk, story)
    pending.edit(desk, story, {"setup": 5})
    look(desk, story)
    pending.undo(desk, story)
    look(desk, story)
    pending.edit(desk, story, {"midpoint": 4})
    look(desk, story)
    pending.redo(desk, story)
    assert look(desk, story).levels == {"midpoint": 4}


def test_only_a_reset_is_offered_to_be_brought_back(
    session: dict[str, Any], desk: Desk, story: Story
) -> None:
    look(desk, story)
    pending.edit(desk, story, {"setup": 5})
    look(desk, story)
    assert not pending.discarded(story).levels
    pending.reset(desk, story)
    look(desk, story)
    assert pending.discarded(story).levels == {"setup": 5}
    pending.forget(story.id)
    assert not pending.discarded(story).levels
