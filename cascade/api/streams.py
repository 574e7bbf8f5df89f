"""Events as a stream: JSON lines or server-sent events, each as soon as it is committed."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Literal

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cascade.errors import CascadeError

log = logging.getLogger("cascade.api")

Form = Literal["application/x-ndjson", "text/event-stream"]
Event = dict[str, Any]

# Proxies close a connection on which nothing comes for a minute or so.
SILENCE_S = 15.0
# A client that splits every piece by itself gets pieces of whole lines, if they are small enough
# not to be cut on their way; one line that is longer goes alone.
MOST_AT_ONCE = 8_192


def form_of(accept: str | None) -> Form:
    """The form that an `Accept` header asks for: JSON lines unless it names the other first."""
    named = [one.partition(";")[0].strip().lower() for one in (accept or "").split(",")]
    known: list[Form] = ["application/x-ndjson", "text/event-stream"]
    return next((form for one in named for form in known if one == form), known[0])


def written(event: Event, form: Form) -> bytes:
    """An event as whole lines, in ASCII."""
    line = json.dumps(event, separators=(",", ":"))
    if form == "text/event-stream":
        return f"id: {event['seq']}\ndata: {line}\n\n".encode("ascii")
    return f"{line}\n".encode("ascii")


def silence(form: Form) -> bytes:
    """A line that says nothing, so that nobody takes the connection for dead."""
    return b":\n\n" if form == "text/event-stream" else b"\n"


def pieces(events: Sequence[Event], form: Form) -> Iterator[bytes]:
    """Events as pieces to send, several in one where they are small."""
    held = b""
    for event in events:
        line = written(event, form)
        if held and len(held) + len(line) > MOST_AT_ONCE:
            yield held
            held = b""
        held += line
    if held:
        yield held


class EventStream(StreamingResponse):
    """A response of events; `batches` are closed, and `left` is called, however it ends."""

    def __init__(
        self,
        batches: AsyncGenerator[Sequence[Event]],
        form: Form,
        run_id: str,
        left: Callable[[], None] = lambda: None,
    ) -> None:
        headers = {
            "X-Run-Id": run_id,
            "Cache-Control": "no-store",
            # A proxy or compressor that gathers pieces would hold up what it gathers.
            "X-Accel-Buffering": "no",
            "Content-Encoding": "identity",
        }
        super().__init__(self._sent(batches, form), headers=headers, media_type=form)
        self._batches = batches
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it all."""
        try:
            async with aclosing(self._batches):
                await super().__call__(scope, receive, send)
        finally:
            self._left()

    @staticmethod
    async def _sent(batches: AsyncGenerator[Sequence[Event]], form: Form) -> AsyncGenerator[bytes]:
        try:
            async for batch in batches:
                if not batch:
                    yield silence(form)
                for piece in pieces(batch, form):
                    yield piece
        except CascadeError as error:
            # The answer has begun: whoever comes back for the rest is told why.
            log.info("a stream ended early: %s", error.code)
