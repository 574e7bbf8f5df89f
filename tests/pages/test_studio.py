"""The studio page by AppTest: what it offers, what it does, what it says when it may not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cascade.service import Service

from .conftest import MAIN, PENDING, Page, bend, story_of
from .tables import PATIENCE_S

# The curve


def test_opens_on_the_first_story_as_the_sample_editor(page: Page, service: Service) -> None:
    story = story_of(service)
    assert page.at.selectbox[0].value == story.id
    labels = [one.label for one in page.at.number_input]
    assert labels == [beat.label for beat in story.structure.beats]
    assert [one.value for one in page.at.number_input] == list(story.curve.values())
    assert "500 credits available" in page.said
    assert not re.search(r"\d held", page.said)
    assert "No unsaved tension changes." in page.said
    assert page.button("Save Tension Levels").disabled
    assert page.button("Reset").disabled


def test_changes_are_counted_and_named(page: Page) -> None:
    assert "1 beat with unsaved tension changes: Midpoint (2→4)" in page.set(Midpoint=4).said
    assert PENDING in page.set(All_Is_Lost=2).said
    assert not page.button("Save Tension Levels").disabled


def test_setting_a_level_back_removes_the_change(page: Page) -> None:
    page.set(Midpoint=4).set(Midpoint=2)
    assert "No unsaved tension changes." in page.said


def test_reset_puts_everything_back_and_saves_nothing(page: Page, service: Service) -> None:
    story = story_of(service)
    bend(page).click("Reset")
    assert [one.value for one in page.at.number_input] == list(story.curve.values())
    assert "No unsaved tension changes." in page.said
    assert service.desk(service.actor()).draft(story.id).levels == {}
    assert service.operator().story(story.id) == story
    assert service.operator().runs() == []


def test_a_new_session_finds_the_pending_changes(page: Page, service: Service) -> None:
    bend(page)
    again = Page(service)
    assert PENDING in again.said
    assert again.number("Midpoint").value == 4


def test_each_story_keeps_its_own_changes(page: Page, service: Service) -> None:
    bend(page)
    other = story_of(service, 1)
    page.at.selectbox[0].set_value(other.id)
    page.look()
    assert "No unsaved tension changes." in page.said
    assert len(page.at.number_input) == 12
    page.at.selectbox[0].set_value(story_of(service).id)
    assert PENDING in page.look().said


# The dialog


def test_the_dialog_says_what_it_will_do_and_cost(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels")
    for words in (
        "Estimated credits: 45 credits",
        "⬆ Midpoint (2→4)",
        "More Dramatic",
        "⬇ All Is Lost (4→2)",
        "Less Intense",
        "Beat Content (2 beats)",
        "Key Actions (2 beats)",
        "Scene Plots (5 scenes)",
        "Scripts (5 scripts)",
        "balance 500 → 455",
        "about 1 second",
        "offline draft: a pacing edit, not AI",
        "Old content stays in history.",
    ):
        assert words in page.said
    for scene in story_of(service).scenes_of("midpoint"):
        assert f"Scene {scene.number}: {scene.script.splitlines()[0]}" in page.said
    assert service.operator().runs() == []


def test_cancel_closes_the_dialog_and_keeps_the_changes(page: Page) -> None:
    bend(page).click("Save Tension Levels").click("Cancel")
    assert "Estimated credits" not in page.said
    assert PENDING in page.said


def test_too_few_credits_says_how_many_and_cannot_start(
    open_service: Callable[..., Service],
) -> None:
    service = open_service(user="poor")
    service.operator().grant("poor", 12)
    page = bend(Page(service)).click("Save Tension Levels")
    assert "33 credits are missing: this needs 45 and 12 are available." in page.said
    assert page.button("Regenerate & Save").disabled
    assert not page.button("Cancel").disabled


def test_the_dialog_says_when_its_numbers_change_under_it(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels")
    who, story = service.desk(service.actor()), story_of(service)
    assert "changed while this was open" not in page.look().said
    who.edit_draft(story.id, {"setup": 5})
    words = (
        "These numbers changed while this was open: 45 credits before, 71 now. 500 are available."
    )
    assert words in page.look().said
    # As long as it is open; it was said once the next time.
    assert words in page.look().said
    assert not page.button("Regenerate & Save").disabled
    page.click("Cancel").click("Save Tension Levels")
    assert "changed while this was open" not in page.said


def test_the_dialog_stays_and_says_why_when_there_is_nothing_left_or_a_run_at_work(
    page: Page, service: Service
) -> None:
    bend(page).click("Save Tension Levels")
    who, story = service.desk(service.actor()), story_of(service)
    run_id = who.start(who.plan(story.id, {"setup": 5}).plan)
    page.look()
    assert "A run has begun on this story since." in page.said
    assert page.button("Regenerate & Save").disabled
    who.cancel(run_id)
    who.save_draft(story.id, {})
    page.look()
    assert "Nothing is left to change" in page.said
    assert page.button("Regenerate & Save").disabled
    page.click("Cancel")
    assert not page.has_button("Regenerate & Save")


def test_a_beat_without_scenes_is_planned_for_itself(
    open_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = open_service()
    file = tmp_path / "story.json"
    file.write_text(
        '{"title": "A *bare* $1 <i>page</i>", "language": "en", "structureType": "harmon",'
        ' "beats": [], "scenes": []}',
        encoding="utf-8",
    )
    page = Page(service, story=service.operator().import_story(file))
    assert "This story has a shape but no words yet" in page.said
    page.set(Go=5).click("Save Tension Levels")
    assert "Estimated credits: 5 credits" in page.said
    assert "Go: no scenes; its content and key action only." in page.said


# A run


def test_without_an_address_a_reader_gets_the_first_story_in_their_language(
    service: Service,
) -> None:
    page = Page(service, nothing="asked")
    assert page.at.selectbox[0].value == story_of(service, 1).id
    # Another language of the page is no other story.
    page.at.session_state["language"] = "id"
    assert page.look().at.selectbox[0].value == story_of(service, 1).id
    assert ">Alur</a>" in page.said
    reader = Page(service, nothing="asked", language="id")
    assert reader.at.selectbox[0].value == story_of(service, 0).id


# Refusals


def test_a_stale_plan_shows_the_new_one_and_starts_nothing(page: Page, service: Service) -> None:
    bend(page).click("Save Tension Levels")
    who, story = service.actor(), story_of(service)
    with service.executing():
        other = service.desk(who).start(service.desk(who).plan(story.id, {"midpoint": 4}).plan)
        list(service.operator().follow(other))
    page.click("Regenerate & Save")
    assert any("Nothing was started." in words for words in page.errors)
    assert "Estimated credits: 19 credits" in page.said
    assert len(service.operator().runs()) == 1
    page.click("Regenerate & Save")
    assert len(service.operator().runs()) == 2


def test_a_viewer_reads_and_changes_nothing(open_service: Callable[..., Service]) -> None:
    page = Page(open_service(user="viewer"))
    assert "You may read this story." in page.said
    assert all(one.disabled for one in page.at.number_input)
    assert page.button("Save Tension Levels").disabled


def test_a_producer_drafts_but_does_not_start(open_service: Callable[..., Service]) -> None:
    page = bend(Page(open_service(user="producer")))
    assert PENDING in page.said
    assert page.button("Save Tension Levels").disabled
    assert not page.button("Reset").disabled


@pytest.mark.parametrize("name", ["story", "run"])
def test_an_address_of_nothing_says_so_and_shows_the_first(service: Service, name: str) -> None:
    page = Page(service, **{name: "<b>nope</b>"})
    assert page.errors[0].startswith(f"There is no {name} “<b>nope</b>”.")
    assert page.at.selectbox[0].value == story_of(service, 1).id


def test_an_unknown_user_is_told_what_to_do(open_service: Callable[..., Service]) -> None:
    page = Page(open_service(user="nobody"))
    assert page.errors[0].startswith("There is no user “nobody”.")


def test_no_stories_at_all(open_service: Callable[..., Service], tmp_path: Path) -> None:
    service = open_service(database_url=f"sqlite:///{tmp_path}/empty.db", samples="off")
    assert Page(service).errors[0].startswith("There is no user “editor”.")
    service.operator().grant("editor", 1)
    page = Page(service)
    assert "No stories yet" in page.said
    # It can be brought in right here.
    [field] = page.at.file_uploader
    field.upload("broken.json", b"{", "application/json").run()
    assert page.look().errors[0].startswith("broken.json is not valid JSON")
    document = {"title": "Tides", "language": "en", "structureType": "harmon"}
    [field] = page.at.file_uploader
    field.upload("tides.json", json.dumps(document).encode(), "application/json").run()
    assert page.look().at.selectbox[0].value == story_of(service).id
    assert "The story is here" in page.at.success[0].value


def test_without_a_service_the_page_says_how_to_start_it() -> None:
    at = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S).run()
    assert "streamlit run app.py" in at.error[0].value


# Reading


def test_a_beat_shows_its_words_as_they_are(page: Page, service: Service) -> None:
    story = story_of(service)
    beat = story.structure.beats[0]
    page.open_beat(beat.key)
    shown = next(one.body for one in page.at.html if 'class="cascade-beat"' in one.body)
    assert story.contents[beat.key].split("\n")[0][:40] in shown
    for scene in story.scenes_of(beat.key):
        assert scene.script.splitlines()[0] in shown
    assert "not AI" not in shown


def test_what_a_run_wrote_is_labelled_and_what_it_left_is_marked(
    page: Page, service: Service
) -> None:
    page.open_beat("midpoint")
    with service.executing():
        page.set(Midpoint=4).click("Save Tension Levels").click("Regenerate & Save")
        page.wait_for_end()
    # Still open, though its label has changed.
    page.look()
    shown = next(one.body for one in page.at.html if 'class="cascade-beat"' in one.body)
    assert shown.count("offline draft: a pacing edit, not AI") == 8
