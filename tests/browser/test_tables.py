"""The pages of tables in a browser: a run found in the list, opened and sent; credits and rules."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from cascade.service import Service
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .conftest import telling
from .studio import Studio
from .test_access import violations


def fits_a_telephone(page: Page) -> None:
    """Nothing of it is wider than a narrow window."""
    page.set_viewport_size({"width": 400, "height": 800})
    wide = "(() => { const it = document.querySelector('[data-testid=stMain]');"
    assert page.evaluate(f"{wide} return it.scrollWidth <= it.clientWidth }})()")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_run_is_found_opened_and_sent(
    studio: Studio, server: Server, writer: ModelServer, look: Callable[[], Service]
) -> None:
    writer.hold(after=1)
    service = look()
    desk = service.desk(service.actor("editor"))
    first, second, *_ = desk.stories()
    stopped = desk.start(desk.plan(first.id, {"finale": 1}).plan)
    desk.cancel(stopped)
    key = desk.story(second.id).structure.keys[1]
    at_work = desk.start(desk.plan(second.id, {key: 5}).plan)

    page = studio.page
    page.goto(f"{server.url}/runs")
    lines = page.locator(".st-key-all-runs tbody tr")
    expect(lines).to_have_count(2)
    page.get_by_label(studio.say("allruns.status"), exact=True).click()
    page.get_by_role("option", name=studio.say("runs.state.cancelled"), exact=True).click()
    expect(lines).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/runs\?status=cancelled$"))

    # By keyboard; then back, to the list as it was.
    way = lines.get_by_role("link")
    way.focus()
    way.press("Enter")
    expect(page).to_have_url(re.compile(rf"/runs\?run={stopped}$"))
    expect(page.get_by_role("heading", name=first.title)).to_be_visible()
    steps = page.get_by_role("table", name=studio.say("record.steps"))
    expect(steps.locator("tbody tr")).to_have_count(10)
    assert violations(page) == []
    page.go_back()
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text(studio.say("runs.state.cancelled"))

    # Its address is all that somebody needs; what is at work is seen to go on there.
    other = page.context.new_page()
    other.goto(f"{server.url}/runs?run={at_work}")
    expect(other.get_by_role("heading", name=second.title)).to_be_visible()
    done = other.get_by_role("table", name=studio.say("record.steps")).locator("tr.done")
    expect(done.first).to_be_visible()
    fits_a_telephone(other)
    # The list that somebody else has open follows.
    desk.cancel(at_work)
    expect(lines).to_have_count(2)
    service.close()


@telling(CASCADE_USER="producer")
def test_credits_are_given_and_a_budget_is_set(studio: Studio, server: Server) -> None:
    page = studio.page
    page.goto(f"{server.url}/credits")
    fits_a_telephone(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_text(studio.say("credits.grant"), exact=True).click()
    expect(studio.button("credits.grant_yes")).to_be_visible()
    page.get_by_label(studio.say("credits.person"), exact=True).last.click()
    page.get_by_role("option", name="Sample Viewer (viewer)").click()
    page.get_by_label(studio.say("credits.reason"), exact=True).fill("For the festival")
    # Whoever clicks twice gives once.
    studio.button("credits.grant_yes").dblclick()
    studio.sees(studio.count("credits.granted", 50, person="Sample Viewer"))
    page.wait_for_timeout(2000)
    ledger = page.get_by_role("table", name=studio.say("credits.ledger"))
    expect(
        ledger.locator("tbody tr").filter(has_text="+50").filter(has_not_text="+500")
    ).to_have_count(1)
    expect(ledger.locator("tbody tr").first).to_contain_text("For the festival")
    expect(ledger.locator("tbody tr").first).to_contain_text("+50")

    bar = page.locator(".cascade-budgets")
    expect(bar).to_have_count(0)
    page.get_by_text(studio.say("rules.title"), exact=True).click()
    budget = page.get_by_label(studio.say("rules.budget"), exact=True)
    budget.fill("a lot")
    budget.press("Enter")
    expect(page.locator(".st-key-rules-box").get_by_role("alert")).to_be_visible()
    expect(budget).to_have_value("a lot")
    budget.fill("500")
    budget.press("Enter")
    expect(bar).to_contain_text(studio.count("budget.left", 500))
    expect(page.locator(".st-key-rules-box")).to_contain_text("→ 500")
    assert violations(page) == []
    fits_a_telephone(page)
