"""Tabs of a browser that test after test uses again.

A tab that has loaded the page once has its program compiled, as long as the address is the same one
(`Server` sees to that): a new tab takes twice as much of the processor to load it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.helpers.chromium import PATIENCE_MS

# Each takes some hundred megabytes.
MOST_IDLE = 6
# Playwright's own.
VIEWPORT = {"width": 1280, "height": 720}


class Tabs:
    """The tabs of one browser, each in a profile of its own, as somebody else's browser has one.

    Who takes one finds in it nothing of whoever had it before: no cookie, nothing stored, no tab
    beside it. What is listened to in a context or added to it stays: it is not for those.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        # The one that was given back last is the last one.
        self._idle: list[Page] = []
        self._key: dict[Page, str] = {}

    def take(self, url: str, *, script: str = "", viewport: Any = VIEWPORT, **options: Any) -> Page:
        """A tab for an address; `options` are those of its context, as Playwright names them.

        The `script` is run before any of the page's own.

        It is not there yet: whoever took it may want to listen first.
        """
        key = repr((script, sorted(options.items())))
        page = next((one for one in reversed(self._idle) if self._key[one] == key), None)
        if page:
            self._idle.remove(page)
            page.context.clear_cookies()
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
            # A small document from there: only one of its own can empty what it has stored.
            page.goto(f"{origin}/_stcore/health")
            page.evaluate("localStorage.clear(); sessionStorage.clear()")
            page.set_viewport_size(viewport)
        else:
            context = self._browser.new_context(viewport=viewport, **options)
            context.set_default_timeout(PATIENCE_MS)
            if script:
                context.add_init_script(script)
            page = context.new_page()
            self._key[page] = key
        return page

    def give_back(self, page: Page) -> None:
        """Leaves what the tab shows; with the tabs beside it, which are closed."""
        if page.is_closed() or page in self._idle:
            return
        for other in page.context.pages:
            if other != page:
                other.close()
        page.goto("about:blank")
        self._idle.append(page)
        if len(self._idle) > MOST_IDLE:
            oldest = self._idle.pop(0)
            del self._key[oldest]
            oldest.context.close()
