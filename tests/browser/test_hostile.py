"""Names, texts and addresses that try to be more than that, and a page below a path of a proxy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, WebError, expect

from cascade.service import Service
from cascade.settings import Settings
from cascade.store.tables import ScenePlot, StoryVersion, User
from cascade.ui.kit import texts
from cascade.ui.kit.language import LANGUAGES
from tests.helpers.serving import Server

from .conftest import PATIENCE_MS, usual
from .studio import Studio
from .tabs import Tabs

# What stands anywhere in a line shares one; what counts only where it begins has one of its own.
NAMES = [
    "**bold** _thin_ `code` ~~gone~~ # head :red[red] :blue-badge[badge] :small[small] "
    ":material/home: :material_home: :streamlit: :smile: :+1: :100:",
    "$x^2$ $$y$$ \\alpha &amp; &lt; &#65; a -> b <- c <-> d -- e >= f <= g ~= h",
    "<script>alert(1)</script> <b>x</b> <!-- c --> <img src=x onerror=alert(1)>",
    "http://evil.example/a https://evil.example www.evil.example me@evil.example mailto:a@b.cd "
    "[text](http://evil.example) ![image](http://evil.example/i.png) <http://evil.example>",
    "1. one",
    "- item",
    "> quoted",
    "| a | b |",
    "\u202eturned \u200fright \u2066aside",
    "Half \ud83d of one, \x07 bell",
    "long " * 12_000,
    "x" * 60_000,
]


def as_shown(name: str) -> str:
    """The beginning of a name as a reader sees it."""
    return (
        name.replace("\ud83d", "\N{REPLACEMENT CHARACTER}")
        .replace("\x07", "\N{REPLACEMENT CHARACTER}")[:200]
        .strip()
    )


@pytest.fixture
def named(sqlite_url: str) -> Iterator[Callable[[str], str]]:
    """Gives a story, its texts and its editor a name; the story's id."""
    service = Service(Settings(database_url=sqlite_url, provider="offline"))

    def name(words: str) -> str:
        story_id = service.operator().stories()[1].id
        # Half a character comes in through JSON, as no text column takes one.
        text = words.encode("utf-8", "replace").decode()
        with service.database.write() as session:
            session.execute(
                sa.update(StoryVersion)
                .where(StoryVersion.id == story_id)
                .values(
                    title=text,
                    genre=text,
                    tone=text,
                    synopsis=text,
                    hero_beats=json.dumps({"ordeal": words}),
                )
            )
            session.execute(
                sa.update(ScenePlot)
                .where(ScenePlot.story_version_id == story_id)
                .values(plot=text, script="")
            )
            session.execute(sa.update(User).where(User.name == "editor").values(display_name=text))
        return story_id

    yield name
    service.close()


def shows_no_more_than_text(page: Page) -> None:
    """No link, picture, icon, formula, code, list or coloured word that is not the page's own."""
    main = page.locator("[data-testid='stMain']")
    # The pages, the modes and the scenes in the outline are the page's own links.
    own = page.locator(".cascade-pages a, .cascade-modes a, .cascade-scenes a")
    expect(main.locator("a")).to_have_count(own.count())
    for made in ("img", ".katex", "code", ".stMarkdownBadge", ".stMarkdownColoredText"):
        expect(main.locator(made)).to_have_count(0)
    caption = page.locator("[data-testid='stCaptionContainer']")
    # In the credits' line the figure is the page's own, and strong.
    for made in (
        "ul",
        "ol",
        "blockquote",
        "table",
        "h1",
        "em",
        "del",
        "script",
        "[translate='no']",
    ):
        expect(caption.locator(made)).to_have_count(0)
    for made in ("script", "img", "b", "table", "a", "em", "code"):
        expect(page.locator(".cascade-beat").locator(made)).to_have_count(0)


SAYS = """([place, words]) => [...document.querySelectorAll(place)].some(
    one => one.textContent.replaceAll("\\u2060", "").includes(words))"""


@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_names_are_shown_as_they_are(studio: Studio, named: Callable[[str], str]) -> None:
    page = studio.page
    home = page.url.split("?")[0]
    for name in NAMES:
        page.goto(f"{home}?story={named(name)}&beat=ordeal")
        page.get_by_role("button", name=studio.say("head.more")).click()
        # Half a character comes in through JSON only.
        shown = as_shown(name.replace("\ud83d", "?"))
        page.wait_for_function(SAYS, arg=["[data-testid='stCaptionContainer']", f"· {shown}"])
        page.wait_for_function(SAYS, arg=["[data-testid='stSelectbox'] input", ""])
        studio.beat("Ordeal")
        # In a text half a character is what no revision can keep: the text is not read.
        is_kept = "\ud83d" not in name
        words = as_shown(name) if is_kept else studio.say("unreadable.not_storable")
        page.wait_for_function(SAYS, arg=[".cascade-beat p", words])
        shows_no_more_than_text(page)
        expect(page.get_by_text("Uncaught")).to_have_count(0)
        assert page.evaluate("document.body.scrollWidth <= window.innerWidth"), name[:40]
        if "evil" not in name:
            continue
        studio.slider("Ordeal").press("2")
        studio.is_pending(1, "Ordeal (5→2)")
        studio.press("banner.save")
        expect(studio.dialog).to_contain_text(studio.say("confirm.title"))
        shows_no_more_than_text(page)
        studio.press("confirm.cancel")
        studio.press("banner.reset")
        studio.nothing_is_pending()


ADDRESSES = ["%00", "a%00b", "%ED%A0%80", "%FF", "%E2%80%AEx", "x" * 60_000, "%25" * 15_000]


def test_odd_addresses_in_either_language(tabs: Tabs, server: Server, console: list[str]) -> None:
    """Each address in one of them, of a story or of a run."""

    def note(error: WebError) -> None:
        console.append(str(error.error))

    for which, language in enumerate(LANGUAGES):
        page = tabs.take(server.url, **usual(language))
        page.context.on("weberror", note)
        for number, asked in enumerate(ADDRESSES[which :: len(LANGUAGES)]):
            name = ("story", "run")[number % 2]
            page.goto(f"{server.url}?{name}={asked}")
            begin = texts.catalogue(language).gettext(f"problem.unknown_{name}").split("{")[0]
            expect(page.get_by_role("alert").filter(has_text=begin)).to_be_visible()
            expect(page.get_by_role("slider").first).to_be_visible()
            expect(page.get_by_text("Uncaught")).to_have_count(0)
        page.context.remove_listener("weberror", note)
        tabs.give_back(page)
    assert console == []


@pytest.fixture
def below(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server that is told that a proxy serves it below a path."""
    server = Server(sqlite_url, tmp_path / "server.log")
    server.command += ["--server.baseUrlPath", "tools/cascade"]
    server.url += "/tools/cascade"
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


def test_below_a_path_the_curve_is_drawn_too(browser: Browser, below: Server) -> None:
    for end, level in (("", 4), ("/", 3), ("/?story=nothing", 2)):
        is_drawn(browser, f"{below.url}{end}", level)


def is_drawn(browser: Browser, url: str, level: int) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    missing: list[str] = []
    context.on("response", lambda got: missing.append(got.url) if got.status >= 400 else None)
    page.goto(url)
    expect(page.locator(".cascade-stage.drawn")).to_be_visible()
    expect(page.locator(".cascade-plot .scatterlayer .trace").first).to_be_attached()
    studio = Studio(page, "en")
    # The first story in English.
    studio.slider("Ordeal").press(str(level))
    studio.is_pending(1, f"Ordeal (5→{level})")
    assert missing == []
    context.close()
