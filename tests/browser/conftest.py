"""A real server and a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebError

from cascade.service import Service
from cascade.settings import Settings
from cascade.ui.kit.language import LANGUAGES, Language
from tests.helpers.chromium import PATIENCE_MS
from tests.helpers.model_server import ModelServer
from tests.helpers.seeded_fixtures import model, sqlite_url
from tests.helpers.serving import Server

from .studio import Studio
from .tabs import Tabs

__all__ = ["PATIENCE_MS", "sqlite_url"]

TAGS: dict[Language, str] = {"en": "en-US", "id": "id-ID"}


def usual(language: Language) -> dict[str, Any]:
    """The options of a reader's browser, as far as a test wants no others."""
    return {
        "viewport": {"width": 1400, "height": 1000},
        "locale": TAGS[language],
        "timezone_id": "Asia/Jakarta",
        "color_scheme": "light",
    }


@pytest.fixture
def told(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the server is told: a test that wants something else is parametrized, by `telling`.

    The offline writer takes its time. What looks at a run that is at work holds a `writer`.
    """
    given: dict[str, str] = getattr(request, "param", {})
    return {"CASCADE_OFFLINE_DELAY_MS": "300", **given}


def telling(**env: str) -> pytest.MarkDecorator:
    """Has the test's server started with these settings, rather than started anew with them."""
    return pytest.mark.parametrize("told", [env], ids=["+".join(env.values())], indirect=True)


@pytest.fixture
def writer(writer: ModelServer) -> ModelServer:
    """A model that the test holds, so that a run stands where it is to be looked at."""
    writer.models = ["some-model"]
    return writer


def written_by(writer: ModelServer) -> dict[str, str]:
    """What a server is told, so that this model writes."""
    return {
        **model(writer),
        "CASCADE_MODEL": "some-model",
        "CASCADE_PRICE_PROMPT": "2",
        "CASCADE_PRICE_COMPLETION": "10",
        # However long the test holds it.
        "CASCADE_TIMEOUT_S": "3000",
    }


@pytest.fixture
def server(
    request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path, told: dict[str, str]
) -> Iterator[Server]:
    """A running server; the test's `writer` writes there, if it has one."""
    if "writer" in request.fixturenames:
        told |= written_by(request.getfixturevalue("writer"))
    server = Server(sqlite_url, tmp_path / "server.log", **told)
    server.start()
    yield server
    server.stop()
    log = server.log.read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def console() -> list[str]:
    """What the consoles of the test's pages complained of."""
    return []


@pytest.fixture
def language(request: pytest.FixtureRequest) -> Language:
    """The language that the browser asks for: one a test, half of them in each.

    What is about languages is parametrized with both.
    """
    given: Language | None = getattr(request, "param", None)
    return given or LANGUAGES[crc32(request.node.name.encode()) % len(LANGUAGES)]


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Tabs:
    """The tabs that tests use, one after the other."""
    return Tabs(browser)


@pytest.fixture
def page(tabs: Tabs, server: Server, console: list[str], language: Language) -> Iterator[Page]:
    """A tab on the studio; an error in any console beside it fails the test."""

    def note(message: ConsoleMessage) -> None:
        # At the address of a page Streamlit looks for its server below it first.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            console.append(message.text)

    def note_error(error: WebError) -> None:
        console.append(str(error.error))

    page = tabs.take(server.page, **usual(language))
    page.context.on("console", note)
    page.context.on("weberror", note_error)
    page.goto(server.page)
    yield page
    page.context.remove_listener("console", note)
    page.context.remove_listener("weberror", note_error)
    tabs.give_back(page)
    if server.was_away:
        # What a browser says of a server that is away is no fault of the page.
        of_away = (
            "ERR_CONNECTION",
            "disconnected from server",
            "WebSocket onerror",
            "WebSocket is already in CLOSING or CLOSED state",
            "in reaching server endpoint",
            "server is not responding",
        )
        console[:] = [one for one in console if not any(words in one for words in of_away)]
    assert console == []


@pytest.fixture
def studio(page: Page, language: Language) -> Studio:
    """The studio in the language of the browser."""
    return Studio(page, language)


@contextmanager
def tab(tabs: Tabs, url: str, language: Language, **options: Any) -> Iterator[Studio]:
    """A tab at an address; `options` are Playwright's for its context."""
    page = tabs.take(url, **(usual(language) | options))
    page.goto(url)
    yield Studio(page, language)
    tabs.give_back(page)


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Literal["light", "dark"]:
    given: Literal["light", "dark"] = request.param
    return given


@pytest.fixture
def themed(tabs: Tabs, server: Server, theme: Literal["light", "dark"]) -> Iterator[Studio]:
    """A tab in a theme."""
    language: Language = "en" if theme == "light" else "id"
    with tab(tabs, server.page, language, color_scheme=theme) as studio:
        yield studio


@pytest.fixture
def look(sqlite_url: str) -> Callable[[], Service]:
    """Opens the server's database beside it, to see what is really saved."""
    return lambda: Service(Settings(database_url=sqlite_url, provider="offline"))
