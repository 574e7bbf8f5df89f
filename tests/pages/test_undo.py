"""After a run: old beside new, and the way back for one text or for all of it."""

from __future__ import annotations

from collections.abc import Callable

from cascade.service import Service
from tests.helpers.editing import edit

from .conftest import Page, bend, story_of


def finished(page: Page) -> str:
    """A finished run of two beats; its id."""
    assert bend(page).run_through().status == "done"
    return page.run_id


def compared(page: Page) -> list[str]:
    return [one.body for one in page.at.html if 'class="cascade-two"' in one.body]


def test_old_and_new_are_compared_where_the_reader_opens_them(page: Page, service: Service) -> None:
    before = story_of(service)
    run_id = finished(page)
    assert compared(page) == []
    page.open(f"compare-{run_id}")
    labels = [one.label for one in page.at.expander]
    assert "Old beside new: 14 texts" in labels
    scene = before.scenes_of("midpoint")[0].number
    plots, scripts = (
        next(n for n, label in enumerate(labels) if label.startswith(f"{kind} of scene {scene}"))
        for kind in ("Plot", "Script")
    )
    assert scripts == plots + 1
    assert compared(page) == []
    page.open(f"piece-{run_id}-midpoint/beatContent")
    [shown] = compared(page)
    assert "<del>" in shown
    assert "<ins>" in shown
    assert before.contents["midpoint"].split()[0] in shown


def test_a_whole_run_is_restored_byte_for_byte(page: Page, service: Service) -> None:
    before = service.operator().document(story_of(service).id)
    finished(page)
    assert service.operator().document(story_of(service).id) != before
    assert "puts back 14 texts and 2 tension levels as they were before the run" in page.said
    page.click("Yes, restore everything")
    assert service.operator().document(story_of(service).id) == before
    assert "Restored: 14 texts and 2 tension levels as before this run" in page.said
    assert page.at.success[0].value.replace("\\", "") == (
        "Back as before the run: 14 texts and 2 tension levels."
    )
    assert page.number("Midpoint").value == 2
    assert "No unsaved tension changes." in page.said
    assert not page.has_button("Yes, restore everything")
    assert "455 credits available" in page.said


def test_one_text_is_restored_byte_for_byte(page: Page, service: Service) -> None:
    before = story_of(service)
    run_id = finished(page)
    new = story_of(service)
    page.open(f"compare-{run_id}", f"piece-{run_id}-midpoint/keyAction")
    page.click("Restore this text")
    now = story_of(service)
    assert now.key_actions["midpoint"] == before.key_actions["midpoint"]
    assert now.contents == new.contents
    assert now.curve == new.curve
    assert page.at.success[0].value == "Key action is back as it was before the run\\."
    assert any("restored" in one.label for one in page.at.expander)
    assert not page.has_button("Restore this text")
    # The rest still comes back as a whole.
    page.click("Yes, restore everything")
    assert story_of(service) == before


def test_what_was_edited_since_is_not_lost(page: Page, service: Service) -> None:
    run_id = finished(page)
    edit(service, story_of(service).id, "midpoint/keyAction", "Somebody's own words.")
    assert "1 that was changed since stays as it is." in page.look().said
    page.click("Yes, restore everything")
    assert page.at.success[0].value.replace("\\", "") == (
        "Back as before the run: 13 texts and 2 tension levels. "
        "Left as it is, because it was changed since: the key action of Midpoint."
    )
    assert "13 of 14 texts restored" in page.said
    assert not page.has_button("Yes, restore everything")
    changed = service.operator().document(story_of(service).id)
    page.open(f"compare-{run_id}", f"piece-{run_id}-midpoint/keyAction")
    assert any("edited since" in one.label for one in page.at.expander)
    assert not page.has_button("Restore this text")
    assert service.operator().document(story_of(service).id) == changed


def test_restored_elsewhere_or_with_a_run_at_work_it_says_so(page: Page, service: Service) -> None:
    run_id, who = finished(page), service.actor()
    other = service.desk(who).start(service.desk(who).plan(story_of(service).id, {"setup": 5}).plan)
    page.click("Yes, restore everything")
    assert any("A run is already at work on this story." in words for words in page.errors)
    service.desk(who).cancel(other)
    service.desk(who).restore_run(run_id)
    page.click("Yes, restore everything")
    assert any("nothing to restore" in words for words in page.errors)


def test_a_viewer_compares_and_restores_nothing(
    open_service: Callable[..., Service], page: Page
) -> None:
    run_id = finished(page)
    reader = Page(open_service(user="viewer"), run=run_id)
    reader.open(f"compare-{run_id}", f"piece-{run_id}-midpoint/keyAction")
    assert len(compared(reader)) == 1
    assert not reader.has_button("Yes, restore everything")
    assert not reader.has_button("Restore this text")
