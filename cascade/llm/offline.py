"""The writer that needs no key and no network: a pacing edit of the previous text, by rules.

It is no language model and nothing it writes may be passed off as one: every surface that shows
its text shows `label` beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator

from cascade.llm.provider import Answer, Delta, ProviderError, ProviderName
from cascade.story.brief import Brief
from cascade.story.story import Language

_LABELS: dict[Language, str] = {
    "en": "offline draft: a pacing edit, not AI",
    "id": "draf luring: suntingan ritme, bukan AI",
}
_PIECES = 6
# A text as long as one may be takes a few seconds.
_LONGEST_S = 60.0
_BREAK = re.compile(r"\s")


def label(language: Language) -> str:
    """The words that every surface shows beside a text of the offline writer."""
    return _LABELS.get(language, _LABELS["en"])


class OfflineWriter:
    """The Provider without a model. `delay_ms` is how long one call takes, spread over its pieces.

    It obeys no direction (rules cannot) and uses no tokens. `limit_s` is how long rules may take.
    """

    name: ProviderName = "offline"
    model = "offline-pacing-1"
    server: str | None = None
    # Raise it whenever rules or tables change what is written: plans carry it in their hash.
    prompt_version = "offline-2"

    def __init__(self, delay_ms: int = 300, limit_s: float = _LONGEST_S) -> None:
        self._delay_s = max(0, delay_ms) / 1000
        self._limit_s = limit_s

    async def write(
        self,
        brief: Brief,
        complaint: str | None = None,  # noqa: ARG002 - as every writer takes one
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Streams the edited text in a few pieces, then the Answer.

        Rules cannot heed a complaint, and nothing they write is rejected. Raises ProviderError
        (`offline_timeout`) for a text that they do not get through in time.
        """
        try:
            # In a thread: a long text must not hold up who else is waiting.
            async with asyncio.timeout(self._limit_s):
                text = await asyncio.to_thread(_edited, brief)
        except TimeoutError:
            raise ProviderError(
                "offline_timeout",
                f"The offline writer was not done within {self._limit_s:g} seconds. The text is "
                "too long for it: shorten it and resume.",
                fields={"seconds": self._limit_s},
            ) from None
        pieces = _pieces(text)
        for piece in pieces:
            await asyncio.sleep(self._delay_s / len(pieces))
            yield Delta(piece)
        yield Answer(text, "stop", self.model, self._hash(brief))

    async def close(self) -> None:
        """Nothing to give back."""

    def _hash(self, brief: Brief) -> str:
        written = f"{self.prompt_version}\n{brief!r}".encode("utf-8", "backslashreplace")
        return hashlib.sha256(written).hexdigest()[:16]


def _edited(brief: Brief) -> str:
    # Imported here: the rules take a while to make, which a start that writes nothing need not pay.
    from cascade.llm.pacing import edited

    return edited(brief)


def _pieces(text: str) -> list[str]:
    """The text in a few pieces of about the same length, cut before whitespace."""
    size = -(-len(text) // _PIECES)
    pieces: list[str] = []
    start = 0
    while start < len(text):
        found = _BREAK.search(text, min(start + size, len(text)), min(start + size + 40, len(text)))
        end = found.start() if found else min(start + size, len(text))
        pieces.append(text[start:end])
        start = end
    return pieces
