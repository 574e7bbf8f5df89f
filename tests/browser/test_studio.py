"""The studio in a real browser: the curve in all its forms, and a run from end to end."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from .conftest import Server

PENDING = "2 beats with unsaved tension changes: Midpoint (2→4), All Is Lost (4→2)"
NONE = "No unsaved tension changes."


def slider(page: Page, beat: str) -> Locator:
    return page.get_by_role("slider", name=beat, exact=True)


def number(page: Page, beat: str) -> Locator:
    return page.get_by_role("spinbutton", name=beat, exact=True)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def in_step(page: Page, beat: str, level: int) -> None:
    """Slider and number of a beat both say the level."""
    expect(slider(page, beat)).to_have_attribute("aria-valuenow", str(level))
    expect(number(page, beat)).to_have_value(str(level))


def middle(handle: Locator) -> tuple[float, float]:
    box = handle.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, beat: str, level: int) -> None:
    """Drags a point to a level; the curve's ends, at 5 and 1, give the scale."""
    top, bottom = middle(slider(page, "Finale"))[1], middle(slider(page, "Final Image"))[1]
    x, y = middle(slider(page, beat))
    page.mouse.move(x, y)
    page.mouse.down()
    # Not quite on the line: it snaps.
    page.mouse.move(x, top + (5 - level) * (bottom - top) / 4 + 7, steps=6)
    page.mouse.up()


def bend(page: Page) -> None:
    """The two changes that cost 45 credits on the sample."""
    for beat, key in (("Midpoint", "4"), ("All Is Lost", "2")):
        slider(page, beat).press(key)
    expect(page.get_by_text(PENDING)).to_be_visible()


def test_the_curve_is_moved_in_three_ways_that_stay_in_step(page: Page) -> None:
    expect(page.get_by_role("slider")).to_have_count(15)
    expect(page.get_by_role("spinbutton")).to_have_count(15)
    expect(button(page, "Save Tension Levels")).to_be_disabled()
    in_step(page, "Midpoint", 2)

    drag(page, "Midpoint", 4)
    in_step(page, "Midpoint", 4)
    expect(page.get_by_text("1 beat with unsaved tension changes: Midpoint (2→4)")).to_be_visible()

    lost = slider(page, "All Is Lost")
    for key, level in (("ArrowUp", 5), ("Home", 1), ("End", 5), ("ArrowDown", 4), ("2", 2)):
        lost.press(key)
        expect(lost).to_have_attribute("aria-valuenow", str(level))
    in_step(page, "All Is Lost", 2)
    expect(page.get_by_text(PENDING)).to_be_visible()

    number(page, "Setup").fill("5")
    number(page, "Setup").press("Enter")
    in_step(page, "Setup", 5)
    number(page, "Setup").fill("2")
    number(page, "Setup").press("Enter")
    in_step(page, "Setup", 2)
    expect(page.get_by_text(PENDING)).to_be_visible()

    page.reload()
    expect(page.get_by_text(PENDING)).to_be_visible()
    in_step(page, "Midpoint", 4)

    button(page, "Reset").click()
    expect(page.get_by_text(NONE)).to_be_visible()
    in_step(page, "Midpoint", 2)
    in_step(page, "All Is Lost", 4)
    page.set_viewport_size({"width": 400, "height": 900})
    page.reload()
    expect(page.get_by_text(NONE)).to_be_visible()
    drag(page, "Midpoint", 3)
    in_step(page, "Midpoint", 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_run_is_seen_cancelled_resumed_and_outlives_its_server(
    page: Page, server: Server
) -> None:
    bend(page)
    button(page, "Save Tension Levels").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Confirm Regeneration")).to_be_visible()
    expect(dialog.get_by_text("Estimated credits: 45 credits")).to_be_visible()
    button(page, "Cancel").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text(PENDING)).to_be_visible()

    button(page, "Save Tension Levels").click()
    button(page, "Regenerate & Save").click()
    expect(page.get_by_text("generating").first).to_be_visible()
    expect(page.get_by_text("Beat 1/2: Midpoint (2→4)")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile(r"story=.+&run=.+"))
    expect(slider(page, "Midpoint")).to_have_attribute("aria-disabled", "true")

    page.reload()
    expect(page.get_by_text("Beat 2/2: All Is Lost (4→2)")).to_be_visible()
    other = page.context.new_page()
    other.goto(server.url)
    expect(button(other, "Cancel Process")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Credits used: [1-9]\d? / 45"))).to_be_visible()

    button(page, "Cancel Process").click()
    for tab in (page, other):
        expect(tab.get_by_text("Run cancelled")).to_be_visible()
        expect(button(tab, "Resume")).to_be_enabled()
    other.close()
    expect(page.get_by_text("All Is Lost: stays at 4, nothing rewritten")).to_be_visible()
    # What the run did not reach is still pending; what it reached is saved.
    expect(
        page.get_by_text("1 beat with unsaved tension changes: All Is Lost (4→2)")
    ).to_be_visible()
    in_step(page, "Midpoint", 4)

    button(page, "Resume").click()
    expect(page.get_by_text("generating").first).to_be_visible()
    address = page.url
    page.goto("about:blank")
    server.kill()
    server.env["CASCADE_OFFLINE_DELAY_MS"] = "50"
    server.start()
    page.goto(address)
    expect(page.get_by_text("Done: the story fits the new curve")).to_be_visible()
    expect(page.get_by_text(NONE)).to_be_visible()
    expect(page.get_by_text("455 credits available")).to_be_visible()
    in_step(page, "All Is Lost", 2)

    button(page, "Close").click()
    expect(page.get_by_text("Done: the story fits the new curve")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"story=[^&]+$"))

    page.get_by_text("9. Midpoint").click()
    expect(page.get_by_text("offline draft: a pacing edit, not AI").nth(4)).to_be_visible()

    # What a run did is looked at, old beside new, and undone.
    page.get_by_text("3. Setup").click()
    words = page.locator('[class*="st-key-beat-"][class*="-setup"] .arc-prose')
    expect(words.first).to_be_visible()
    before = words.all_text_contents()
    slider(page, "Setup").press("5")
    page.get_by_text("Directions (optional)").click()
    page.get_by_label("Direction for Setup").fill("keep the betrayal off-stage")
    # Straight from the field to the button: what was typed counts.
    button(page, "Save Tension Levels").click()
    expect(dialog.get_by_text("keep the betrayal off-stage")).to_be_visible()
    button(page, "Regenerate & Save").click()
    expect(page.get_by_text("Done: the story fits the new curve")).to_be_visible()
    in_step(page, "Setup", 5)
    expect(words.first).not_to_have_text(before[0])
    page.get_by_text("Old beside new").click()
    page.locator("summary").filter(has_text=re.compile("^Beat content")).click()
    expect(page.locator(".arc-two ins").first).to_be_visible()

    button(page, "Restore everything").click()
    button(page, "Yes, restore everything").click()
    expect(page.get_by_text("Everything is back as it was before the run")).to_be_visible()
    expect(button(page, "Restore everything")).to_have_count(0)
    in_step(page, "Setup", 2)
    expect(words.first).to_have_text(before[0])
    assert words.all_text_contents() == before
