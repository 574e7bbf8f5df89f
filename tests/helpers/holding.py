"""The offline writer, whose calls of a kind wait for as long as a test holds them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator

from cascade.llm.offline import OfflineWriter
from cascade.llm.provider import Answer, Delta
from cascade.story.brief import Brief
from cascade.story.kinds import Kind


class HeldWriter(OfflineWriter):
    """A writer that holds nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__(0)
        self._kind: Kind | None = None
        self._has_begun = threading.Event()

    def hold(self, kind: Kind) -> None:
        """Keeps every call for a text of that kind waiting until `release`."""
        self._kind = kind

    def wait(self) -> None:
        """Waits until such a call has begun: the run is in it until it is released."""
        assert self._has_begun.wait(120), f"no {self._kind} was asked for"

    def release(self) -> None:
        """Lets the calls held go on."""
        self._kind = None

    async def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Writes as the offline writer does, once it may."""
        while brief.kind == self._kind:
            self._has_begun.set()
            await asyncio.sleep(0.01)
        async for part in super().write(brief, complaint):
            yield part
