"""A run in a real browser, from end to end: seen, cancelled, resumed, reviewed, undone."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from cascade.service import Service
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .conftest import telling
from .studio import CHANGES, Studio

# The texts of the first beat that is changed.
MIDPOINT_STEPS = 8

# Counts how many of each part of the page there are at most from now on.
COUNT_PARTS = """() => {
  window.most = {};
  const count = () => {
    for (const part of ["top", "outline", "pane", "state"]) {
      const there = document.querySelectorAll(`.st-key-${part}`).length;
      window.most[part] = Math.max(window.most[part] ?? 0, there);
    }
  };
  count();
  new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
}"""


def test_a_run_is_seen_cancelled_resumed_and_outlives_its_server(
    studio: Studio, server: Server, writer: ModelServer
) -> None:
    page = studio.page
    writer.hold(after=1)
    studio.bend()
    studio.press("banner.save")
    expect(studio.dialog.get_by_text(studio.say("confirm.title"))).to_be_visible()
    expect(studio.dialog.get_by_text(studio.count("confirm.estimate", 45))).to_be_visible()
    studio.press("confirm.cancel")
    expect(studio.dialog).to_have_count(0)
    studio.is_pending(2, CHANGES)

    other = Studio(page.context.new_page(), studio.language)
    other.page.goto(server.page)
    other.is_pending(2, CHANGES)
    studio.start()
    expect(studio.state).to_contain_text(
        studio.say("run.beat", number=1, total=2, change="Midpoint (2→4)")
    )
    expect(studio.dialog).to_have_count(0)
    expect(page).to_have_url(re.compile(r"story=.+&run=.+"))
    expect(studio.slider("Midpoint")).to_have_attribute("aria-disabled", "true")
    # A tab that was open before finds the run by itself; its details are for who asks for them.
    expect(other.button("run.cancel")).to_be_visible()
    expect(other.page.locator(".st-key-details")).to_have_count(0)

    page.reload()
    # The first step is saved: its line says how the new text begins.
    saved = page.locator(".cascade-steps .done .words")
    expect(saved).to_have_count(1)
    expect(saved).not_to_be_empty()
    # What was held becomes less with every step, while the curve is left in peace.
    held = page.get_by_text(re.compile("455 (available|tersedia), [1-9]"))
    expect(held).to_be_visible()
    first = held.inner_text()
    writer.hold(after=MIDPOINT_STEPS)
    expect(held).not_to_have_text(first)
    studio.sees(studio.say("run.beat", number=2, total=2, change="All Is Lost (4→2)"))

    writer.wait_for_calls(MIDPOINT_STEPS + 1)
    other.press("run.cancel")
    for tab in (studio, other):
        expect(tab.state).to_contain_text(tab.say("run.title.cancelled"))
        expect(tab.button("run.resume")).to_be_enabled()
    other.page.close()
    studio.sees(studio.say("run.level_kept", beat="All Is Lost", old=4))
    # What the run did not reach is still pending; what it reached is saved.
    studio.is_pending(1, "All Is Lost (4→2)")
    studio.in_step("Midpoint", 4)

    studio.press("run.resume")
    writer.wait_for_calls(MIDPOINT_STEPS + 2)
    studio.sees(studio.say("state.generating"))
    # The page stays open while its server dies: it says so in its own words, and goes on by itself.
    server.kill()
    away = page.locator(".cascade-away")
    expect(away).to_have_text(studio.say("app.away"))
    expect(page.get_by_test_id("stDialog").filter(visible=True)).to_have_count(0)
    server.start()
    writer.release()
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    expect(away).to_have_count(0)
    studio.nothing_is_pending()
    studio.sees(studio.count("head.credits", 455))
    studio.in_step("All Is Lost", 2)

    studio.press("run.close")
    expect(page.locator(".st-key-details")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"story=[^&]+$"))

    # Both are one run, found again where the curve is, without loading the page anew.
    runs = page.get_by_role("list", name=studio.say("runs.title"), exact=True)
    expect(runs.get_by_role("listitem")).to_have_count(1)
    expect(runs).to_contain_text(studio.count("run.in_parts", 2))
    page.evaluate("window.notReloaded = true")
    runs.get_by_role("link").click()
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    expect(page).to_have_url(re.compile(r"story=.+&run=.+"))
    expect(runs.locator("[aria-current]")).to_have_count(1)
    # From each part of it there is a way to the other.
    parts = page.get_by_role("list", name=studio.say("run.parts"), exact=True)
    parts.get_by_role("link", name=studio.say("run.part", number=1)).click()
    expect(studio.state).to_contain_text(studio.say("run.title.cancelled"))
    parts.get_by_role("link", name=studio.say("run.part", number=2)).click()
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    assert page.evaluate("window.notReloaded")
    page.go_back()
    expect(studio.state).to_contain_text(studio.say("run.title.cancelled"))


def test_what_a_cancelled_run_left_is_brought_back_in_line(
    studio: Studio, server: Server, writer: ModelServer, look: Callable[[], Service]
) -> None:
    page = studio.page
    writer.hold(after=1)
    database = look()
    with_story = database.desk(database.actor("editor"))
    story_id = database.operator().stories()[0].id
    run_id = with_story.start(with_story.plan(story_id, {"midpoint": 4}).plan)
    for event in with_story.follow(run_id):
        if event["type"] == "step" and event["status"] == "complete":
            with_story.cancel(run_id)
    database.close()
    writer.release()

    page.goto(server.page)
    summary = page.locator(".st-key-stale-summary")
    expect(summary).to_contain_text("Midpoint")
    # Its price is in sight where there is least room for it.
    page.set_viewport_size({"width": 1024, "height": 768})
    label = summary.get_by_role("button").locator("p")
    expect(label).to_contain_text(studio.count("credits", 23))
    for one in (label, label.locator("..")):
        assert one.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    page.set_viewport_size({"width": 1400, "height": 1000})
    studio.slider("Setup").press("5")
    studio.is_pending(1, "Setup (2→5)")
    studio.press("banner.save")
    page.get_by_text(studio.say("confirm.include", beats="Midpoint")).click()
    expect(studio.dialog).to_contain_text(studio.count("confirm.estimate", 26))
    studio.press("confirm.start")
    # Over a half-written beat nothing is "done".
    expect(studio.state).to_contain_text(studio.count("run.title.wrote", 8))
    expect(page.get_by_text(studio.say("run.title.done"))).to_have_count(0)

    summary.get_by_role("button").click()
    expect(studio.dialog.get_by_text("Midpoint (")).to_contain_text("4")
    studio.press("confirm.start")
    expect(studio.state).to_contain_text(studio.say("run.title.in_line"))
    expect(summary).to_have_count(0)
    studio.in_step("Midpoint", 4)


@telling(CASCADE_WORKER="external")
def test_a_run_without_a_worker_says_so_and_begins_when_there_is_one(
    studio: Studio, server: Server, writer: ModelServer
) -> None:
    page = studio.page
    writer.hold()
    studio.nothing_is_pending()
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.press("confirm.start")
    expect(studio.state).to_contain_text(studio.say("run.title.queued"))
    expect(studio.state).to_contain_text(studio.say("run.title.waiting"))
    expect(page.get_by_role("alert").filter(has_text="cascade worker")).to_be_visible()
    server.restart(CASCADE_WORKER="embedded")
    expect(studio.state).to_contain_text(studio.say("run.title.running"))
    expect(page.get_by_role("alert").filter(has_text="cascade worker")).to_have_count(0)


@telling(CASCADE_OFFLINE_DELAY_MS="50")
def test_a_run_is_read_and_undone_byte_for_byte(
    studio: Studio, look: Callable[[], Service]
) -> None:
    page = studio.page
    database = look()
    before = database.operator().story(database.operator().stories()[0].id)
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.press("confirm.start")
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    studio.sees(studio.say("run.changed_beat", change="Midpoint (2→4)", done=8, total=8))
    after = database.operator().story(before.id)
    studio.press("run.close")

    # Read in its place: what is new is marked, and a script is set as one.
    midpoint = studio.select("Midpoint")
    marks = midpoint.locator(".cascade-mark.new")
    expect(marks).to_have_count(8)
    expect(midpoint.locator(".fountain-scene-heading").first).to_be_visible()
    expect(midpoint.locator(".fountain-character").first).to_be_visible()

    # "New" leads to the difference: old beside new, and one piece back.
    marks.nth(1).click()
    expect(page.get_by_role("heading", name=studio.say("step.keyAction"))).to_be_visible()
    expect(page.locator(".cascade-two ins").first).to_be_visible()
    studio.press("undo.piece_yes")
    studio.sees(studio.say("undo.piece_done", piece=studio.say("step.keyAction")))
    now = database.operator().story(before.id)
    assert now.key_actions["midpoint"] == before.key_actions["midpoint"]
    assert now.contents == after.contents
    assert now.curve == after.curve
    # From text to text by keyboard.
    page.keyboard.press("j")
    studio.sees(studio.say("review.place", place=3, of=8))
    page.keyboard.press("k")
    studio.sees(studio.say("review.place", place=2, of=8))
    studio.sees(studio.say("undo.restored_help"))

    studio.press("undo.all")
    studio.press("undo.all_yes")
    # One of eight was back already.
    expect(page.get_by_text(re.compile(r": 7 (texts|teks) \w+ 1 tension level\."))).to_be_visible()
    expect(studio.button("undo.all")).to_have_count(0)
    studio.in_step("Midpoint", 2)
    studio.nothing_is_pending()
    assert database.operator().story(before.id) == before
    database.close()


def test_a_run_counts_in_the_title_and_the_bar_is_in_focus_when_it_ends(
    studio: Studio, server: Server, writer: ModelServer
) -> None:
    page = studio.page
    writer.hold(after=3)
    studio.nothing_is_pending()
    page.evaluate(COUNT_PARTS)
    other = Studio(page.context.new_page(), studio.language)
    other.page.goto(server.page)
    other.nothing_is_pending()
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.press("confirm.start")
    expect(studio.state).to_be_focused()
    expect(page).to_have_title(re.compile(r"\(3/8\) Tinggi Muka Air"))
    # Whoever only has the story open is not taken away from it.
    expect(other.button("run.cancel")).to_have_count(1)
    expect(other.state).not_to_be_focused()
    writer.release()
    for tab in (studio, other):
        expect(tab.state).to_contain_text(studio.say("run.title.done"))
        expect(tab.state).to_be_focused()
        aloud = tab.page.locator(".cascade-live").filter(has_text=studio.say("run.said.done"))
        expect(aloud).to_have_attribute("aria-live", "polite")
        expect(tab.page).to_have_title(studio.say("app.name"))
    # While the run came and went, no part of the page stood beside its own old self.
    assert page.evaluate("window.most") == {"top": 1, "outline": 1, "pane": 1, "state": 1}
