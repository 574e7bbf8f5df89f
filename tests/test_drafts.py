"""Drafts over several tabs, and the pulse by which an open page sees that something has changed."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.errors import (
    BadLevel,
    UnknownBeat,
    UnknownStory,
)
from cascade.service import Actor, Draft, Service
from cascade.settings import Settings
from cascade.store.tables import Draft as DraftRow
from cascade.store.tables import StoryVersion
from cascade.story.story import Story
from tests.helpers.seeded_fixtures import database_url
from tests.service.people import save_next

__all__ = ["database_url"]


LEVELS = {"midpoint": 4, "allIsLost": 2}


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


def test_a_draft_is_restored_and_is_ones_own(
    service: Service, story: Story, editor: Actor, database_url: str
) -> None:
    producer = service.actor("producer")
    assert service.desk(editor).draft(story.id).levels == {}
    service.desk(editor).save_draft(story.id, LEVELS)
    service.desk(producer).save_draft(story.id, {"finale": 1})
    assert service.desk(editor).draft(story.id).levels == LEVELS
    assert service.desk(producer).draft(story.id).levels == {"finale": 1}
    other = service.operator().stories()[1]
    assert service.desk(editor).draft(other.id).levels == {}
    # By another process too.
    again = Service(Settings(database_url=database_url, provider="offline"))
    assert again.desk(again.actor("editor")).draft(story.id).levels == LEVELS
    again.close()
    # The last one counts, whole.
    service.desk(editor).save_draft(story.id, {"setup": 5})
    assert service.desk(editor).draft(story.id).levels == {"setup": 5}
    service.desk(editor).save_draft(story.id, {})
    assert service.desk(editor).draft(story.id).levels == {}
    assert service.desk(producer).draft(story.id).levels == {"finale": 1}


def test_a_draft_holds_only_what_differs(service: Service, story: Story, editor: Actor) -> None:
    service.desk(editor).save_draft(story.id, {**story.curve, "midpoint": 4})
    assert service.desk(editor).draft(story.id).levels == {"midpoint": 4}
    with service.database.read() as session:
        assert session.get_one(DraftRow, (story.id, editor.user_id)).levels == {"midpoint": 4}


def test_a_draft_does_not_take_what_is_no_level(
    service: Service, story: Story, editor: Actor
) -> None:
    service.desk(editor).save_draft(story.id, {"midpoint": 4})
    for levels, error in (({"midpoint": 6}, BadLevel), ({"ordeal": 3}, UnknownBeat)):
        with pytest.raises(error):
            service.desk(editor).save_draft(story.id, levels)
    with pytest.raises(UnknownStory):
        service.desk(editor).save_draft("no such story", LEVELS)
    assert service.desk(editor).draft(story.id).levels == {"midpoint": 4}


def test_directions_are_kept_with_the_beats_they_are_for(
    service: Service, story: Story, editor: Actor
) -> None:
    assert service.desk(editor).draft(story.id) == Draft({}, {})
    wishes = {"midpoint": "  keep it\n off-stage ", "finale": "", "setup": "not pending"}
    service.desk(editor).save_draft(story.id, LEVELS, wishes)
    kept = Draft(LEVELS, {"midpoint": "keep it off-stage"})
    assert service.desk(editor).draft(story.id) == kept
    service.desk(editor).save_draft(story.id, LEVELS)
    assert service.desk(editor).draft(story.id) == kept
    service.desk(editor).save_draft(story.id, {})
    service.desk(editor).save_draft(story.id, LEVELS)
    assert service.desk(editor).draft(story.id) == Draft(LEVELS, {})


def test_a_beat_leaves_the_draft_when_its_level_is_saved(
    service: Service, story: Story, editor: Actor
) -> None:
    producer = service.actor("producer")
    draft = {**LEVELS, "finale": 1}
    service.desk(editor).save_draft(story.id, draft)
    service.desk(producer).save_draft(story.id, {"midpoint": 5})
    desk = service.desk(editor)
    run_id = desk.start(desk.plan(story.id, LEVELS).plan)
    assert service.desk(editor).draft(story.id).levels == draft
    assert save_next(service, run_id) == "midpoint/beatContent"
    # What the run does not reach stays pending, and so does what others have in mind.
    assert service.desk(editor).draft(story.id).levels == {"allIsLost": 2, "finale": 1}
    assert service.desk(producer).draft(story.id).levels == {"midpoint": 5}
    service.desk(editor).cancel(run_id)
    assert service.desk(editor).draft(story.id).levels == {"allIsLost": 2, "finale": 1}


def test_a_draft_of_another_level_than_the_one_saved_stays(
    service: Service, story: Story, editor: Actor
) -> None:
    desk = service.desk(editor)
    run_id = desk.start(desk.plan(story.id, {"midpoint": 4}).plan)
    service.desk(editor).save_draft(story.id, {"midpoint": 5})
    save_next(service, run_id)
    assert service.desk(editor).draft(story.id).levels == {"midpoint": 5}
