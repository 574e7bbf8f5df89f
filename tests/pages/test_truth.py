"""What the page says of a story is so, and nothing that it offers is a dead end."""

from __future__ import annotations

from collections.abc import Callable

from cascade.service import Service
from tests.helpers.earlier import save_steps
from tests.helpers.editing import edit

from .conftest import Page, bend, story_of, told
from .test_history import listed

Open = Callable[..., Service]
REWRITE = "Rewrite what is out of date"


def half_done(service: Service, beat: str, steps: int) -> str:
    """A run of one beat that was cancelled after some steps."""
    desk, story = service.desk(service.actor()), story_of(service)
    run_id = desk.start(desk.plan(story.id, {beat: story.curve[beat] % 5 + 1}).plan)
    save_steps(service, run_id, steps, by=f" by {run_id}")
    desk.cancel(run_id)
    return run_id


def buttons(page: Page) -> list[str]:
    return [one.label for one in page.at.button if one.label.startswith(REWRITE)]


def test_what_is_pending_is_priced_before_the_dialog_is_opened(page: Page) -> None:
    bend(page)
    assert (
        "All Is Lost (4→2) · 45 credits · 14 texts in 5 scenes · about 1 second · "
        "balance 500 → 455" in page.said
    )


def test_who_has_too_little_reads_how_much_is_missing(service: Service, open_service: Open) -> None:
    service.operator().grant("ana", 10)
    page = bend(Page(open_service(user="ana")))
    assert "45 credits · 14 texts in 5 scenes · about 1 second · 35 missing, 10 available" in (
        page.said
    )


def test_over_a_half_written_beat_nothing_is_done(page: Page, service: Service) -> None:
    half_done(service, "midpoint", 2)
    page.look()
    assert "6 texts are out of date: Midpoint." in page.said
    assert buttons(page) == ["Rewrite what is out of date · 21 credits"]
    with service.executing():
        page.set(Setup=5).click("Save Tension Levels")
        page.at.checkbox[0].uncheck()
        page.look().click("Regenerate & Save")
        page.wait_for_end()
    assert "8 texts rewritten" in page.look().said
    assert "Done: the story fits" not in page.said
    assert "They can be brought back in line from the outline." in page.said
    levels = story_of(service).levels

    with service.executing():
        page.click("Rewrite what is out of date · 21 credits")
        assert "Midpoint (stays 3)" in page.said
        assert "Estimated credits: 21 credits" in page.said
        assert "Tension levels stay as they are" in page.said
        page.click("Regenerate & Save")
        assert page.wait_for_end().status == "done"
    assert "Done: what was out of date fits again" in page.look().said
    assert buttons(page) == []
    assert story_of(service).levels == levels
    assert listed(page.click("Close"))[0].startswith("Midpoint (out of date) · Sample Editor")


def test_what_a_run_left_is_finished_along_with_what_is_pending(
    page: Page, service: Service
) -> None:
    run_id = half_done(service, "midpoint", 2)
    page.set(Setup=5)
    # To finish it comes first; it can be done in one with what is pending.
    assert "6 steps are left, for 21 credits." in page.said
    assert page.has_button("Resume")
    page.click("Save Tension Levels")
    assert page.at.checkbox[0].label == "Finish Midpoint too, where the last run stopped"
    assert "Estimated credits: 47 credits" in page.said
    page.at.checkbox[0].uncheck()
    assert "Estimated credits: 26 credits" in page.look().said
    page.at.checkbox[0].check()
    page.look()
    with service.executing():
        page.click("Regenerate & Save")
        run = page.wait_for_end()
    assert (run.status, run.used_credits, run.resumed_from) == ("done", 47, None)
    assert "Done: the story fits the new curve" in page.look().said
    assert not Page(service, run=run_id).has_button("Resume")


def test_one_beat_is_brought_back_in_line_by_itself(page: Page, service: Service) -> None:
    half_done(service, "midpoint", 2)
    half_done(service, "allIsLost", 1)
    page.open_beat("allIsLost")
    assert "Rewrite what is out of date in All Is Lost · 16 credits" in buttons(page)
    assert "11 texts are out of date: Midpoint and All Is Lost." in page.said
    with service.executing():
        page.click("Rewrite what is out of date in All Is Lost · 16 credits")
        page.click("Regenerate & Save")
        assert page.wait_for_end().status == "done"
    assert "5 texts rewritten" in page.look().said
    assert "6 texts are out of date: Midpoint." in page.said


def test_who_may_not_start_reads_who_may(service: Service, open_service: Open) -> None:
    half_done(service, "midpoint", 2)
    reader = Page(open_service(user="viewer"))
    assert "6 texts are out of date: Midpoint. An editor can have them rewritten." in reader.said
    assert buttons(reader) == []


def test_a_resume_that_would_be_refused_is_not_offered_and_says_why(
    page: Page, service: Service
) -> None:
    run_id = half_done(service, "midpoint", 2)
    page.look()
    assert "6 steps are left, for 21 credits." in page.said
    assert Page(service, run=run_id).has_button("Resume")
    edit(service, story_of(service).id, "midpoint/keyAction", "By somebody else.")
    # It is not pointed at from its story any more, and says why itself.
    assert "The last run on this story" not in page.look().said
    stopped = Page(service, run=run_id)
    assert not stopped.has_button("Resume")
    assert "The rest cannot be resumed." in stopped.said
    assert "(the key action of Midpoint)" in stopped.said
    # The half-written beat has another way to be finished.
    assert buttons(stopped)


def test_a_restored_chain_says_what_is_back_and_is_not_resumed(
    page: Page, service: Service
) -> None:
    before = service.operator().document(story_of(service).id)
    first = half_done(service, "midpoint", 3)
    desk = service.desk(service.actor())
    second = desk.resume(first)
    save_steps(service, second, 2)
    desk.cancel(second)
    for run_id in (first, second):
        assert "<dd>14 credits <small>in 2 parts</small></dd>" in Page(service, run=run_id).said
    shown = Page(service, run=first)
    shown.click("Restore")
    assert "puts back 5 texts and 1 tension level" in shown.said
    shown.click("Yes, restore everything")
    assert "Restored: 5 texts and 1 tension level as before this run" in shown.said
    assert service.operator().document(story_of(service).id) == before
    again = Page(service, run=second)
    assert not again.has_button("Resume")
    assert "Restored: 5 texts and 1 tension level as before this run" in again.said
    [entry] = listed(page.look())
    assert entry in {
        f"Midpoint 2→3 · Sample Editor, {when} · 14 / 26 credits in 2 parts · restored"
        for when in told(desk.run(second).created_at)
    }


def test_a_restored_run_is_not_done_again_by_a_later_one(page: Page, service: Service) -> None:
    run_id = bend(page).run_through().id
    page.restore_all()
    bend(page.look().click("Close")).run_through()
    assert "Done: the story fits the new curve" in page.said
    earlier = Page(service, run=run_id)
    assert "Restored, and changed again since" in earlier.said
    assert "Done: the story fits" not in earlier.said
