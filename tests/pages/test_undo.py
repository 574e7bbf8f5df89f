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


def test_old_and_new_are_compared_text_by_text(page: Page, service: Service) -> None:
    before = story_of(service)
    finished(page)
    assert page.text_of_run == []
    page.click("Review changes")
    labels = [one.label for one in page.at.button if str(one.key).startswith("show-")]
    assert len(labels) == 14
    scene = before.scenes_of("midpoint")[0].number
    plots, scripts = (
        next(n for n, label in enumerate(labels) if label.startswith(f"{kind} of scene {scene}"))
        for kind in ("Plot", "Script")
    )
    assert scripts == plots + 1
    [shown] = page.text_of_run
    assert "<del>" in shown
    assert "<ins>" in shown
    assert before.contents["midpoint"].split()[0] in shown
    assert "1 of 14" in page.said
    assert page.button("Previous text").disabled
    page.click("Next text")
    assert page.at.query_params["text"] == "midpoint/keyAction"
    [shown] = page.text_of_run
    assert before.key_actions["midpoint"].split()[0] in shown
    page.review("allIsLost/script/26")
    assert page.button("Next text").disabled


def test_a_whole_run_is_restored_byte_for_byte(page: Page, service: Service) -> None:
    before = service.operator().document(story_of(service).id)
    finished(page)
    assert service.operator().document(story_of(service).id) != before
    page.click("Restore")
    assert "puts back 14 texts and 2 tension levels as they were before the run" in page.said
    assert service.operator().document(story_of(service).id) != before
    page.click("Cancel")
    assert not page.has_button("Yes, restore everything")
    page.restore_all()
    assert service.operator().document(story_of(service).id) == before
    assert "Restored: 14 texts and 2 tension levels as before this run" in page.said
    assert page.at.success[0].value.replace("\\", "") == (
        "Back as before the run: 14 texts and 2 tension levels."
    )
    assert page.number("Midpoint").value == 2
    assert "No unsaved tension changes." in page.said
    assert not page.has_button("Restore")
    assert "455 credits available" in page.said


def test_one_text_is_restored_byte_for_byte(page: Page, service: Service) -> None:
    before = story_of(service)
    finished(page)
    new = story_of(service)
    page.review("midpoint/keyAction").click("Restore this text")
    now = story_of(service)
    assert now.key_actions["midpoint"] == before.key_actions["midpoint"]
    assert now.contents == new.contents
    assert now.curve == new.curve
    assert page.at.success[0].value == "Key action is back as it was before the run\\."
    assert any("restored" in one.label for one in page.at.button)
    assert "This text is as it was before the run." in page.said
    assert not page.has_button("Restore this text")
    # The rest still comes back as a whole.
    page.restore_all()
    assert story_of(service) == before


def test_what_was_edited_since_is_not_lost(page: Page, service: Service) -> None:
    finished(page)
    edit(service, story_of(service).id, "midpoint/keyAction", "Somebody's own words.")
    page.look().click("Restore")
    assert "1 that was changed since stays as it is." in page.said
    page.click("Yes, restore everything")
    assert page.at.success[0].value.replace("\\", "") == (
        "Back as before the run: 13 texts and 2 tension levels. "
        "Left as it is, because it was changed since: the key action of Midpoint."
    )
    assert "13 of 14 texts restored" in page.said
    assert not page.has_button("Restore")
    changed = service.operator().document(story_of(service).id)
    page.review("midpoint/keyAction")
    assert any("edited since" in one.label for one in page.at.button)
    assert not page.has_button("Restore this text")
    assert service.operator().document(story_of(service).id) == changed


def test_restored_elsewhere_or_with_a_run_at_work_it_says_so(page: Page, service: Service) -> None:
    run_id, who = finished(page), service.actor()
    page.click("Restore")
    other = service.desk(who).start(service.desk(who).plan(story_of(service).id, {"setup": 5}).plan)
    page.click("Yes, restore everything")
    assert any("A run is already at work on this story." in words for words in page.errors)
    service.desk(who).cancel(other)
    page.look()
    page.click("Restore")
    service.desk(who).restore_run(run_id)
    page.click("Yes, restore everything")
    assert any("nothing to restore" in words for words in page.errors)


def test_a_viewer_compares_and_restores_nothing(
    open_service: Callable[..., Service], page: Page
) -> None:
    run_id = finished(page)
    reader = Page(open_service(user="viewer"), run=run_id)
    reader.review("midpoint/keyAction")
    assert len(reader.text_of_run) == 1
    assert not reader.has_button("Restore")
    assert not reader.has_button("Restore this text")
