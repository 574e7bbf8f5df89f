"""Directions: kept in the draft, shown before the start, part of the plan."""

from __future__ import annotations

from typing import Any

from cascade.service import Draft, Service

from .conftest import CAT, Page, bend, story_of

WISH = "keep the betrayal <b>off-stage</b>"


def directions(page: Page) -> list[Any]:
    """The fields for directions that are there."""
    return [field for field in page.at.text_input if field.label.startswith("Direction for ")]


def wish(page: Page, service: Service, beat: str, words: str) -> Page:
    page.open_beat(next(one.key for one in story_of(service).structure.beats if one.label == beat))
    one = next(field for field in page.at.text_input if field.label == f"Direction for {beat}")
    one.set_value(words)
    return page.look()


def test_a_direction_is_in_the_draft_the_dialog_and_the_plan(page: Page, service: Service) -> None:
    bend(page)
    assert directions(page) == []
    wish(page, service, "Midpoint", f"  {WISH} ")
    levels = {"midpoint": 4, "allIsLost": 2}
    assert service.desk(service.actor()).draft(story_of(service).id) == Draft(
        levels, {"midpoint": WISH}
    )
    again = Page(service, story=CAT, beat="midpoint")
    assert [one.value for one in directions(again)] == [WISH]
    again.click("Save Tension Levels")
    assert "<q>keep the betrayal &lt;b&gt;off-stage&lt;/b&gt;</q>" in again.said
    again.click("Regenerate & Save")
    plan = service.operator().run(again.run_id).plan
    assert [change.direction for change in plan.changes] == [WISH, ""]


def test_a_direction_outlives_a_point_that_is_moved_back_and_forth(
    page: Page, service: Service
) -> None:
    who, story = service.actor(), story_of(service)
    wish(page.set(Midpoint=4), service, "Midpoint", WISH)
    page.set(Midpoint=2)
    assert service.desk(who).draft(story.id) == Draft({}, {})
    page.set(Midpoint=5)
    assert service.desk(who).draft(story.id) == Draft({"midpoint": 5}, {"midpoint": WISH})
    wish(page, service, "Midpoint", "")
    assert service.desk(who).draft(story.id) == Draft({"midpoint": 5}, {})


def test_reset_and_a_saved_level_end_a_direction(page: Page, service: Service) -> None:
    who, story = service.actor(), story_of(service)
    wish(page.set(Midpoint=4), service, "Midpoint", WISH)
    page.click("Reset").set(Midpoint=4)
    assert service.desk(who).draft(story.id).directions == {}
    wish(page, service, "Midpoint", WISH).run_through()
    page.set(Midpoint=5)
    assert service.desk(who).draft(story.id) == Draft({"midpoint": 5}, {})


def test_undo_brings_back_what_reset_discarded_directions_too(page: Page, service: Service) -> None:
    who, story = service.actor(), story_of(service)
    assert not page.has_button("Undo")
    wish(bend(page), service, "Midpoint", WISH)
    page.click("Reset")
    assert service.desk(who).draft(story.id) == Draft({}, {})
    assert "2 changes discarded: Midpoint (2→4), All Is Lost (4→2)" in page.said
    assert [one.label for one in page.at.button].count("Reset") == 1
    page.click("Undo")
    assert service.desk(who).draft(story.id) == Draft(
        {"midpoint": 4, "allIsLost": 2}, {"midpoint": WISH}
    )
    assert page.number("Midpoint").value == 4
    assert not page.has_button("Undo")


def test_undo_overwrites_nothing_that_was_edited_since(page: Page, service: Service) -> None:
    who, story = service.actor(), story_of(service)
    wish(bend(page), service, "Midpoint", WISH)
    page.click("Reset")
    # In another tab, so that what this one did last is still the reset.
    service.desk(who).edit_draft(story.id, {"midpoint": 5, "setup": 3})
    page.look().click("Undo")
    assert service.desk(who).draft(story.id) == Draft(
        {"setup": 3, "midpoint": 5, "allIsLost": 2}, {}
    )


def test_undo_leaves_out_a_beat_that_was_saved_at_another_level(
    page: Page, service: Service
) -> None:
    who, story = service.actor(), story_of(service)
    bend(page).click("Reset")
    with service.executing():
        other = service.desk(who).start(service.desk(who).plan(story.id, {"midpoint": 5}).plan)
        list(service.operator().follow(other))
    page.look().click("Undo")
    assert service.desk(who).draft(story.id) == Draft({"allIsLost": 2}, {})
    # Once a run was started here, what lies before it is not offered any more.
    page.click("Reset").set(Setup=3).run_through()
    assert not page.has_button("Undo")


def test_the_offline_writer_is_said_to_follow_no_direction(page: Page, service: Service) -> None:
    bend(page).open_beat("midpoint")
    [wish] = directions(page)
    assert "the offline writer follows none" in wish.placeholder
