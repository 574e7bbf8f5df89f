"""Signing in, by a real provider on this machine: who comes in, to what, and for how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from cascade.service import Service
from cascade.settings import Settings
from cascade.store.tables import Draft
from tests.helpers.identities import Provider
from tests.helpers.serving import Server

from .conftest import telling
from .studio import Studio
from .tabs import Tabs

STORY = "Tinggi Muka Air"
PAGES = ("", "runs", "credits", "people", "audit")
# Remembers a page's connections, so that a test can cut them.
SOCKETS = """
window.__sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.__sockets.push(this);
  }
};"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    found.vouch("ed", name="Ed Itor", email="ed@example.org", email_verified=True)
    found.vouch("pro", name="Pro Ducer", email="pro@example.org", email_verified=True)
    with found.serving():
        yield found


@pytest.fixture
def server(
    sqlite_url: str, tmp_path: Path, provider: Provider, told: dict[str, str]
) -> Iterator[Server]:
    """A server of people who sign in; `ed@example.org` was made an editor before."""
    service = Service(Settings(database_url=sqlite_url, provider="offline"))
    service.operator().user_add("ed@example.org", "editor", None, "Ed")
    service.operator().grant("ed@example.org", 100)
    service.close()
    env = {**told, "CASCADE_OFFLINE_DELAY_MS": "50"}
    server = Server(sqlite_url, tmp_path / "server.log", **env)
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(provider.secrets(f"{server.url}/oauth2callback"))
    server.command += ["--secrets.files", str(secrets)]
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def look(sqlite_url: str) -> Iterator[Service]:
    """The server's database beside it."""
    service = Service(Settings(database_url=sqlite_url, provider="offline"))
    yield service
    service.close()


@pytest.fixture
def visit(tabs: Tabs) -> Iterator[Callable[[str], Page]]:
    """Opens an address in a browser of its own, as another person does."""
    pages = []

    def open_(url: str) -> Page:
        page = tabs.take(url, script=SOCKETS, locale="en-US", timezone_id="Asia/Jakarta")
        pages.append(page)
        page.goto(url)
        return page

    yield open_
    for page in pages:
        tabs.give_back(page)


def sign_in(page: Page, subject: str) -> Page:
    """Signs in as somebody for whom the provider vouches."""
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name=subject, exact=True).click()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_have_count(0)
    return page


def shows_nothing(page: Page) -> None:
    """Only the way in is there: no story, no name, no number of them."""
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    words = page.locator("body").inner_text()
    for secret in (STORY, "Midpoint", "Sample", "credits available", "ed@example.org"):
        assert secret not in words
    expect(page.get_by_role("slider")).to_have_count(0)


def test_signed_out_the_first_request_to_any_page_shows_nothing(
    server: Server, tabs: Tabs, visit: Callable[[str], Page]
) -> None:
    for name in PAGES:
        page = visit(f"{server.url}/{name}?story={STORY}&run=1")
        shows_nothing(page)
        tabs.give_back(page)


def test_somebody_who_was_added_by_e_mail_signs_in_to_what_was_asked_for(
    server: Server, visit: Callable[[str], Page], look: Service
) -> None:
    page = sign_in(visit(f"{server.page}&beat=midpoint"), "ed")
    studio = Studio(page, "en")
    # The way to the provider and back ends at the first page: from there to what was asked for.
    expect(page).to_have_url(re.compile(r"story=.+&beat=midpoint"))
    studio.beat("Midpoint")
    expect(page.get_by_label("View as")).to_have_count(0)
    studio.sees("100 credits available")
    # A refresh and a link in a new tab keep both.
    page.reload()
    studio.beat("Midpoint")
    other = page.context.new_page()
    other.goto(f"{server.page}&beat=setup")
    Studio(other, "en").beat("Setup")
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    studio.press("banner.save")
    studio.press("confirm.start")
    expect(studio.state).to_contain_text("Done")
    [run] = look.operator().runs()
    assert run.user == "ed@example.org"

    page.get_by_role("button", name="Ed", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    shows_nothing(page)
    # The browser's other tabs follow.
    shows_nothing(other)


def test_a_role_that_is_taken_away_counts_in_every_open_tab(
    server: Server, visit: Callable[[str], Page], look: Service
) -> None:
    page = sign_in(visit(server.page), "ed")
    studio = Studio(page, "en")
    studio.nothing_is_pending()
    other = Studio(page.context.new_page(), "en")
    other.page.goto(server.page)
    other.nothing_is_pending()
    look.operator().user_role("ed@example.org", "viewer", None)
    # Whether the page has heard of it by then or not.
    studio.slider("Midpoint").press("4")
    for tab in (studio, other):
        expect(tab.state).to_contain_text(tab.say("curve.locked_role"))
        expect(tab.slider("Midpoint")).to_have_attribute("aria-disabled", "true")
        tab.in_step("Midpoint", 2)
    with look.database.read() as session:
        assert session.scalars(sa.select(Draft)).all() == []
    look.operator().user_role("ed@example.org", None, None)
    page.reload()
    expect(
        page.get_by_role("heading", name="You are signed in, but in no project yet.")
    ).to_be_visible()
    assert STORY not in page.locator("body").inner_text()
    # It heals by itself once somebody lets them in.
    look.operator().user_role("ed@example.org", "editor", None)
    studio.nothing_is_pending()


def test_a_stranger_is_let_in_to_nothing_and_named_for_who_lets_them_in(
    server: Server, visit: Callable[[str], Page], look: Service
) -> None:
    page = sign_in(visit(server.page), "pro")
    expect(page.get_by_text("pro@example.org")).to_be_visible()
    assert STORY not in page.locator("body").inner_text()
    look.operator().user_role("pro@example.org", "producer", None)
    studio = Studio(page, "en")
    studio.nothing_is_pending()
    # A producer sees who works in their project, and gives no roles.
    page.get_by_role("link", name="People", exact=True).click()
    table = page.get_by_role("table", name="Sample Project")
    expect(table).to_contain_text("ed@example.org")
    expect(table.get_by_role("row").filter(has_text="pro@example.org")).to_contain_text("producer")
    expect(page.get_by_role("button", name="Give this role")).to_have_count(0)
    page.get_by_role("link", name="Audit", exact=True).click()
    audit = page.get_by_role("table", name="Audit")
    expect(audit.get_by_role("row").filter(has_text="pro@example.org").first).to_contain_text(
        "producer"
    )


@telling(CASCADE_ROLES="writers=editor@Sample Project", CASCADE_ROLE_CLAIM="realm.roles")
def test_a_role_follows_from_a_claim_as_long_as_it_is_claimed(
    server: Server, provider: Provider, visit: Callable[[str], Page]
) -> None:
    provider.vouch("claire", name="Claire", realm={"roles": ["writers", "others"]})
    page = sign_in(visit(server.page), "claire")
    studio = Studio(page, "en")
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")
    provider.vouch("claire", name="Claire", realm={"roles": ["others"]})
    page.get_by_role("button", name="Claire", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "claire")
    expect(page.get_by_role("heading", name="in no project yet")).to_be_visible()


def test_a_page_that_is_not_for_a_role_is_no_link_and_refused_by_its_address(
    server: Server, visit: Callable[[str], Page]
) -> None:
    page = sign_in(visit(server.page), "ed")
    Studio(page, "en").nothing_is_pending()
    for name in ("people", "audit"):
        expect(page.get_by_role("link", name=name.title(), exact=True)).to_have_count(0)
        page.goto(f"{server.url}/{name}")
        expect(page.get_by_text("This page is not for your role")).to_be_visible()
        expect(page.get_by_role("table")).to_have_count(0)


HOSTILE: dict[str, dict[str, Any]] = {
    "script": {"name": "<script>alert(1)</script><img src=http://evil.example/i onerror=alert(1)>"},
    "markdown": {"name": "**bold** [a](http://evil.example) ![b](http://evil.example/i.png)"},
    "colour": {"name": ":red[red] :material/home: $x^2$ http://evil.example/a"},
    "turned": {"name": "\u202eturned \u2066aside", "email": "a@b.example\u202e"},
    "nul": {"name": "N\x00ul \x07bell", "preferred_username": "\x00"},
    "long": {"name": "long " * 400},
    "types": {"name": 5, "email": ["a"], "email_verified": "yes", "roles": {"a": [1, None]}},
    "nothing": {},
    "somebody": {"name": "editor", "email": "ed@example.org", "email_verified": False},
}


def test_whatever_a_provider_says_of_somebody_is_shown_as_text(
    server: Server,
    provider: Provider,
    tabs: Tabs,
    visit: Callable[[str], Page],
    look: Service,
) -> None:
    fetched: list[str] = []
    names = set()
    for which, claims in HOSTILE.items():
        provider.vouch(which, **claims)
        page = visit(server.url)
        page.on("request", lambda request: fetched.append(request.url))
        page.on("dialog", lambda dialog: pytest.fail(f"{dialog.message} was executed"))
        sign_in(page, which)
        expect(page.get_by_role("heading", name="in no project yet")).to_be_visible()
        [one] = [one for one in look.operator().people().without if one.name not in names]
        # Nobody becomes somebody else by saying so.
        assert one.name not in ("ed@example.org", "editor")
        assert one.name in page.locator(".cascade-door").inner_text()
        names.add(one.name)
        tabs.give_back(page)
    # Seen by an admin, in the page of people and in the audit.
    look.operator().user_add("pro@example.org", "admin", None, "Pro")
    look.operator().user_role(min(names), "viewer", None)
    page = visit(server.url)
    page.on("request", lambda request: fetched.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"{dialog.message} was executed"))
    sign_in(page, "pro")
    for name in ("People", "Audit"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("table").first).to_be_visible()
        words = page.locator("body").inner_text()
        assert [one for one in names if one[:40].strip() not in words] == [] or name == "Audit"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("img[src*=evil], a[href*=evil]").count() == 0
    assert not [url for url in fetched if "evil" in url]


def test_whoever_comes_back_without_being_in_is_told(
    server: Server, provider: Provider, visit: Callable[[str], Page]
) -> None:
    provider.vouch("endless", name="x" * 1_000_000)
    page = visit(server.url)
    failed = page.get_by_text("Signing in did not come to an end")
    expect(failed).to_be_hidden()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="endless", exact=True).click()
    expect(failed).to_be_visible()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="ed", exact=True).click()
    Studio(page, "en").nothing_is_pending()
    # Streamlit's own, of what no cookie takes.
    server.log.write_text("")


def test_two_people_keep_their_own_page_through_a_lost_connection(
    server: Server, visit: Callable[[str], Page], look: Service
) -> None:
    look.operator().user_add("pro@example.org", "editor", None, "Pro")
    look.operator().grant("pro@example.org", 7)
    people = {"ed": ("Ed", 100), "pro": ("Pro", 7)}
    pages = {who: sign_in(visit(server.page), who) for who in people}
    for page in pages.values():
        Studio(page, "en").nothing_is_pending()
    # Both lose their connection at once, and then their server.
    for page in pages.values():
        page.evaluate("window.__sockets.forEach((socket) => socket.close())")
    for who, page in pages.items():
        page.wait_for_function("window.__sockets.at(-1).readyState === WebSocket.OPEN")
        shown, credits = people[who]
        Studio(page, "en").slider("Midpoint").press("4")
        Studio(page, "en").is_pending(1, "Midpoint (2→4)")
        expect(page.get_by_role("button", name=shown, exact=True)).to_be_visible()
        Studio(page, "en").press("banner.reset")
        Studio(page, "en").nothing_is_pending()
    server.kill()
    for page in pages.values():
        expect(page.locator(".cascade-away")).to_be_visible()
    server.start()
    for who, page in pages.items():
        shown, credits = people[who]
        expect(page.locator(".cascade-away")).to_have_count(0)
        Studio(page, "en").sees(f"{credits} credits available")
        expect(page.get_by_role("button", name=shown, exact=True)).to_be_visible()
        Studio(page, "en").nothing_is_pending()
