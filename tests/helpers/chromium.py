"""A real Chromium for the tests of a file.

Playwright has a loop of its own in the thread until it is ended: a second one beside it does not
start, nor does any `asyncio.run`. So it ends with the file that asked for it.
"""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of a file."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as browser:
        yield browser
