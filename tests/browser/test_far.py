"""The page over a long way: what the browser asks for on the way is of a page of before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.helpers.far import Way, way_to
from tests.helpers.serving import Server

from .conftest import tab
from .studio import Studio
from .tabs import Tabs

# Longer than the page's timers wait.
LATE_S = 2.5


@pytest.fixture
def way(server: Server) -> Iterator[Way]:
    with way_to(server.url) as way:
        yield way


@pytest.fixture
def far(tabs: Tabs, way: Way) -> Iterator[Studio]:
    """The studio at the end of that way."""
    with tab(tabs, f"{way.url}/?story=Tinggi%20Muka%20Air", "en") as studio:
        yield studio


def test_an_address_is_not_taken_back_by_what_was_already_asked(far: Studio, way: Way) -> None:
    page = far.page
    far.select("Midpoint")
    expect(page).to_have_url(re.compile(r"&beat=midpoint$"))
    far.slider("Midpoint").press("4")
    far.is_pending(1, "Midpoint (2→4)")
    far.press("banner.save")
    expect(far.button("confirm.start")).to_be_enabled()
    way.late_s = LATE_S
    # Until then the page's timers have asked for what comes late.
    page.wait_for_timeout(1000 * LATE_S)
    far.press("confirm.start")
    expect(page).to_have_url(re.compile(r"&beat=midpoint&run=[^&]+$"))
    expect(page.locator(".cascade-steps .done").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"&beat=midpoint&run=[^&]+$"))

    far.select("Finale")
    expect(page).to_have_url(re.compile(r"&beat=finale&run=[^&]+$"))
    # One step back is one step back, however late the page hears of it.
    page.go_back()
    far.beat("Midpoint")
    page.wait_for_timeout(2000 * LATE_S)
    far.beat("Midpoint")
    expect(page).to_have_url(re.compile(r"&beat=midpoint&run=[^&]+$"))


def test_what_fields_said_before_is_nobodys_edit(far: Studio, way: Way) -> None:
    page = far.page
    far.slider("Midpoint").press("4")
    far.is_pending(1, "Midpoint (2→4)")
    far.select("Midpoint")
    label = far.say("directions.label", beat="Midpoint")
    wish = page.get_by_role("textbox", name=label, exact=True)
    wish.fill("keep the betrayal off-stage")
    wish.press("Enter")
    expect(wish).to_be_focused()
    page.wait_for_timeout(1000)
    way.late_s = LATE_S
    page.wait_for_timeout(1000 * LATE_S)
    far.press("banner.reset")
    discarded = far.count("banner.discarded", 1, changes="Midpoint (2→4)")
    far.sees(discarded)
    # What the timers sent meanwhile has come by then, with the wish still in its field.
    page.wait_for_timeout(2000 * LATE_S)
    far.sees(discarded)
    expect(wish).to_have_count(0)
    far.press("banner.undo")
    far.is_pending(1, "Midpoint (2→4)")
    page.wait_for_timeout(2000 * LATE_S)
    far.is_pending(1, "Midpoint (2→4)")
    expect(wish).to_have_value("keep the betrayal off-stage")
