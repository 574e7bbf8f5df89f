"""A run on the page of its story: at work, waiting, stopped, failed, and begun elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cascade.engine.seats import seat_for
from cascade.llm.provider import ProviderError
from cascade.service import Service
from cascade.store.tables import Run
from cascade.ui.run import live

from .conftest import PENDING, Page, bend, story_of, told


def test_a_run_from_the_dialog_to_the_receipt(page: Page, service: Service) -> None:
    with service.executing():
        bend(page).click("Save Tension Levels").click("Regenerate & Save")
        run = page.wait_for_end()
    assert run.status == "done"
    page.look()
    assert "Done: the story fits the new curve" in page.said
    # In the reader's words and hours, which are UTC where no browser says which.
    assert any(f"Started by Sample Editor, {at}. " in page.said for at in told(run.created_at))
    assert "14 texts · 45 credits" in page.said
    assert [one.label.replace("\\", "") for one in page.at.status] == [
        "Beat 1/2: Midpoint (2→4)",
        "Beat 2/2: All Is Lost (4→2)",
    ]
    assert {one.state for one in page.at.status} == {"complete"}
    for words in ("<dd>45 credits</dd>", "<dd>0 credits</dd>", "8 of 8 pieces rewritten"):
        assert words in page.said
    assert "No unsaved tension changes." in page.said
    assert page.number("Midpoint").value == 4
    assert "455 credits available" in page.said
    assert not page.has_button("Resume")


def test_while_a_run_is_at_work_the_curve_is_read_only(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels").click("Regenerate & Save")  # nobody executes it
    assert "Read-only while a run is at work on this story." in page.said
    assert all(one.disabled for one in page.at.number_input)
    # With a sign between them: the clock does not run into the credits.
    assert "0 of 14 steps done · Credits used: 0 / 45" in page.said
    assert "Credits: 455 available, 45 held" in page.said
    assert "offline draft: a pacing edit, not AI" in page.said
    other = Page(service)
    assert other.has_button("Cancel Process")
    # Its details are open for whoever started it, and for others where they ask for them.
    assert page.at.status
    assert not other.at.status
    assert other.click("Details").at.status
    assert other.run_id == page.run_id
    assert not other.click("Close").at.status


def test_a_run_that_comes_or_goes_moves_no_part_of_the_page(page: Page, service: Service) -> None:
    """A part that moves stands beside its own old self until the whole page is drawn."""
    bend(page)
    before = page.places
    page.click("Save Tension Levels").click("Regenerate & Save")
    # Without an executor it stays queued.
    assert page.has_button("Cancel Process")
    at_work = page.places
    with service.executing():
        page.wait_for_end()
    over = page.look().places
    parts = {"bar", "bar-page", "elsewhere", "funds", "top", "work", "outline", "pane", "levels"}
    parts |= {"aside", "state", "notices", *(f"row-{key}" for key in story_of(service).curve)}
    for part in parts:
        assert before[part] == at_work[part] == over[part]
    assert at_work["run-beat-0"] == over["run-beat-0"]


def test_a_run_that_does_not_begin_says_what_it_waits_for(
    page: Page, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patient:
        patient.setattr(live, "PATIENCE_S", 3600.0)
        bend(page).click("Save Tension Levels").click("Regenerate & Save")  # nobody executes it
        assert "Starting…" in page.said
    with service.database.write() as db:
        run = db.get_one(Run, page.run_id)
        run.created_at -= timedelta(seconds=11)
        since = told(run.created_at)
    assert "Waiting for a worker" in page.look().said
    waits = "No worker is there; this run has waited for one since {}.".format
    assert any(waits(when) in page.said for when in since)
    assert "<code>cascade worker</code>" in page.said
    # Somebody is there, and busy.
    seat = seat_for(service.database)
    assert seat.take()
    page.at.session_state["has-worker"] = None
    said = page.look().said
    assert any(f"It has waited since {when} for a worker to be free." in said for when in since)
    seat.leave()
    page.at.session_state["has-worker"] = None
    with service.executing():
        assert page.wait_for_end().status == "done"


def test_cancel_and_resume(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels").click("Regenerate & Save").click("Cancel Process")
    assert "Run cancelled" in page.look().said
    assert "<dd>45 credits</dd>" in page.said
    assert "Nothing was changed; every text is as it was." in page.said
    assert PENDING in page.said
    assert "14 steps are left, for 45 credits." in page.said
    first = page.run_id
    with service.executing():
        page.click("Resume")
        assert page.run_id != first
        assert page.wait_for_end().status == "done"
    assert "It goes on where an earlier run stopped." in page.look().said
    # One receipt, whichever part of it is looked at, and from each a way to the other.
    for part in (first, page.run_id):
        seen = Page(service, run=part)
        assert "<dd>45 credits <small>in 2 parts</small></dd>" in seen.said
        for other in (first, page.run_id):
            assert f"run={other}" in seen.said
        assert "Review 14" in seen.said


def test_a_run_that_stopped_is_pointed_at_from_its_story(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels").click("Regenerate & Save").click("Cancel Process")
    for tomorrow, title in (
        (page.look().click("Close"), "Run cancelled"),
        (Page(service), "Last run: cancelled"),
    ):
        assert title in tomorrow.said
        assert "14 steps are left, for 45 credits." in tomorrow.said
        assert [one.label for one in tomorrow.at.button].count("Resume") == 1


def test_a_failure_is_said_in_plain_words(service: Service, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> Any:
        raise ProviderError("auth", "The key was *refused*. Check OPENAI_API_KEY.")

    monkeypatch.setattr(service.provider, "write", refuse)
    page = bend(Page(service))
    with service.executing():
        page.click("Save Tension Levels").click("Regenerate & Save")
        assert page.wait_for_end().status == "failed"
    page.look()
    assert "Run failed" in page.said
    assert any("The key was *refused*." in words for words in page.errors)
    assert page.at.status[0].state == "error"
    assert page.has_button("Resume")


def test_a_run_at_work_is_in_the_bar_whichever_run_is_looked_at(
    page: Page, service: Service
) -> None:
    ended = page.set(Midpoint=4).run_through().id
    desk, story = service.desk(service.actor()), story_of(service)
    active = desk.start(desk.plan(story.id, {"setup": 5}).plan)
    looked_at = Page(service, run=ended)
    assert "8 of 8 pieces rewritten" in looked_at.said
    assert looked_at.button("Cancel Process").key == f"cancel-{active}"
    assert looked_at.click("Details").run_id == active
    assert "8 of 8 pieces rewritten" not in looked_at.said


def test_a_run_on_another_story_is_named_and_leads_there(page: Page, service: Service) -> None:
    assert "under way on another story" not in page.said
    desk, other = service.desk(service.actor()), story_of(service, 1)
    run_id = desk.start(desk.plan(other.id, {"ordeal": 2}).plan)
    said = page.look().said
    assert "1 run under way on another story" in said
    assert f"run={run_id}" in said
    assert "under way on" not in Page(service, story=other.id).said


# Which story


def test_a_run_started_elsewhere_meanwhile_is_shown(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels")
    who, story = service.actor(), story_of(service)
    other = service.desk(who).start(service.desk(who).plan(story.id, {"setup": 5}).plan)
    page.click("Regenerate & Save")
    assert any("A run is already at work on this story." in words for words in page.errors)
    assert page.button("Cancel Process").key == f"cancel-{other}"
    assert service.desk(who).draft(story.id).levels == {"midpoint": 4, "allIsLost": 2}
