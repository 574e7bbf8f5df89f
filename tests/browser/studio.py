"""The studio in the words of who uses it, in either language."""

from __future__ import annotations

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

    def in_step(self, beat: str, level: int) -> None:
        """Slider and number of a beat both say the level."""
        expect(self.slider(beat)).to_have_attribute("aria-valuenow", str(level))
        expect(self.number(beat)).to_have_value(str(level))

    def is_pending(self, n: int, changes: str) -> None:
        # What follows is what it would cost.
        pending = self.count("banner.pending", n, changes=changes)
        expect(self.banner).to_contain_text(f"{pending} · ")

    def nothing_is_pending(self) -> None:
        expect(self.banner).to_have_text(self.say("banner.none"))

    @property
    def banner(self) -> Locator:
        return self.page.locator(".st-key-banner [data-testid='stMarkdown']")

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
        top = _middle(self.slider("Finale"))[1]
        bottom = _middle(self.slider("Final Image"))[1]
        x, y = _middle(self.slider(beat))
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        # Not quite on the line: it snaps.
        mouse.move(x, top + (5 - level) * (bottom - top) / 4 + 7, steps=6)

    def open(self, label: str) -> None:
        """Opens an expander whose label begins so."""
        self.page.locator("summary").filter(has_text=label).first.click()


def _middle(handle: Locator) -> tuple[float, float]:
    box = handle.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
