"""A script as it is set on the page, in a real browser."""

from __future__ import annotations

import json
import os
from pathlib import Path

from playwright.sync_api import expect

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.serving import Server

from .studio import Studio

SCRIPT = """FADE IN:

1 EXT/INT. VAN - DAY 1

He *walks* [[needs work]] to the door, /* slowly */ and [[a]][[b]] waits.
[[longer?]]
Rain.

MIRA (V.O.) [[or Tan]]
Go [[away]]now.

SUPER: TEN YEARS LATER
"""


def test_notes_stand_in_their_places_and_nothing_glues_together(
    studio: Studio, server: Server, sqlite_url: str, tmp_path: Path
) -> None:
    scene = {"number": 1, "beatKey": "you", "plot": "He waits.", "script": SCRIPT}
    story = {"title": "The Van", "language": "en", "structureType": "harmon", "scenes": [scene]}
    path = tmp_path / "van.json"
    path.write_text(json.dumps(story), "utf-8")
    service = Service(Settings(database_url=sqlite_url, provider="offline"))
    story_id = service.operator().import_story(path)
    service.close()

    page = studio.page
    page.goto(f"{server.url}/?story={story_id}")
    studio.beat("You")
    script = page.locator(".cascade-script").first
    expect(script).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        script.screenshot(path=f"{folder}/screenplay-{studio.language}.png")
    lines = [line for line in script.inner_text().splitlines() if line.strip()]
    assert lines == [
        "FADE IN:",
        "1 EXT/INT. VAN - DAY 1",
        "He walks [[needs work]] to the door, /* slowly */ and [[a]][[b]] waits.",
        "[[longer?]]",
        "Rain.",
        "MIRA (V.O.) [[or Tan]]",
        "Go [[away]]now.",
        "SUPER: TEN YEARS LATER",
    ]
    notes = script.locator(".cascade-inline-note")
    expect(notes).to_have_text(
        ["[[needs work]]", "/* slowly */", "[[a]]", "[[b]]", "[[or Tan]]", "[[away]]"]
    )
    plain = script.locator(".fountain-action").first
    for note in notes.all():
        expect(note).to_have_css("font-style", "italic")
        assert note.evaluate("one => getComputedStyle(one).color") != plain.evaluate(
            "one => getComputedStyle(one).color"
        )
    heading = script.locator(".fountain-scene-heading")
    expect(heading).to_have_css("font-weight", "700")
    expect(script.locator(".fountain-transition")).to_have_css("text-align", "right")
    # Of the note between them the two lines keep the places they have without it.
    boxes = [one.bounding_box() for one in script.locator(".fountain-action, .cascade-aside").all()]
    tops = [box["y"] for box in boxes if box]
    assert len(tops) == 4
    assert tops == sorted(tops)
