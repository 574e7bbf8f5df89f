"""The studio in a real browser: the curve in all its forms, and what is pending on it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cascade.service import Service
from tests.helpers.serving import Server

from .conftest import telling
from .studio import CHANGES, Studio


def test_the_curve_is_moved_in_three_ways_that_stay_in_step(studio: Studio) -> None:
    page = studio.page
    expect(page.get_by_role("slider")).to_have_count(15)
    expect(page.get_by_role("spinbutton")).to_have_count(15)
    expect(studio.button("banner.save")).to_be_disabled()
    studio.in_step("Midpoint", 2)

    studio.drag("Midpoint", 4)
    studio.in_step("Midpoint", 4)
    studio.is_pending(1, "Midpoint (2→4)")
    # Somebody who does not see it hears it.
    expect(page.locator(".st-key-state-pending")).to_have_attribute("role", "status")

    lost = studio.slider("All Is Lost")
    for key, level in (("ArrowUp", 5), ("Home", 1), ("End", 5), ("ArrowDown", 4), ("2", 2)):
        lost.press(key)
        expect(lost).to_have_attribute("aria-valuenow", str(level))
    studio.in_step("All Is Lost", 2)
    words = studio.changed(2, 4, 19)
    expect(lost).to_have_attribute("aria-valuetext", words)
    studio.sees(f"{words}")
    studio.is_pending(2, CHANGES)

    for typed in ("5", "2"):
        studio.number("Setup").fill(typed)
        studio.number("Setup").press("Enter")
        studio.in_step("Setup", int(typed))
    studio.is_pending(2, CHANGES)

    page.reload()
    studio.is_pending(2, CHANGES)
    studio.in_step("Midpoint", 4)

    studio.press("banner.reset")
    studio.nothing_is_pending()
    studio.in_step("Midpoint", 2)
    studio.in_step("All Is Lost", 4)
    page.set_viewport_size({"width": 400, "height": 900})
    page.reload()
    studio.nothing_is_pending()
    studio.drag("Midpoint", 3)
    studio.in_step("Midpoint", 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_number_that_is_no_level_comes_back_with_a_sentence(studio: Studio) -> None:
    studio.nothing_is_pending()
    studio.slider("Midpoint").press("3")
    studio.in_step("Midpoint", 3)
    field = studio.number("Midpoint")
    words = studio.say("editor.refused", beat="Midpoint", level=3)
    for typed, leave in (("9", "Enter"), ("0", "Tab"), ("", "Tab")):
        field.fill(typed)
        field.press(leave)
        studio.in_step("Midpoint", 3)
        studio.sees(words)
    expect(studio.page.locator("[aria-invalid='true']")).to_have_count(0)
    # The field works as before.
    field.fill("5")
    field.press("Enter")
    studio.in_step("Midpoint", 5)
    studio.is_pending(1, "Midpoint (2→5)")


def test_the_curve_follows_a_number_while_the_server_is_busy(
    studio: Studio, server: Server
) -> None:
    studio.nothing_is_pending()
    point = studio.slider("Midpoint")
    server.process.send_signal(signal.SIGSTOP)
    studio.page.get_by_role(
        "button", name=studio.say("editor.raise", beat="Midpoint"), exact=True
    ).click()
    expect(point).to_have_attribute("aria-valuenow", "3")
    expect(point).to_have_attribute("aria-valuetext", studio.changed(3, 2, 26))
    studio.number("Setup").fill("5")
    studio.number("Setup").press("Enter")
    expect(studio.slider("Setup")).to_have_attribute("aria-valuenow", "5")
    studio.nothing_is_pending()
    server.process.send_signal(signal.SIGCONT)
    studio.is_pending(2, "Setup (2→5), Midpoint (2→3)")
    studio.in_step("Midpoint", 3)
    studio.in_step("Setup", 5)


def test_an_edit_that_gets_lost_on_its_way_is_sent_again(studio: Studio) -> None:
    studio.nothing_is_pending()
    expect(studio.slider("Midpoint")).to_be_visible()
    studio.page.locator(".cascade-curve").evaluate(
        "root => { const curve = root.__cascadeCurve, transmit = curve.transmit; let lost = false;"
        " curve.transmit = function () { const send = this.send; if (!lost) this.send = () => {};"
        " lost = true; transmit.call(this); this.send = send; }; }"
    )
    studio.slider("Midpoint").press("5")
    studio.nothing_is_pending()
    studio.in_step("Midpoint", 5)
    studio.is_pending(1, "Midpoint (2→5)")


def test_escape_puts_back_the_point_that_is_being_dragged(studio: Studio) -> None:
    page, midpoint = studio.page, studio.slider("Midpoint")
    studio.slider("All Is Lost").press("2")
    studio.is_pending(1, "All Is Lost (4→2)")
    studio.pull("Midpoint", 4)
    expect(midpoint).to_have_attribute("aria-valuenow", "4")
    page.keyboard.press("Escape")
    expect(midpoint).to_have_attribute("aria-valuenow", "2")
    # The drag is over, though the button is still down.
    page.mouse.move(0, 0, steps=3)
    page.mouse.up()
    # An edit that comes after it, so that one of before would have been heard of by now.
    studio.slider("Setup").press("5")
    studio.is_pending(2, "Setup (2→5), All Is Lost (4→2)")
    studio.in_step("Midpoint", 2)
    studio.drag("Midpoint", 4)
    studio.in_step("Midpoint", 4)


def test_what_is_pending_is_in_every_tab_and_outlives_the_server(
    studio: Studio, server: Server
) -> None:
    other = Studio(studio.page.context.new_page(), studio.language)
    other.page.goto(server.page)
    other.nothing_is_pending()
    studio.slider("Midpoint").press("4")
    # The other tab sees it by itself, and its own edit leaves it as it is.
    other.is_pending(1, "Midpoint (2→4)")
    other.slider("All Is Lost").press("2")
    for tab in (studio, other):
        tab.is_pending(2, CHANGES)
        tab.in_step("All Is Lost", 2)
    studio.select("Midpoint")
    other.select("Midpoint")
    wish = studio.page.get_by_label(studio.say("directions.label", beat="Midpoint"))
    wish.fill("keep the betrayal off-stage")
    wish.press("Enter")
    label = other.say("directions.label", beat="Midpoint")
    given = other.page.get_by_role("textbox", name=label, exact=True)
    expect(given).to_have_value("keep the betrayal off-stage")
    # Nothing that was typed is gone for good.
    studio.press("banner.reset")
    studio.nothing_is_pending()
    studio.sees(studio.count("banner.discarded", 2, changes=CHANGES))
    studio.in_step("Midpoint", 2)
    other.nothing_is_pending()
    # A second click takes nothing more back.
    studio.button("banner.undo").dblclick()
    studio.page.wait_for_timeout(2000)
    for tab in (studio, other):
        tab.is_pending(2, CHANGES)
        tab.in_step("All Is Lost", 2)
    expect(given).to_have_value("keep the betrayal off-stage")
    expect(studio.button("banner.undo")).to_have_count(0)

    server.kill()
    server.start()
    studio.page.reload()
    studio.is_pending(2, CHANGES)
    studio.press("banner.save")
    expect(studio.dialog.get_by_text("keep the betrayal off-stage")).to_be_visible()


@telling(CASCADE_USER="poor")
@pytest.mark.parametrize("size", [(1366, 768), (400, 800)])
def test_the_dialog_says_what_keeps_it_from_starting_where_one_looks(
    studio: Studio, server: Server, look: Callable[[], Service], size: tuple[int, int]
) -> None:
    database = look()
    database.operator().grant("poor", 12)
    page = studio.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(server.page)
    studio.nothing_is_pending()
    story = database.operator().story(database.operator().stories()[0].id)
    desk = database.desk(database.actor("poor"))
    levels = {key: 5 for key, level in story.curve.items() if level != 5}
    desk.save_draft(story.id, levels)
    expect(studio.button("banner.save")).to_be_enabled()
    studio.press("banner.save")
    expect(studio.button("confirm.start")).to_be_disabled()
    offer = desk.offer(story.id)[2]
    words = studio.say(
        "confirm.missing", missing=offer.missing, needed=offer.plan.estimated_credits, available=12
    )
    expect(studio.dialog.get_by_text(words)).to_be_in_viewport(ratio=1)
    expect(studio.button("confirm.start")).to_be_in_viewport(ratio=1)
    # However many beats change: most of the window at most, and it scrolls inside.
    box = studio.dialog.bounding_box()
    assert box is not None
    assert box["height"] <= 0.8 * size[1] + 1
    expect(
        studio.dialog.get_by_text(studio.count("confirm.estimate", offer.plan.estimated_credits))
    ).to_be_in_viewport()

    # Another tab takes all but one back, and then that one too.
    desk.save_draft(story.id, {"midpoint": 4})
    changed = studio.say(
        "confirm.changed", before=offer.plan.estimated_credits, after=26, available=12
    )
    expect(studio.dialog.get_by_text(changed)).to_be_in_viewport(ratio=1)
    desk.save_draft(story.id, {})
    expect(studio.dialog.get_by_text(studio.say("confirm.nothing"))).to_be_in_viewport(ratio=1)
    studio.press("confirm.cancel")
    expect(studio.dialog).to_have_count(0)
    database.close()


def test_a_demo_is_reset_after_asking(studio: Studio, look: Callable[[], Service]) -> None:
    database = look()
    database.operator().grant("editor", 7)
    titles = [one.title for one in database.operator().stories()]
    studio.sees(studio.count("head.credits", 507))
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.page.get_by_role("button", name=studio.say("head.more")).click()
    studio.press("demo.reset")
    expect(studio.button("demo.yes")).to_be_visible()
    studio.press("demo.yes")
    studio.sees(studio.say("demo.done"))
    studio.sees(studio.count("head.credits", 500))
    studio.nothing_is_pending()
    studio.in_step("Midpoint", 2)
    assert [one.title for one in database.operator().stories()] == titles
    database.close()


def test_sixty_scenes_are_drawn_where_they_are_read(
    studio: Studio, look: Callable[[], Service], tmp_path: Path
) -> None:
    database = look()
    sample = database.operator().document(database.operator().stories()[0].id)
    scene = sample["scenes"][0]
    sample["scenes"] = [
        {**scene, "number": n, "beatKey": sample["beats"][n % 15]["key"]} for n in range(1, 61)
    ]
    file = tmp_path / "sixty.json"
    file.write_text(json.dumps(sample), encoding="utf-8")
    story_id = database.operator().import_story(file)
    database.close()
    page = studio.page
    page.goto(f"{page.url.split('?')[0]}?story={story_id}")
    first = studio.beat("Opening Image")
    expect(first.locator(".cascade-scene")).to_have_count(4)
    expect(page.locator(".cascade-scene")).to_have_count(4)
    expect(studio.outline.locator(".cascade-scenes a")).to_have_count(4)
    studio.go_to("read")
    expect(page.locator(".cascade-scene")).to_have_count(60)
