"""The entry point: settings, database, engine, page and endpoint, in one process.

`streamlit run app.py` serves it; so does any ASGI server, as `app:app`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from threading import Thread, current_thread, main_thread
from typing import Any

import streamlit as st

from cascade.api import Endpoint
from cascade.display import harmless
from cascade.errors import CascadeError, DatabasePooled, Unexpected
from cascade.exits import exit_code
from cascade.service import Service
from cascade.settings import load_settings
from cascade.ui import open_files, signing
from cascade.ui.session import provide
from cascade.ui.studio import curve
from cascade.ui.studio.page import draw_studio  # noqa: F401 - the page, read before it is first asked for


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Opens the service, executes runs while the server lives, and gives everything back."""
    if warning := open_files.allow_many():
        _say(warning)
    async with AsyncExitStack() as stack:
        try:
            settings = load_settings()
            signing.check_setting(st.config.get_option("server.address"))
            service = await asyncio.to_thread(Service, settings)
            stack.callback(service.close)
            if settings.worker == "embedded":
                # Entered in a thread of its own, so that no run ends up on the server's loop.
                executing = service.executing()
                try:
                    await asyncio.to_thread(executing.__enter__)
                except DatabasePooled as error:
                    # The page reads and enqueues all the same; somebody else may execute.
                    _say(error.message)
                else:
                    stack.push_async_callback(
                        asyncio.to_thread, executing.__exit__, None, None, None
                    )
        except CascadeError as error:
            _stop(error)
        except Exception as error:
            logging.getLogger("cascade").error("the start failed", exc_info=error)
            _stop(Unexpected(error))
        provide(service)
        stack.callback(provide, None)
        endpoint.open(service)
        stack.callback(endpoint.close)
        stack.enter_context(_leaving(service))
        # Streamlit collects garbage after every run of the script, and no answer leaves meanwhile.
        # What is there now stays anyhow; out of the collector's sight it costs it nothing.
        await asyncio.to_thread(gc.collect)
        gc.freeze()
        yield


@contextmanager
def _leaving(service: Service) -> Iterator[None]:
    """Ends the streams of events when the process is told to end: the server waits for them."""
    if current_thread() is not main_thread():
        yield
        return

    def leave(number: int, frame: Any) -> None:
        # In a thread: what the signal has interrupted may hold what this waits for.
        Thread(target=service.stop_watching, daemon=True).start()
        before = previous[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def _stop(error: CascadeError) -> None:
    # Raised through the server, it would come out as several tracebacks around one sentence.
    _say(f"Error: {error.message}")
    os._exit(exit_code(error))


def _say(words: str) -> None:
    # Standard error writes what its encoding does not have as escapes; nobody may be there at all.
    if sys.stderr is not None:
        sys.stderr.write(f"{harmless(words)}\n")
        sys.stderr.flush()


endpoint = Endpoint()
app = st.App(
    "cascade/ui/main.py",
    lifespan=lifespan,
    routes=[*endpoint.routes(), *curve.routes()],
    middleware=endpoint.middleware(),
)
