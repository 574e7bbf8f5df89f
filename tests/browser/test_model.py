"""The page where a model writes: its text grows, a retry counts down, a rejected text is taken.

The model is a server on this machine that speaks the protocol, and misbehaves when told to.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from cascade.ui.kit.language import Language
from tests.helpers.model_http import Call, Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.serving import Server

from .conftest import PATIENCE_MS, TAGS, written_by
from .studio import Studio
from .test_access import is_accessible

SHORT = "He waits."


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("id", "dark")])
def test_a_model_that_stumbles(
    browser: Browser,
    sqlite_url: str,
    tmp_path: Path,
    language: Language,
    theme: Literal["light", "dark"],
) -> None:
    def behave(call: Call) -> Reply | None:
        return (
            Reply(content=json.dumps({"keyAction": SHORT}))
            if call.property == "keyAction"
            else None
        )

    # So slow that its text is seen to grow; then it is let go.
    with ModelServer(pace=0.5, behave=behave) as model:
        model.models = ["some-model"]
        model.fail(1, 429, retry_after=15)
        server = Server(sqlite_url, tmp_path / "log", **written_by(model))
        server.start()
        context = browser.new_context(
            viewport={"width": 1400, "height": 1000},
            locale=TAGS[language],
            color_scheme=theme,
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            page = context.new_page()
            page.goto(server.page)
            studio = Studio(page, language)
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
            model.pace = 0.0

            # What may not be saved says why, is kept, and can be taken.
            expect(page.get_by_role("alert")).to_contain_text(SAID[language])
            expect(studio.state).to_contain_text(studio.say("run.title.failed"))
            expect(studio.state).to_be_focused()
            aloud = page.locator(".cascade-live").filter(has_text=studio.say("run.said.failed"))
            expect(aloud).to_contain_text(SAID[language])
            used = page.locator(".cascade-steps li.failed .used")
            expect(used).to_contain_text(studio.count("run.step_calls", 2))
            page.locator("summary").filter(has_text=studio.say("rejected.show")).first.click()
            expect(page.get_by_text(SHORT, exact=True)).to_be_visible()
            is_accessible(studio, 1400 if theme == "light" else 400)
            studio.press("rejected.accept")
            studio.sees(studio.say("run.title.done"))
            expect(page.locator(".cascade-steps .used")).to_have_count(6)
        finally:
            context.close()
            server.stop()
        assert model.problems == []
        assert "Traceback" not in server.log.read_text()


SAID = {
    "en": "The model wrote something that cannot be saved: the text is too short: 2 words",
    "id": "Model menulis sesuatu yang tidak bisa disimpan: teksnya terlalu pendek: 2 kata",
}
