"""The frame: what one works with is in the window, a click selects, a drag bends, keys do both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from cascade.service import Service
from cascade.story.structures import structure
from cascade.ui.kit.language import LANGUAGES, Language
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .conftest import tab, telling
from .studio import CHANGES, Studio, middle
from .tabs import Tabs

# How much of the page has moved without anybody's doing, as browsers count it.
SHIFTS = """
window.__shift = 0;
window.__moved = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) {
    window.__shift += one.value;
    const moved = (it) => [it.node?.className, it.previousRect.y, it.currentRect.y];
    window.__moved.push([one.value, ...one.sources.map(moved)]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def small(tabs: Tabs, server: Server, language: Language) -> Iterator[Studio]:
    """A tab on a telephone, worked with a thumb."""
    telephone = {"width": 400, "height": 800}
    with tab(tabs, server.page, language, viewport=telephone, has_touch=True) as studio:
        yield studio


def is_in_the_window(studio: Studio) -> None:
    """The bar of state is wholly in the window, wherever the page stands."""
    expect(studio.state).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", LANGUAGES, indirect=True)
def test_what_one_works_with_is_in_the_window(studio: Studio) -> None:
    for size in ((1440, 900), (1366, 768), (1024, 768), (683, 384)):
        fits(studio, size)
        studio.press("banner.reset")
        studio.nothing_is_pending()
        studio.page.mouse.wheel(0, -3000)


def fits(studio: Studio, size: tuple[int, int]) -> None:
    page = studio.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    studio.bend()
    is_in_the_window(studio)
    expect(studio.button("banner.save")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("spinbutton")).to_have_count(15)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if size[1] > 560:
        # Nothing scrolls but the panes.
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
        for beat in ("Opening Image", "Midpoint", "Final Image"):
            expect(studio.slider(beat)).to_be_in_viewport(ratio=1)
    page.mouse.move(size[0] / 2, size[1] / 2)
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(300)
    is_in_the_window(studio)


# The names of beats under the curve that are not wholly in the picture they are drawn in.
CUT = """names => names
  .filter((name) => {
    const [its, all] = [name, name.ownerSVGElement].map((one) => one.getBoundingClientRect());
    return its.bottom > all.bottom || its.top < all.top;
  })
  .map((name) => name.textContent)"""


def test_the_name_of_every_beat_is_whole(
    studio: Studio, server: Server, look: Callable[[], Service]
) -> None:
    page = studio.page
    for story in look().operator().stories():
        page.set_viewport_size({"width": 1440, "height": 800})
        page.goto(f"{server.url}/?story={story.id}")
        names = page.locator(".xtick text")
        expect(names).to_have_count(len(structure(story.structure_type).keys))
        for width in (1440, 1024, 683, 400):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(400)  # It is drawn anew a moment after it has another width.
            assert names.evaluate_all(CUT) == []


# What of the bar lies over something else of it.
OVER = """bar => {
  const parts = "h1, [data-testid='stSelectbox'], [data-testid='stPopover'], .st-key-funds p," +
    ".cascade-pages a, .st-key-language-switch [role='radiogroup']";
  const seen = [...bar.querySelectorAll(parts)].map((one) => [one, one.getBoundingClientRect()])
    .filter(([, box]) => box.width);
  return seen.flatMap(([one, a], n) => seen.slice(n + 1)
    .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
    .map(([other]) => `${one.textContent} | ${other.textContent}`));
}"""


@pytest.mark.parametrize("language", ["id"], indirect=True)
def test_the_bar_is_one_beside_the_other_at_any_width(
    studio: Studio, look: Callable[[], Service], writer: ModelServer
) -> None:
    """With all pages, and the longest that it says of credits."""
    writer.hold()
    service = look()
    service.operator().user_role("editor", "admin")
    desk = service.desk(service.actor("editor"))
    desk.start(desk.plan(desk.stories()[0].id, {"midpoint": 4}).plan)
    page = studio.page
    page.reload()
    funds = page.locator(".st-key-funds")
    expect(funds).to_contain_text("26")
    expect(page.locator(".cascade-pages a")).to_have_count(6)
    bar = page.locator(".st-key-bar")
    for width in (1440, 1366, 1280, 1181, 1180, 1024, 961, 960, 800, 761, 760, 600, 400):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        assert (width, bar.evaluate(OVER)) == (width, [])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    service.close()


def test_a_click_selects_and_never_bends(studio: Studio) -> None:
    page = studio.page
    studio.beat("Opening Image")
    x, y = middle(studio.slider("Midpoint"))
    # Not in its middle, and with a hand that is not quite still.
    page.mouse.move(x + 5, y - 9)
    page.mouse.down()
    page.mouse.move(x + 6, y - 11)
    page.mouse.up()
    studio.beat("Midpoint")
    expect(page).to_have_url(re.compile("beat=midpoint"))
    studio.in_step("Midpoint", 2)
    studio.nothing_is_pending()
    # A beat's column is as good as its point, and so is its row.
    page.mouse.click(middle(studio.slider("Finale"))[0], y)
    studio.beat("Finale")
    studio.select("Setup")
    expect(studio.outline.get_by_role("link")).to_have_count(3)

    # By keyboard, from beat to beat, wherever one reads.
    page.keyboard.press("]")
    studio.beat("Catalyst")
    page.keyboard.press("[")
    page.keyboard.press("[")
    studio.beat("Theme Stated")
    page.reload()
    studio.beat("Theme Stated")
    page.go_back()
    expect(studio.slider("Midpoint")).to_be_visible()

    # A scene has an address of its own, and is brought into view.
    scene = studio.outline.get_by_role("link").first
    scene.click()
    expect(page).to_have_url(re.compile(r"scene=\d+"))
    expect(page.locator(".cascade-scene").first).to_be_in_viewport()
    studio.nothing_is_pending()


def test_an_edit_of_a_page_that_is_still_coming_is_taken(studio: Studio, server: Server) -> None:
    page = studio.page
    for level in (4, 5, 4, 3):
        page.goto(server.page)
        studio.slider("Midpoint").press(str(level))
        studio.is_pending(1, f"Midpoint (2→{level})")
        studio.in_step("Midpoint", level)
        expect(studio.button("banner.save")).to_be_enabled()


def test_one_tab_stop_for_all_points(studio: Studio) -> None:
    page = studio.page
    stops = page.locator(".cascade-handle[tabindex='0']")
    expect(stops).to_have_count(1)
    studio.slider("Opening Image").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(studio.slider("Midpoint")).to_be_focused()
    expect(stops).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    studio.is_pending(1, "Midpoint (2→4)")
    # Streamlit's own letters do nothing here.
    page.keyboard.press("c")
    page.keyboard.press("r")
    expect(studio.dialog).to_have_count(0)
    page.keyboard.press("Enter")
    studio.beat("Midpoint")
    page.keyboard.press("ArrowLeft")
    expect(studio.slider("Fun and Games")).to_be_focused()

    # Every edit is taken back and done again.
    page.keyboard.press("Control+z")
    studio.nothing_is_pending()
    studio.in_step("Midpoint", 2)
    page.keyboard.press("Control+y")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.slider("All Is Lost").press("2")
    studio.is_pending(2, CHANGES)
    # One by one, beside its number.
    page.get_by_role(
        "button", name=studio.say("editor.put_back", beat="Midpoint", level=2), exact=True
    ).click()
    studio.is_pending(1, "All Is Lost (4→2)")
    studio.in_step("Midpoint", 2)
    page.keyboard.press("Control+z")
    studio.is_pending(2, CHANGES)
    studio.in_step("Midpoint", 4)


@pytest.mark.parametrize("language", LANGUAGES, indirect=True)
def test_the_path_by_thumb(small: Studio, server: Server, writer: ModelServer) -> None:
    page = small.page
    writer.hold(after=1)
    small.nothing_is_pending()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    small.slider("Midpoint").tap()
    midpoint = small.beat("Midpoint")
    small.nothing_is_pending()
    button = midpoint.get_by_role("button", name="4", exact=True)
    box = button.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    button.tap()
    small.in_step("Midpoint", 4)
    small.is_pending(1, "Midpoint (2→4)")
    page.mouse.wheel(0, 5000)
    page.wait_for_timeout(300)
    is_in_the_window(small)
    small.button("banner.save").tap()
    expect(small.dialog).to_contain_text(small.count("confirm.estimate", 26))
    expect(small.button("confirm.start")).to_be_in_viewport(ratio=1)
    small.button("confirm.start").tap()
    expect(small.state).to_contain_text("1/1")
    is_in_the_window(small)
    writer.release()
    expect(small.state).to_contain_text(small.say("run.title.done"))
    is_in_the_window(small)
    small.button("run.review").tap()
    expect(page.locator(".cascade-two ins").first).to_be_visible()
    small.button("undo.piece_yes").tap()
    small.sees(small.say("undo.piece_done", piece=small.say("step.beatContent")))
    # The run is found again tomorrow.
    page.context.clear_cookies()
    page.goto(server.page)
    runs = page.get_by_role("list", name=small.say("runs.title"), exact=True)
    expect(runs.get_by_role("listitem")).to_have_count(1)
    runs.get_by_role("link").tap()
    expect(small.state).to_contain_text(small.count("run.title.restored_part", 8, back=1))


@telling(CASCADE_OFFLINE_DELAY_MS="400")
def test_nothing_moves_from_the_start_of_a_run_to_its_end(studio: Studio, server: Server) -> None:
    page = studio.page
    page.goto(f"{server.page}&beat=midpoint")
    studio.beat("Midpoint")
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    expect(studio.button("confirm.start")).to_be_enabled()
    page.wait_for_timeout(1000)
    page.evaluate(SHIFTS)
    before: Any = page.evaluate("window.__moved = [], window.__shift = 0")
    assert before == 0
    studio.press("confirm.start")
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    page.wait_for_timeout(1000)
    assert page.evaluate("window.__shift") < 0.1, page.evaluate("window.__moved")


def test_one_of_the_sample_users_can_be_another(studio: Studio) -> None:
    page = studio.page
    studio.bend()
    chooser = page.get_by_label(studio.say("head.view_as"), exact=True)
    chooser.click()
    page.get_by_role("option", name="Sample Viewer").click()
    # What the editor has pending is not the viewer's.
    studio.nothing_is_pending()
    expect(studio.slider("Midpoint")).to_have_attribute("aria-disabled", "true")
    expect(studio.state).to_contain_text(studio.say("curve.locked_role"))
    expect(studio.button("banner.save")).to_be_disabled()
    chooser.click()
    page.get_by_role("option", name="Sample Editor").click()
    studio.is_pending(2, CHANGES)


def test_by_a_proxy_nobody_sees_anything(browser: Browser, server: Server) -> None:
    for headers in ({"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
        context = browser.new_context(extra_http_headers=headers, locale="en-US")
        page: Page = context.new_page()
        page.goto(server.page)
        expect(page.get_by_role("alert")).to_contain_text("nobody can sign in here yet")
        words = page.locator("body").inner_text()
        assert not [one for one in ("Tinggi", "Midpoint", "Sample", "credits") if one in words]
        expect(page.get_by_label("View as")).to_have_count(0)
        context.close()
