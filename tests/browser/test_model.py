"""The page where a model writes: its text grows, a retry counts down, a rejected text is taken.

The model is a server on this machine that speaks the protocol, and misbehaves when told to.
"""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.helpers.model_http import Call, Reply
from tests.helpers.model_server import ModelServer

from .studio import Studio
from .test_access import is_accessible

SHORT = "He waits."


def test_a_model_that_stumbles(themed: Studio, writer: ModelServer, theme: str) -> None:
    studio, page = themed, themed.page

    def behave(call: Call) -> Reply | None:
        return (
            Reply(content=json.dumps({"keyAction": SHORT}))
            if call.property == "keyAction"
            else None
        )

    writer.behave = behave
    writer.fail(1, 429, retry_after=15)
    # So slow that its text is seen to grow; then it is let go.
    writer.pace = 0.5
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.press("confirm.start")

    # The wait is counted down.
    retrying = page.locator(".cascade-steps .retrying .state")
    expect(retrying).to_have_text(re.compile(r"\b[1-9]\d? s|\b[1-9]\d? d"))
    first = retrying.inner_text()
    expect(retrying).not_to_have_text(first)
    # The text grows.
    words = page.locator(".cascade-steps .generating .words")
    expect(words).to_have_text(re.compile(r"\S{3,}"))
    before = words.inner_text()
    expect(words).not_to_have_text(before)
    writer.pace = 0.0

    # What may not be saved says why, is kept, and can be taken.
    expect(page.get_by_role("alert")).to_contain_text(SAID[studio.language])
    expect(studio.state).to_contain_text(studio.say("run.title.failed"))
    expect(studio.state).to_be_focused()
    aloud = page.locator(".cascade-live").filter(has_text=studio.say("run.said.failed"))
    expect(aloud).to_contain_text(SAID[studio.language])
    # The reason and the price of going on are in sight, wherever there is least room for them.
    left = studio.count("run.last_left", 7, credits=23)
    for width, height in ((1366, 768), (1024, 768), (400, 800)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_role("alert").locator("p")).to_be_in_viewport(ratio=1)
        studio.is_in_sight(left)
    used = page.locator(".cascade-steps li.failed .used")
    expect(used).to_contain_text(studio.count("run.step_calls", 2))
    page.locator("summary").filter(has_text=studio.say("rejected.show")).first.click()
    expect(page.get_by_text(SHORT, exact=True)).to_be_visible()
    is_accessible(studio, 1400 if theme == "light" else 400)
    studio.press("rejected.accept")
    studio.sees(studio.say("run.title.done"))
    expect(page.locator(".cascade-steps .used")).to_have_count(6)


SAID = {
    "en": "The model wrote something that cannot be saved: the text is too short: 2 words",
    "id": "Model menulis sesuatu yang tidak bisa disimpan: teksnya terlalu pendek: 2 kata",
}
