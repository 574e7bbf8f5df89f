"""A walk through the page by keyboard alone: nothing is out of reach, out of sight or lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .studio import Studio

# The parts of the page as they are read, from the top.
PARTS = ("bar", "top", "outline", "pane", "details", "state")
MOST_STOPS = 90

# Where the keyboard is: in which part, how it lies in that part's text, and whether it can be seen.
WHERE = """(parts) => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  // Of a box to tick the label is seen, with the box drawn in it.
  const shown = one.type === "checkbox" ? one.closest("label") : one;
  const box = shown.getBoundingClientRect();
  // Where it is seen at all: in the window, and in every pane around it that scrolls.
  const seen = { left: box.left, top: box.top, right: box.right, bottom: box.bottom };
  const cut = (by) => {
    seen.left = Math.max(seen.left, by.left); seen.right = Math.min(seen.right, by.right);
    seen.top = Math.max(seen.top, by.top); seen.bottom = Math.min(seen.bottom, by.bottom);
  };
  cut({ left: 0, top: 0, right: innerWidth, bottom: innerHeight });
  let scrolled = 0;
  const dialog = one.closest("[role='dialog']");
  for (let around = shown.parentElement; around; around = around.parentElement) {
    // What is around a dialog does not hold it.
    if (dialog && !dialog.contains(around)) break;
    if (getComputedStyle(around).overflowY === "visible") continue;
    cut(around.getBoundingClientRect());
    scrolled += around.scrollTop;
  }
  const [x, y] = [(seen.left + seen.right) / 2, (seen.top + seen.bottom) / 2];
  const isThere = seen.right > seen.left && seen.bottom > seen.top;
  const hit = isThere ? document.elementFromPoint(x, y) : null;
  return {
    part: parts.findIndex((part) => one.closest(`.st-key-${part}`)),
    inDialog: !!dialog,
    top: box.top + scrolled, left: box.left, right: box.right,
    is: one.outerHTML.slice(0, 200),
    isSeen: !!hit && (shown.contains(hit) || shown.parentElement.contains(hit)),
  };
}"""


@dataclass
class Stop:
    """Where the keyboard is."""

    said: str
    part: int
    in_dialog: bool
    top: float
    left: float
    right: float


class Walk:
    """A reader without a mouse."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.page = studio.page

    @property
    def focused(self) -> Locator:
        return self.page.locator("*:focus")

    def here(self) -> Stop:
        """Where the keyboard is: on something that has a name and is seen."""
        where = self.page.evaluate(WHERE, PARTS)
        assert where is not None, "the keyboard is nowhere"
        said = self.focused.aria_snapshot().split("\n")[0]
        assert re.match(r"- ('?[a-z]+ \"[^\"]|text: \S)", said), f"without a name: {where['is']}"
        assert where["isSeen"], f"not in sight: {where['is']}"
        place = (where["top"], where["left"], where["right"])
        return Stop(said, where["part"], where["inDialog"], *place)

    def to(self, target: Locator) -> None:
        """Goes on by Tab until it is there; the way follows what one reads."""
        before = (
            self.here() if self.page.evaluate("document.activeElement !== document.body") else None
        )
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            stop = self.here()
            if before is not None:
                follows(before, stop)
            before = stop
            if target.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"never came to {target}")

    def press(self, key: str, then: Callable[[], object]) -> None:
        """Presses a key, waits for what follows from it; the keyboard is somewhere all along."""
        self.page.keyboard.press(key)
        then()
        # A draw takes a moment, and what goes with it leaves the keyboard to what stands around it.
        self.page.wait_for_timeout(400)
        for _ in range(40):
            try:
                self.here()
            except AssertionError:
                self.page.wait_for_timeout(200)
            else:
                return
        self.here()


def follows(before: Stop, after: Stop) -> None:
    """One stop is read after the other: in a later part of the page, or below or beside it."""
    if after.in_dialog:
        return
    assert after.part >= before.part, f"{after.said} comes after {before.said}"
    if after.part == before.part:
        is_later = after.top >= before.top - 8 or after.left >= before.right
        assert is_later, f"{after.said} stands before {before.said}"


def test_from_the_address_to_an_undone_run_by_keyboard_alone(
    studio: Studio, server: Server, writer: ModelServer
) -> None:
    page, walk = studio.page, Walk(studio)
    # The run is still at work when the keyboard comes to its details.
    writer.hold()
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(server.page)
    studio.nothing_is_pending()
    expect(studio.slider("Opening Image")).to_have_attribute("tabindex", "0")

    # A beat is opened, and bent where it stands.
    walk.to(studio.slider("Opening Image"))
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    walk.press("Enter", lambda: studio.beat("Midpoint"))
    walk.press("ArrowUp", lambda: studio.in_step("Midpoint", 3))
    walk.press("ArrowUp", lambda: studio.is_pending(1, "Midpoint (2→4)"))

    # Through outline and beat to what is pending, and to the question.
    walk.to(studio.button("banner.save"))
    walk.press("Enter", lambda: expect(studio.dialog).to_be_visible())
    assert walk.here().in_dialog
    walk.to(studio.button("confirm.start"))
    walk.press("Enter", lambda: expect(studio.dialog).to_have_count(0))

    # Watched from the bar, which has the keyboard when it begins and when it ends.
    expect(studio.state).to_be_focused()
    walk.to(studio.button("run.details"))
    walk.press("Enter", lambda: None)
    writer.release()
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
    expect(studio.state).to_be_focused()

    # Read, from text to text.
    walk.to(studio.button("run.review"))
    walk.press("Enter", lambda: studio.sees(studio.say("review.place", place=1, of=8)))
    walk.press("j", lambda: studio.sees(studio.say("review.place", place=2, of=8)))
    walk.press("k", lambda: studio.sees(studio.say("review.place", place=1, of=8)))

    # All of it is put back.
    walk.to(studio.button("undo.all"))
    walk.press("Enter", lambda: expect(studio.dialog).to_be_visible())
    walk.to(studio.button("undo.all_yes"))
    walk.press("Enter", lambda: expect(studio.dialog).to_have_count(0))
    studio.in_step("Midpoint", 2)

    # What is taken back can be had again.
    studio.slider("Midpoint").focus()
    walk.press("ArrowUp", lambda: studio.is_pending(1, "Midpoint (2→3)"))
    walk.to(studio.button("banner.reset"))
    walk.press("Enter", lambda: studio.in_step("Midpoint", 2))
    walk.to(studio.button("banner.undo"))
    walk.press("Enter", lambda: studio.is_pending(1, "Midpoint (2→3)"))


@pytest.mark.parametrize(
    "change",
    [
        "one.parentElement.append(one)",
        "one.disabled = true; setTimeout(() => (one.disabled = false), 60)",
        "const place = one.parentElement; one.remove(); setTimeout(() => place.append(one), 60)",
    ],
    ids=["moved", "off for a moment", "gone for a moment"],
)
def test_what_a_draw_takes_for_a_moment_has_the_keyboard_afterwards(
    studio: Studio, change: str
) -> None:
    page = studio.page
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    button = studio.button("banner.save")
    button.focus()
    expect(button).to_be_focused()
    button.evaluate(f"one => {{ {change} }}")
    # Longer than it is away. Whether the keyboard is nowhere in between depends on what is painted.
    page.wait_for_timeout(500)
    expect(button).to_be_focused()
