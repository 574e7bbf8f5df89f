"""The studio in the words of who uses it, in either language."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from cascade.ui.kit import texts
from cascade.ui.kit.language import Language

# The two changes on the first sample that cost 45 credits.
CHANGES = "Midpoint (2→4), All Is Lost (4→2)"


class Studio:
    """One tab."""

    def __init__(self, page: Page, language: Language) -> None:
        self.page = page
        self.language = language

    def say(self, key: str, **values: object) -> str:
        """A text of the interface."""
        return texts.catalogue(self.language).gettext(key).format(**values)

    def count(self, key: str, n: int, **values: object) -> str:
        return texts.catalogue(self.language).ngettext(key, key, n).format(n=n, **values)

    def slider(self, beat: str) -> Locator:
        return self.page.get_by_role("slider", name=beat, exact=True)

    def number(self, beat: str) -> Locator:
        return self.page.get_by_role("spinbutton", name=beat, exact=True)

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.say(key), exact=True)

    def press(self, key: str) -> None:
        self.button(key).click()

    def sees(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible()

    def changed(self, level: int, saved: int, price: int) -> str:
        """What a changed point says of itself."""
        credits = self.count("credits", price)
        name = self.say(f"level.{level}")
        return self.say("curve.value_changed", level=level, name=name, saved=saved, price=credits)

    def in_step(self, beat: str, level: int) -> None:
        """Slider and number of a beat both say the level."""
        expect(self.slider(beat)).to_have_attribute("aria-valuenow", str(level))
        expect(self.number(beat)).to_have_value(str(level))

    def is_pending(self, n: int, changes: str) -> None:
        # What follows is what it would cost.
        pending = self.count("banner.pending", n, changes=changes)
        expect(self.edits).to_contain_text(f"{pending} · ")

    def nothing_is_pending(self) -> None:
        expect(self.edits).to_have_text(self.say("banner.none"))

    @property
    def state(self) -> Locator:
        """The bar of state."""
        return self.page.get_by_role("region", name=self.say("state.name"), exact=True)

    @property
    def edits(self) -> Locator:
        """What the bar says of pending changes."""
        return self.state.locator(".edits")

    def is_in_sight(self, words: str) -> None:
        """The bar says the words, and they are not what its three dots stand for."""
        bar = self.state.locator(".cascade-line")
        expect(bar).to_contain_text(words)
        assert bar.evaluate(_SHOWS, words)

    @property
    def outline(self) -> Locator:
        return self.page.get_by_role("navigation", name=self.say("outline.name"), exact=True)

    def beat(self, label: str) -> Locator:
        """The selected beat, under a heading of its name."""
        region = self.page.get_by_role("region", name=label, exact=True)
        expect(region.get_by_role("heading", name=label, exact=True)).to_be_visible()
        return region

    def select(self, label: str) -> Locator:
        """Selects a beat in the outline; its region."""
        self.outline.get_by_role("button", name=re.compile(rf"^\d+\. {label}")).click()
        return self.beat(label)

    def go_to(self, mode: str) -> None:
        """Goes to a mode of the frame."""
        modes = self.page.get_by_role("navigation", name=self.say("mode.name"), exact=True)
        modes.get_by_role("link", name=re.compile(rf"^{self.say(f'mode.{mode}')}")).click()
        current = modes.locator("[aria-current='page']")
        expect(current).to_contain_text(self.say(f"mode.{mode}"))

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def bend(self) -> None:
        for beat, key in (("Midpoint", "4"), ("All Is Lost", "2")):
            self.slider(beat).press(key)
        self.is_pending(2, CHANGES)

    def start(self) -> None:
        """Confirms what is pending; its first step is under way then."""
        self.press("banner.save")
        self.press("confirm.start")
        self.sees(self.say("state.generating"))

    def drag(self, beat: str, level: int) -> None:
        """Drags a point to a level and lets it go."""
        self.pull(beat, level)
        self.page.mouse.up()

    def pull(self, beat: str, level: int) -> None:
        """Drags a point to a level and holds it; the curve's ends, at 5 and 1, give the scale."""
        # On a narrow screen it may be aside of what is seen.
        self.slider(beat).scroll_into_view_if_needed()
        top = middle(self.slider("Finale"))[1]
        bottom = middle(self.slider("Final Image"))[1]
        x, y = middle(self.slider(beat))
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        # Not quite on the line: it snaps.
        mouse.move(x, top + (5 - level) * (bottom - top) / 4 + 7, steps=6)


# Whether the last sign of some words lies within the box that cuts off what it has no room for.
_SHOWS = """(box, words) => {
  const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const at = texts.currentNode.data.indexOf(words);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(texts.currentNode, at + words.length - 1);
    range.setEnd(texts.currentNode, at + words.length);
    return range.getBoundingClientRect().bottom <= box.getBoundingClientRect().bottom + 1;
  }
  return false;
}"""


def middle(handle: Locator) -> tuple[float, float]:
    """Where the middle of something on the page is."""
    box = handle.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
