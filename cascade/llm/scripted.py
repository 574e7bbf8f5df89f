"""A writer that does as it is told: for tests, and for showing what a fault looks like.

It is handed to `Service(settings, provider=ScriptedWriter())`; no setting chooses it, and what it
writes says of itself that no model wrote it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping

from cascade.llm.provider import Answer, Delta, ProviderError, ProviderName, RejectedText, Usage
from cascade.story.brief import Brief


class ScriptedWriter:
    """The Provider by a script: `faults` are raised by the calls for a step, one a call, in order.

    A step is named by its key (`midpoint/script/5`) or by its kind (`script`: then whichever call
    of the kind comes next); with no fault left it writes a fresh text that names the step. `briefs`
    and `complaints` are those of all calls so far, `usage` is what each tells.
    """

    name: ProviderName = "scripted"
    model = "scripted-1"
    server: str | None = None
    prompt_version = "scripted"

    def __init__(
        self,
        faults: Mapping[str, Iterable[ProviderError]] | None = None,
        *,
        usage: Usage | None = None,
    ) -> None:
        self._faults = {step: deque(errors) for step, errors in (faults or {}).items()}
        self.usage = usage or Usage()
        self.briefs: list[Brief] = []
        self.complaints: list[str | None] = []

    def fail(self, step: str, *errors: ProviderError) -> None:
        """Adds faults to the script of a step, by its key or its kind."""
        self._faults.setdefault(step, deque()).extend(errors)

    def forgive(self) -> None:
        """Takes back every fault that is left."""
        self._faults.clear()

    async def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Streams one text, or raises the next fault of its script."""
        self.briefs.append(brief)
        self.complaints.append(complaint)
        key = brief.seed.partition("/")[2]
        for step in (key, brief.kind):
            if faults := self._faults.get(step):
                raise faults.popleft()
        text = f"Scripted, by no model: {brief.seed}."
        yield Delta(text)
        written = hashlib.sha256(f"{brief!r}{complaint}".encode("utf-8", "backslashreplace"))
        yield Answer(text, "stop", self.model, written.hexdigest()[:16], self.usage)

    async def close(self) -> None:
        """Nothing to give back."""


def rejected(text: str, *, usage: Usage | None = None) -> RejectedText:
    """The fault of a text that a check refuses, to put into a script."""
    return RejectedText(
        "The text was not usable: it is too short.",
        flaw="short",
        why="it is too short",
        complaint="it is too short",
        text=text,
        prompt_hash="scripted",
        usage=usage,
        model=ScriptedWriter.model,
    )
