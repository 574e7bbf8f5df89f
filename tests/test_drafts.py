"""Drafts over several tabs, and the pulse by which an open page sees that something has changed."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.errors import BadLevel, UnknownBeat
from cascade.service import Actor, Draft, Service
from cascade.store.tables import Draft as DraftRow
from cascade.store.tables import StoryVersion
from cascade.story.story import Story
from tests.helpers.seeded_fixtures import database_url

__all__ = ["database_url"]


@pytest.fixture
def editor(service: Service) -> Actor:
    return service.actor("editor")


@pytest.fixture
def story(service: Service) -> Story:
    return service.operator().story(service.operator().stories()[0].id)


def test_an_edit_leaves_what_another_tab_has_drafted(
    service: Service, story: Story, editor: Actor
) -> None:
    service.desk(editor).edit_draft(story.id, {"midpoint": 4})
    kept = service.desk(editor).edit_draft(
        story.id, {"allIsLost": 2}, {"allIsLost": " off \n stage "}
    )
    assert kept == Draft({"midpoint": 4, "allIsLost": 2}, {"allIsLost": "off stage"})
    assert service.desk(editor).draft(story.id) == kept
    kept = service.desk(editor).edit_draft(story.id, {"midpoint": 2}, {"allIsLost": ""})
    assert kept == Draft({"allIsLost": 2}, {})


def test_an_edit_of_a_beat_keeps_the_others_directions(
    service: Service, story: Story, editor: Actor
) -> None:
    service.desk(editor).edit_draft(story.id, {"midpoint": 4}, {"midpoint": "slowly"})
    assert service.desk(editor).edit_draft(story.id, {"setup": 5}).directions == {
        "midpoint": "slowly"
    }


@pytest.mark.parametrize(
    ("levels", "error"), [({"midpoint": 6}, BadLevel), ({"nope": 3}, UnknownBeat)]
)
def test_a_bad_edit_keeps_the_draft(
    service: Service,
    story: Story,
    editor: Actor,
    levels: dict[str, int],
    error: type[Exception],
) -> None:
    service.desk(editor).edit_draft(story.id, {"midpoint": 4})
    with pytest.raises(error):
        service.desk(editor).edit_draft(story.id, levels)
    assert service.desk(editor).draft(story.id) == Draft({"midpoint": 4}, {})


@pytest.mark.parametrize(
    ("levels", "directions"),
    [
        (
            {"midpoint": 4, "gone": 5, "setup": 9, "finale": "4", "debate": True},
            {"midpoint": "slow"},
        ),
        ({"midpoint": 4}, {"midpoint": " slow ", "gone": "x", "setup": None}),
        ({"midpoint": 4}, {"midpoint": ["slow"]}),
        ([["midpoint", 4]], "slow"),
    ],
)
def test_a_kept_draft_is_read_as_far_as_the_story_has_a_place_for_it(
    service: Service, story: Story, editor: Actor, levels: Any, directions: Any
) -> None:
    service.desk(editor).edit_draft(story.id, {"setup": 5})
    with service.database.write() as session:
        row = session.get(DraftRow, (story.id, editor.user_id))
        assert row is not None
        row.levels, row.directions = levels, directions
    kept = service.desk(editor).draft(story.id)
    assert kept.levels == ({"midpoint": 4} if isinstance(levels, dict) else {})
    assert kept.directions in ({}, {"midpoint": "slow"})
    # And it can be gone on with.
    assert service.desk(editor).edit_draft(story.id, {"finale": 4}).levels == {
        **kept.levels,
        "finale": 4,
    }


def test_a_draft_outlives_another_structure(service: Service, story: Story, editor: Actor) -> None:
    service.desk(editor).edit_draft(story.id, {"midpoint": 4, "finale": 2})
    with service.database.write() as session:
        row = session.get(StoryVersion, story.id)
        assert row is not None
        row.structure_type = "hero"
    assert service.desk(editor).draft(story.id) == Draft({}, {})
    assert service.desk(editor).edit_draft(story.id, {"ordeal": 2}) == Draft({"ordeal": 2}, {})


def test_the_pulse_rests_while_nothing_happens(
    service: Service, story: Story, editor: Actor
) -> None:
    first = service.desk(editor).pulse(story.id)
    service.desk(editor).plan(story.id, {"midpoint": 4})
    service.desk(service.actor("producer")).edit_draft(story.id, {"midpoint": 5})
    assert service.desk(editor).pulse(story.id) == first


def test_the_pulse_tells_a_draft_from_the_rest(
    service: Service, story: Story, editor: Actor
) -> None:
    first = service.desk(editor).pulse(story.id)
    kept = service.desk(editor).edit_draft(story.id, {"midpoint": 4})
    then = service.desk(editor).pulse(story.id)
    assert then.rest == first.rest
    assert then.draft_at == kept.kept_at == service.desk(editor).draft(story.id).kept_at
    assert then.draft_at != first.draft_at


def test_the_pulse_beats_for_whatever_a_page_shows(
    service: Service, story: Story, editor: Actor
) -> None:
    seen = [service.desk(editor).pulse(story.id).rest]

    def beats() -> bool:
        seen.append(service.desk(editor).pulse(story.id).rest)
        return seen[-1] not in seen[:-1]

    service.operator().grant("editor", 1)
    assert beats()
    run_id = service.desk(editor).start(service.desk(editor).plan(story.id, {"finalImage": 2}).plan)
    assert beats()
    with service.executing():
        list(service.operator().follow(run_id))
    assert beats()
    service.desk(editor).restore_run(run_id)
    assert beats()
