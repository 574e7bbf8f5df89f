"""A producer from opening the page to a decision; the editor from asking to what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from cascade.service import Service
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .studio import Studio
from .test_access import violations

# What is read before it is decided.
MOST_WORDS = 90


def test_a_request_is_made_read_and_approved_with_one_click(
    studio: Studio, server: Server, writer: ModelServer, look: Callable[[], Service]
) -> None:
    page = studio.page
    # What is approved begins, and is still at work when the editor looks.
    writer.hold(after=1)
    studio.bend()
    studio.press("banner.save")
    studio.dialog.get_by_text(studio.say("confirm.ask_first")).click()
    note = studio.dialog.get_by_label(studio.say("confirm.note"), exact=True)
    note.fill("the fall is to come as a shock")
    studio.press("confirm.ask")
    expect(studio.state).to_contain_text(studio.say("run.title.awaiting_approval"))
    expect(studio.button("requested.withdraw")).to_be_enabled()

    # The role decides the first screen.
    page.set_viewport_size({"width": 1366, "height": 768})
    producer = page.context.new_page()
    producer.goto(server.url)
    other = Studio(producer, studio.language)
    expect(other.slider("Midpoint").or_(other.slider("Ordeal")).first).to_be_visible()
    producer.get_by_label(other.say("head.view_as"), exact=True).click()
    producer.get_by_role("option", name="Sample Producer").click()
    expect(producer).to_have_url(re.compile(r"/approvals$"))
    approve = other.button("approvals.approve")
    producer.set_viewport_size({"width": 1366, "height": 768})
    expect(approve).to_be_in_viewport(ratio=1)
    assert producer.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    said = producer.locator(".st-key-approvals").inner_text()
    assert "the fall is to come as a shock" in said
    assert len(said.split()) <= MOST_WORDS
    assert producer.locator(".cascade-small-curve").evaluate("(it) => it.naturalWidth > 0")
    assert violations(producer) == []
    approve.click()
    other.sees(other.count("approvals.approved", 45, story="Tinggi Muka Air"))

    # On a telephone every page is still to be reached.
    producer.set_viewport_size({"width": 400, "height": 800})
    for one in producer.locator(".cascade-pages a").all():
        expect(one).to_be_in_viewport(ratio=1)

    # The editor sees it begin, without doing anything.
    expect(studio.state).to_contain_text("1/2")
    service = look()
    [run] = service.operator().runs()
    assert run.estimated_credits == 45

    # And the producer what is asked for next, and what is taken back.
    desk = service.desk(service.actor("editor"))
    story = desk.story("A Hundred Diameters")
    asked = desk.start(desk.plan(story.id, {"ordeal": 3}).plan, ask=True)
    expect(producer.locator(".cascade-request")).to_contain_text(story.title)
    desk.withdraw(asked)
    expect(producer.locator(".cascade-request")).to_have_count(0)
    service.close()


def test_what_is_declined_is_told_to_who_asked(studio: Studio, look: Callable[[], Service]) -> None:
    page = studio.page
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.dialog.get_by_text(studio.say("confirm.ask_first")).click()
    studio.press("confirm.ask")
    expect(studio.state).to_contain_text(studio.say("run.title.awaiting_approval"))
    service = look()
    producer = service.desk(service.actor("producer"))
    [one] = producer.waiting()
    producer.ask_for_changes(one.asked.run_id, "one level less")
    expect(studio.state).to_contain_text("one level less")
    producer.decline(one.asked.run_id, "not this month")
    expect(studio.state).to_contain_text("not this month")
    expect(studio.button("requested.withdraw")).to_have_count(0)
    studio.is_pending(1, "Midpoint (2→4)")
    page.reload()
    studio.is_pending(1, "Midpoint (2→4)")
    service.close()
