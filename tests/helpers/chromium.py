"""A real Chromium for the tests of a file.

Playwright has a loop of its own in the thread until it is ended: a second one beside it does not
start, nor does any `asyncio.run`. So it ends with the file that asked for it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

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


def launch(playwright: Playwright) -> Browser:
    """Starts Chromium: the one named by CHROMIUM, the system's, or Playwright's own."""
    found = (shutil.which(name) for name in NAMES)
    executable = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    return playwright.chromium.launch(executable_path=executable, args=list(FLAGS))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of a file."""
    # Here, because most tests need none of it.
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
