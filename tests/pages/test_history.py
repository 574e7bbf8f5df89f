"""The runs of a story, listed where its curve is: each is found again, with its way back."""

from __future__ import annotations

import re
from html import unescape

from cascade.service import Service
from tests.service.people import gather, start

from .conftest import Page, bend, story_of, told


def listed(page: Page) -> list[str]:
    """What each entry of the list says, as it is read aloud."""
    found = [one.body for one in page.at.html if 'class="cascade-runs"' in one.body]
    if not found:
        return []
    [shown] = found
    assert 'role="list" aria-label="Runs of this story"' in shown
    entries = re.findall(r"<li>(.*?)</li>", shown)
    return [unescape(re.sub("<[^>]+>", "", entry)).strip() for entry in entries]


def test_a_story_without_runs_has_no_list(page: Page) -> None:
    assert listed(page) == []


def test_a_finished_run_is_found_again_with_its_way_back(page: Page, service: Service) -> None:
    run = bend(page).run_through()
    page.click("Close")
    [entry] = listed(page)
    assert entry in {
        f"Midpoint 2→4, All Is Lost 4→2 · Sample Editor, {when} · 45 / 45 credits · done"
        for when in told(run.created_at)
    }
    [shown] = [one.body for one in page.at.html if 'class="cascade-runs"' in one.body]
    [address] = re.findall(r'href="\?([^"]+)"', shown)
    query = dict(pair.split("=") for pair in unescape(address).split("&"))
    assert query == {"story": story_of(service).id, "run": run.id}
    again = Page(service, **query)
    assert "8 of 8 pieces rewritten" in again.said
    assert again.has_button("Restore")
    assert "aria-current" in again.said


def test_every_state_is_said_and_only_the_newest_are_listed(service: Service) -> None:
    people = gather(service)
    for _ in range(5):
        service.desk(people.actors["editor"]).cancel(start(people))
    start(people)
    page = Page(service)
    first, *others = listed(page)
    assert first.endswith(" · 45 credits estimated · starting")
    assert len(others) == 2
    assert all(one.endswith(" · 0 / 45 credits · cancelled") for one in others)
    assert len(listed(page.go(mode="history"))) == 5
    assert len(listed(page.click("Show all"))) == 6
    assert not page.has_button("Show all")
