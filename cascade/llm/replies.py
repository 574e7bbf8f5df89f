"""What a model server sends back for one call, taken in piece by piece."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from openai import AsyncStream

from cascade.llm.faults import bad_answer, from_body, refused
from cascade.llm.provider import ProviderError, Usage
from cascade.llm.structured import MOST_CHARACTERS, AnswerError

_MOST_BYTES = 8_000_000


async def documents(response: Any) -> AsyncGenerator[object, None]:
    """The JSON documents of a response: the chunks of a stream, or the one whole answer.

    Goes by what came, not by what was asked for: some servers ignore `stream`.
    """
    if is_stream(response):
        # Chunks as plain JSON (`object`): the SDK's own models are filled in without validation.
        async with await response.parse(to=AsyncStream[object]) as stream:
            async for chunk in stream:
                yield chunk
        return
    body = bytearray()
    async for part in response.iter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            raise AnswerError("endless")
    if body.lstrip().startswith(b"data:"):  # a stream that is not labelled as one
        for line in bytes(body).splitlines():
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield json.loads(data)
    else:
        yield json.loads(body)


def is_stream(response: Any) -> bool:
    """True for a response that comes as a labelled stream."""
    return "event-stream" in response.headers.get("content-type", "").lower()


class Reply:
    """What one call has brought so far, in pieces or whole."""

    def __init__(self) -> None:
        self.finish_reason = ""
        self.model = ""
        self.usage = Usage()
        self.refused = False
        self.streamed = False
        self._content: list[str] = []
        self._length = 0

    def take(self, document: object) -> str:
        """Takes one document in, gives the further content in it."""
        if not isinstance(document, Mapping):
            raise bad_answer("no_completion")
        if document.get("error"):
            raise from_body(document["error"])
        if isinstance(model := document.get("model"), str):
            self.model = model[:200]
        if isinstance(usage := document.get("usage"), Mapping):
            self.usage = _usage(usage)
        choices = document.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return ""
        if reason := choices[0].get("finish_reason"):
            self.finish_reason = str(reason)
        said = choices[0].get("delta") or choices[0].get("message")
        if not isinstance(said, Mapping):
            return ""
        self.refused = self.refused or bool(said.get("refusal"))
        content = said.get("content")
        if not isinstance(content, str):
            return ""
        self._length += len(content)
        if self._length > MOST_CHARACTERS:
            raise AnswerError("endless", "".join(self._content))
        self._content.append(content)
        return content

    def whole(self) -> str:
        """The content, once the model has properly finished. Raises ProviderError if it has not."""
        content = "".join(self._content)
        if self.refused or self.finish_reason == "content_filter":
            raise refused()
        if self.finish_reason == "length":
            raise ProviderError(
                "truncated",
                "The model's answer was cut off at its length limit, so nothing of it was used. "
                "Try again, or use a model with a larger limit (CASCADE_MODEL).",
                # Not hopeless: what went round in circles once seldom does twice.
                retryable=True,
            )
        if not content.strip():
            raise bad_answer("empty")
        if not self.finish_reason:
            raise bad_answer("broken_off")
        if self.finish_reason != "stop":
            raise bad_answer("odd_end")
        return content


def _usage(usage: Mapping[str, Any]) -> Usage:
    def count(value: object) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    details = usage.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=count(usage.get("prompt_tokens")),
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
        completion_tokens=count(usage.get("completion_tokens")),
    )
