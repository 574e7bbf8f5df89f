"""The interface's language: the browser asks for one, the switch overrides and is remembered."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cascade.ui.kit.language import LANGUAGES, NAMES, Language

from .studio import Studio

OTHER: dict[Language, Language] = {"en": "id", "id": "en"}


def lang(page: Page, language: Language) -> None:
    expect(page.locator(f"html[lang={language}]")).to_have_count(1)


@pytest.mark.parametrize("language", LANGUAGES, indirect=True)
def test_the_browsers_language_is_overridden_by_the_switch_and_that_is_remembered(
    studio: Studio,
) -> None:
    page = studio.page
    lang(page, studio.language)
    expect(studio.button("banner.save")).to_be_visible()
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")

    # What is pending stays, and what is drawn by itself follows too.
    chosen = Studio(page, OTHER[studio.language])
    page.get_by_role("radio", name=NAMES[chosen.language], exact=True).click()
    lang(page, chosen.language)
    chosen.is_pending(1, "Midpoint (2→4)")
    expect(chosen.button("banner.save")).to_be_visible()
    expect(studio.button("banner.save")).to_have_count(0)
    words = chosen.changed(4, 2, 26)
    expect(chosen.slider("Midpoint")).to_have_attribute("aria-valuetext", words)

    page.reload()
    lang(page, chosen.language)
    chosen.is_pending(1, "Midpoint (2→4)")
    tab = page.context.new_page()
    tab.goto(page.url)
    lang(tab, chosen.language)
    expect(Studio(tab, chosen.language).button("banner.save")).to_be_visible()


# A file that is held over a field, before it is let go.
HOLD = """field => {
  const held = new DataTransfer();
  held.items.add(new File(["{}"], "story.json", { type: "application/json" }));
  field.dispatchEvent(new DragEvent("dragenter", { dataTransfer: held, bubbles: true }));
}"""


@pytest.mark.parametrize("language", ["id"], indirect=True)
def test_what_a_file_is_dropped_on_is_said_in_the_readers_language(studio: Studio) -> None:
    studio.page.get_by_role("button", name=studio.say("head.more")).click()
    field = studio.page.get_by_test_id("stFileUploaderDropzone")
    field.evaluate(HOLD)
    english = field.get_by_text("Drag and drop a file here")
    expect(english).to_be_attached()
    expect(english).to_be_hidden()
    said = field.evaluate("field => getComputedStyle(field, '::after').content")
    assert said == f'"{studio.say("import.label")}"'
