"""No WCAG 2.1 A or AA violation that axe-core can find, in any state of the page, in either theme.

The light pages are read in English, the dark ones in Indonesian and on a narrow screen too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .studio import Studio

TAGS_OF_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
BARE = {"title": "Bare", "language": "en", "structureType": "harmon", "beats": [], "scenes": []}


# While a draw takes long, what it has not come to yet is pale, and what pales or comes back passes
# through every shade.
AT_REST = """() => !document.querySelector("[data-stale='true']")
  && document.getAnimations().every((one) =>
    one.playState !== "running" || one.effect.getComputedTiming().iterations === Infinity)"""


def violations(page: Page) -> list[str]:
    """What axe-core finds once the page rests: rule, how bad, where, and why, a line each."""
    page.wait_for_function(AT_REST)
    options = {"runOnly": {"type": "tag", "values": TAGS_OF_RULES}}
    found: dict[str, Any] = Axe().run(page, options=options).response
    # A page on which no rule applies was not read.
    assert len(found["passes"]) > 15
    return [
        f"{rule['id']} ({rule['impact']}) {node['target']}: {node['html'][:160]} "
        f"{node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def is_accessible(studio: Studio, width: int = 1400) -> None:
    """Checks the page as it stands, once it stands still."""
    studio.page.set_viewport_size({"width": width, "height": 1000})
    studio.page.wait_for_timeout(600)
    assert violations(studio.page) == []


def test_bending_a_curve(themed: Studio, theme: str) -> None:
    expect(themed.slider("Midpoint")).to_be_visible()
    is_accessible(themed)
    themed.bend()
    themed.select("Midpoint")
    expect(
        themed.page.get_by_label(themed.say("directions.label", beat="Midpoint"))
    ).to_be_visible()
    themed.page.get_by_role("button", name=themed.say("head.more")).click()
    expect(themed.button("demo.reset")).to_be_visible()
    is_accessible(themed)
    themed.page.keyboard.press("Escape")
    themed.press("banner.save")
    expect(themed.button("confirm.start")).to_be_enabled()
    is_accessible(themed)
    if theme == "dark":
        is_accessible(themed, 400)


def test_a_run_and_what_came_of_it(themed: Studio, writer: ModelServer, theme: str) -> None:
    page = themed.page
    writer.hold(after=3)
    themed.slider("Midpoint").press("4")
    themed.is_pending(1, "Midpoint (2→4)")
    themed.start()
    expect(page.locator(".cascade-steps .done").first).to_be_visible()
    is_accessible(themed)
    themed.press("run.cancel")
    expect(themed.button("run.resume")).to_be_enabled()
    is_accessible(themed)
    themed.press("run.review")
    expect(page.locator(".cascade-two").first).to_be_visible()
    is_accessible(themed, 1400 if theme == "light" else 400)
    page.set_viewport_size({"width": 1400, "height": 1000})
    themed.go_to("history")
    is_accessible(themed)
    themed.go_to("read")
    expect(page.locator(".cascade-script").first).to_be_visible()
    is_accessible(themed, 1400 if theme == "light" else 400)


def test_odd_addresses_and_empty_stories(
    themed: Studio, server: Server, sqlite_url: str, tmp_path: Path
) -> None:
    database = Service(Settings(database_url=sqlite_url, provider="offline"))
    file = tmp_path / "bare.json"
    file.write_text(json.dumps(BARE), encoding="utf-8")
    story_id = database.operator().import_story(file)
    database.close()
    themed.page.goto(f"{server.url}/?run=nothing-of-the-kind")
    expect(themed.page.get_by_role("alert").first).to_be_visible()
    is_accessible(themed)
    themed.page.goto(f"{server.url}/?story={story_id}")
    themed.sees(themed.say("empty.beats"))
    is_accessible(themed)
