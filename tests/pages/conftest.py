"""The page by AppTest, in the words of who uses it, on a database of the test's own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from cascade.llm.provider import Provider
from cascade.service import RunView, Service
from cascade.settings import Settings
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit import address, texts
from tests.helpers.seeded_fixtures import sqlite_url

from .tables import PATIENCE_S

__all__ = ["sqlite_url"]

CAT = "Tinggi Muka Air"
MAIN = Path(__file__).parents[2] / "cascade" / "ui" / "main.py"


class Page:
    """The page in one browser session, in the words of who uses it."""

    def __init__(self, service: Service, *, language: str = "", **query: str) -> None:
        self.service = service
        self.at = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
        # The longest sample; an English reader without an address gets another one.
        for name, value in (query or {"story": CAT}).items():
            self.at.query_params[name] = value
        if language:
            self.at.session_state["language"] = language
        self.look()

    def look(self) -> Page:
        self.at.run()
        if not self.at.title:
            # An edit draws anew only what it concerns, and AppTest forgets the rest: look again.
            self.at.run()
        assert not self.at.exception, self.at.exception
        return self

    @property
    def said(self) -> str:
        """Everything the page says, without Markdown's escapes."""
        at = self.at
        kinds = (at.markdown, at.caption, at.info, at.error, at.warning, at.header, at.subheader)
        words = [element.value for kind in kinds for element in kind]
        words += [element.body for element in at.html]
        return "\n".join(words).replace("\\", "")

    @property
    def errors(self) -> list[str]:
        return [error.value.replace("\\", "") for error in self.at.error]

    def number(self, label: str) -> Any:
        return next(one for one in self.at.number_input if one.label == label)

    def button(self, label: str) -> Any:
        return next(one for one in self.at.button if one.label == label)

    def has_button(self, label: str) -> bool:
        return any(one.label == label for one in self.at.button)

    def set(self, **levels: int) -> Page:
        for label, level in levels.items():
            self.number(label.replace("_", " ")).set_value(level)
            self.look()
        return self

    def go(self, **parts: str) -> Page:
        """Goes to another address by the browser's own ways."""
        del self.at.session_state[address.KEPT]
        for name, value in parts.items():
            self.at.query_params[name] = value
        return self.look()

    def click(self, label: str) -> Page:
        self.button(label).click()
        return self.look()

    def open_beat(self, beat_key: str) -> Page:
        """Selects a beat."""
        return self.go(beat=beat_key)

    def review(self, text: str = "") -> Page:
        """Reviews what the page's run wrote: the text of that key, or the first."""
        return self.go(mode="review", **({"text": text} if text else {}))

    @property
    def places(self) -> dict[str, list[int]]:
        """Where each part of the page with a key stands: the way to it from the page's root."""
        found: dict[str, list[int]] = {}

        def walk(block: Any, way: list[int]) -> None:
            for at, child in getattr(block, "children", {}).items():
                if key := re.fullmatch(r"\$\$ID-[0-9a-f]{32}-(.+)", getattr(child.proto, "id", "")):
                    found[key[1]] = [*way, at]
                walk(child, [*way, at])

        walk(self.at.main, [])
        return found

    @property
    def run_id(self) -> str:
        found = self.at.query_params["run"]
        return str(found[0] if isinstance(found, list) else found)

    def run_through(self) -> RunView:
        """Confirms what is pending and waits for the end of its run."""
        with self.service.executing():
            self.click("Save Tension Levels").click("Regenerate & Save")
            run = self.wait_for_end()
        self.look()
        return run

    def open(self, key: str) -> Page:
        """Opens an expander by its key."""
        self.at.session_state["opened"] = {key}
        self.at.session_state["boxes"] = {}
        return self.look()

    def restore_all(self) -> Page:
        """Puts back what the page's run wrote, after it has asked."""
        return self.click("Restore").click("Yes, restore everything")

    @property
    def text_of_run(self) -> list[str]:
        """Old beside new, where it is shown."""
        return [one.body for one in self.at.html if 'class="cascade-two"' in one.body]

    def wait_for_end(self) -> RunView:
        until = time.monotonic() + PATIENCE_S
        while (run := self.service.operator().run(self.run_id)).is_active:
            assert time.monotonic() < until, run
            time.sleep(0.05)
        return run


@pytest.fixture(scope="session", autouse=True)
def components_of_packages() -> Iterator[None]:
    """Looks for components in the installed packages once, where AppTest would with every draw.

    A server looks once, too; it is a sixth of what the tests of pages take.
    """
    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


@pytest.fixture
def open_service(sqlite_url: str) -> Iterator[Callable[..., Service]]:
    """Opens the service for the pages of this process, with given settings."""
    opened: list[Service] = []

    def open_(writer: Provider | None = None, **settings: Any) -> Service:
        given = {"provider": "offline", "offline_delay_ms": 0, "database_url": sqlite_url}
        service = Service(Settings(**{**given, **settings}), writer)
        opened.append(service)
        session.provide(service)
        return service

    yield open_
    session.provide(None)
    for service in opened:
        service.close()


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    return open_service()


@pytest.fixture
def page(service: Service) -> Page:
    return Page(service)


def story_of(service: Service, place: int = 0) -> Story:
    return service.operator().story(service.operator().stories()[place].id)


def told(when: datetime) -> tuple[str, str]:
    """How a page tells an instant: by its hour, and once midnight has passed with its date."""
    same_day, next_day = (texts.moment(when, UTC, now=when + timedelta(days=n)) for n in (0, 1))
    return same_day, next_day


# What is pending then, in words.
PENDING = "2 beats with unsaved tension changes: Midpoint (2→4), All Is Lost (4→2)"


def bend(page: Page) -> Page:
    return page.set(Midpoint=4, All_Is_Lost=2)
