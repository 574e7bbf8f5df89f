"""A real Chromium, started once for all tests of a process.

Playwright's loop counts as the one that runs in its thread until it is ended: no `asyncio.run`
starts beside it. So tests without a browser are told that there is none (`choose_loop`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Not `chromium-headless-shell`, which takes less of the processor: its letters are wider than those
# that people see.
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A window's address bar loads pages of its own that nobody sees, some four hundred files a context.
# The rest is what Playwright turns off: of two such flags the last one counts.
UNWANTED = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
FLAGS = (
    f"--disable-features={','.join(UNWANTED)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A machine with two cores that runs other tests beside these; what comes sooner is not waited for.
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium for the block: the one named by CHROMIUM, the system's, or Playwright's own."""
    # Here, because most tests need none of it.
    from playwright.sync_api import sync_playwright

    found = (shutil.which(name) for name in NAMES)
    executable = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


_LOOP = pytest.StashKey[asyncio.AbstractEventLoop]()


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, for all tests that look at a page."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as browser:
        loop = request.config.stash[_LOOP] = asyncio.get_running_loop()
        yield browser
        asyncio._set_running_loop(loop)
        del request.config.stash[_LOOP]


def choose_loop(item: pytest.Function) -> None:
    """Has the loop of the browser run for a test that uses one, and none for any other."""
    in_browser = "browser" in item.fixturenames
    asyncio._set_running_loop(item.config.stash.get(_LOOP, None) if in_browser else None)
