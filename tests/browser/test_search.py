"""Searching the story: by its key, with results to read, each a way to where the words stand."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.helpers.serving import Server

from .studio import Studio

STORY = "A Hundred Diameters"
NASTY = "<img src=x onerror=alert(1)> **letter** :red[x]"


def test_words_are_found_and_gone_to(studio: Studio, server: Server) -> None:
    page = studio.page
    page.goto(f"{server.url}/?story={STORY}")
    studio.beat("Ordinary World")
    field = page.get_by_role("textbox", name=studio.say("find.label"), exact=True)
    expect(field).to_be_visible()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type(" Drops  it, unopened")
    page.keyboard.press("Enter")
    words = "Drops  it, unopened"
    found = page.get_by_role("region", name=studio.count("find.found", 1, words=words))
    # Whoever uses no pointer is there already.
    expect(found).to_be_focused()
    expect(found.locator("mark")).to_have_text("drops it, unopened")

    expect(page).to_have_url(re.compile(r"mode=find&find=Drops"))
    page.reload()
    expect(found.get_by_role("listitem")).to_have_count(1)
    # The curve and the numbers work as ever.
    studio.number("Ordinary World").press("ArrowUp")
    expect(studio.edits).to_contain_text("Ordinary World (1→2)")
    expect(found).to_be_visible()

    found.get_by_role("link", name=re.compile("^Ordinary World · ")).click()
    beat = studio.beat("Ordinary World")
    expect(beat.locator(".cascade-scene[data-scene='2']")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"beat=ordinaryWorld&scene=2$"))
    expect(field).to_have_value("")
    page.go_back()
    expect(found).to_be_visible()
    expect(field).to_have_value(words)

    studio.select("Call to Adventure")
    expect(found).to_have_count(0)
    field.fill(NASTY)
    field.press("Enter")
    nothing = page.get_by_role("region", name=studio.say("find.none", words=NASTY))
    expect(nothing.get_by_role("heading", name=NASTY)).to_be_visible()
    expect(nothing).to_contain_text(studio.say("find.help"))
    expect(page.locator(".st-key-found img")).to_have_count(0)
    nothing.get_by_role("link", name=studio.say("find.close")).click()
    studio.beat("Call to Adventure")
    expect(field).to_have_value("")
