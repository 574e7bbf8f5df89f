"""The entry point: settings, database, engine and the page, in one process.

`streamlit run app.py` serves it; so does any ASGI server, as `app:app`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Service
from cascade.settings import load_settings
from cascade.ui.curve import routes
from cascade.ui.session import provide
from cascade.ui.studio import draw_studio  # noqa: F401 - the page, read before it is first asked for


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Opens the service, executes runs while the server lives, and gives everything back."""
    async with AsyncExitStack() as stack:
        try:
            settings = load_settings()
            service = await asyncio.to_thread(Service, settings)
            stack.callback(service.close)
            if settings.worker == "embedded":
                # Entered in a thread of its own, so that no run ends up on the server's loop.
                executing = service.executing()
                await asyncio.to_thread(executing.__enter__)
                stack.push_async_callback(asyncio.to_thread, executing.__exit__, None, None, None)
        except CascadeError as error:
            _stop(error)
        provide(service)
        stack.callback(provide, None)
        # Streamlit collects garbage after every run of the script, and no answer leaves meanwhile.
        # What is there now stays anyhow; out of the collector's sight it costs it nothing.
        await asyncio.to_thread(gc.collect)
        gc.freeze()
        yield


def _stop(error: CascadeError) -> None:
    # Raised through the server, it would come out as several tracebacks around one sentence.
    print(f"Error: {error.message}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(error.exit_code)


app = st.App("cascade/ui/main.py", lifespan=lifespan, routes=routes())
