"""What a model server sends back for one call, taken in piece by piece."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Literal

from cascade.llm.faults import bad_answer, from_body, refused
from cascade.llm.picking import pick
from cascade.llm.provider import ProviderError, Usage
from cascade.llm.structured import CONTROL, MOST_CHARACTERS, AnswerError
from cascade.llm.wordings import words_of

_MOST_BYTES = 8_000_000
_MOST_BYTES_A_LINE = 1_000_000
_LONGEST_NAME = 200
_LONGEST_REASON = 40
# What a column for a count can hold; no call uses as many.
_MOST_TOKENS = 2**31 - 1

# Why a model stopped, in the words of many servers: at its limit, by a filter, by a fault. All
# others are an end, "stop" by any name.
_AT_LIMIT = re.compile(
    r"length|max_?(?:\w{1,12}_)?tokens|token_?limit|context_?window", re.IGNORECASE
)
_FILTERED = re.compile(
    r"filter|safety|recitation|blocklist|prohibited|spii|sensitive|guardrail|moderation|refusal"
    r"|policy|risk",
    re.IGNORECASE,
)
_FAULTY = re.compile(
    r"error|abort|cancel|timeout|timed_?out|fail|interrupt|disconnect|malformed"
    r"|insufficient_system_resource",
    re.IGNORECASE,
)
_FINISHED = frozenset(
    {"stop", "stop_sequence", "stop_token", "eos", "eos_token", "end", "end_turn", "endturn"}
    | {"complete", "completed", "done", "finished", "finish", "success", "normal"}
)

Ending = Literal["finished", "missing", "limit", "filter", "error", "odd"]


async def documents(response: Any) -> AsyncGenerator[object, None]:
    """The JSON documents of a response: the chunks of a stream, or the one whole answer.

    Goes by what came, not by what was asked for: some servers ignore `stream`.
    """
    if is_stream(response):
        async for data in _events(response.iter_bytes()):
            yield parsed(data)
        return
    body = await read_whole(response, _MOST_BYTES)
    if body.lstrip().startswith(b"data:"):  # a stream that is not labelled as one
        for line in body.splitlines():
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield parsed(data)
    else:
        yield parsed(body)


async def read_whole(response: Any, most: int) -> bytes:
    """The body of a response. Raises AnswerError where it has more bytes than that."""
    body = bytearray()
    async for part in response.iter_bytes():
        body += part
        if len(body) > most:
            raise AnswerError("endless")
    return bytes(body)


async def _events(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of server-sent events, up to the one that says it was the last."""
    held: list[bytes] = []
    async for line in _lines(parts):
        if line.startswith(b"data:"):
            held.append(line[5:].strip())
            # One document a line, as all servers write it, with or without an empty line between.
            if len(held) == 1 and (held[0] == b"[DONE]" or held[0].endswith(b"}")):
                line = b""
        if not line and held:
            data = b"\n".join(held)
            held.clear()
            if data == b"[DONE]":
                return
            if data:
                yield data
    if data := b"\n".join(held):
        yield data


async def _lines(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    buffer, looked = bytearray(), 0
    async for part in parts:
        buffer += part
        begin = 0
        while (end := buffer.find(b"\n", max(looked, begin))) >= 0:
            yield bytes(buffer[begin:end]).rstrip(b"\r")
            begin = looked = end + 1
        del buffer[:begin]
        looked = len(buffer)
        if looked > _MOST_BYTES_A_LINE:
            raise AnswerError("endless")
    if buffer:
        yield bytes(buffer).rstrip(b"\r")


def parsed(data: bytes) -> object:
    """A JSON document. Raises ValueError. Whole numbers that nobody can mean are None."""
    return json.loads(data, parse_int=lambda digits: int(digits) if len(digits) < 20 else None)


def is_stream(response: Any) -> bool:
    """True for a response that comes as a labelled stream."""
    return "event-stream" in response.headers.get("content-type", "").lower()


class Reply:
    """What one call has brought so far, in pieces or whole. All but its text can be stored."""

    def __init__(self) -> None:
        self.finish_reason = ""
        self.model = ""
        self.usage = Usage()
        self.refused = False
        self.streamed = False
        self.reported = ""  # the words of an error in place of an answer
        self._content: list[str] = []
        self._length = 0
        self._half = ""  # the first half of a character of which the other is still to come

    def take(self, document: object) -> str:
        """Takes one document in, gives the further content in it, of whole characters."""
        if not isinstance(document, Mapping):
            raise bad_answer("no_completion")
        if document.get("error"):
            self.reported = words_of(document["error"])
            raise from_body(document["error"])
        if isinstance(model := document.get("model"), str):
            self.model = storable(model, _LONGEST_NAME)
        if isinstance(usage := document.get("usage"), Mapping):
            self.usage = _newer(self.usage, _usage(usage))
        choices = document.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return ""
        if reason := choices[0].get("finish_reason"):
            self.finish_reason = storable(str(reason)[:200], _LONGEST_REASON)
        said = choices[0].get("delta") or choices[0].get("message")
        if not isinstance(said, Mapping):
            return ""
        self.refused = self.refused or bool(said.get("refusal"))
        return self._take_content(self._text_of(said.get("content")))

    def _text_of(self, content: object) -> str:
        """The content as text; of a list of parts those that are text, not the thoughts."""
        if not isinstance(content, list):
            return content if isinstance(content, str) else ""
        texts = []
        for part in content:
            if isinstance(part, str):
                texts.append(part)
            if not isinstance(part, Mapping):
                continue
            self.refused = self.refused or bool(part.get("refusal"))
            text = part.get("text")
            if isinstance(text, Mapping):
                text = text.get("value")
            if part.get("type", "text") in ("text", "output_text") and isinstance(text, str):
                texts.append(text)
        return "".join(texts)

    def _take_content(self, new: str) -> str:
        content, self._half = self._half + new, ""
        if content and "\ud800" <= content[-1] <= "\udbff":
            content, self._half = content[:-1], content[-1]
        if not content:
            return ""
        self._length += len(content)
        if self._length > MOST_CHARACTERS:
            raise AnswerError("endless", "".join(self._content))
        content = _joined(content)
        self._content.append(content)
        return content.encode("utf-8", "replace").decode()

    @property
    def length(self) -> int:
        """How many characters of content there are."""
        return self._length

    @property
    def ending(self) -> Ending:
        """How the model ended, by the reason that its server gave."""
        reason = self.finish_reason.strip().lower()
        if reason in ("", "null", "none", "unknown"):
            return "missing"
        if reason in _FINISHED:
            return "finished"
        if _FILTERED.search(reason):
            return "filter"
        if _AT_LIMIT.search(reason):
            return "limit"
        return "error" if _FAULTY.search(reason) else "odd"

    def text(self, name: str) -> str:
        """The text under the property `name` of the whole answer.

        A whole object is a whole answer, whatever reason its server gives for the end, unless that
        says limit, filter or fault. Raises ProviderError for those and for an answer that is none,
        AnswerError for a finished one that is not in the form asked for.
        """
        content, ending = "".join(self._content) + self._half, self.ending
        if self.refused or ending == "filter":
            raise refused()
        if ending == "limit":
            raise ProviderError(
                "truncated",
                "The model's answer was cut off at its length limit, so nothing of it was used. "
                "Try again, or use a model with a larger limit (CASCADE_MODEL).",
                # Not hopeless: what went round in circles once seldom does twice.
                retryable=True,
            )
        if ending == "error":
            raise from_body({})
        if not content.strip():
            raise bad_answer("empty")
        text, flawed = "", None
        try:
            text = pick(content, name)
        except AnswerError as error:
            flawed = error
        if flawed is None:
            return text
        if ending == "finished":
            raise flawed
        raise bad_answer("broken_off" if ending == "missing" else "odd_end")


def storable(said: str, most: int) -> str:
    """A server's own word as any database takes it: whole characters, none to control, not long."""
    # Only the beginning is looked at: it may be of any length.
    begun = CONTROL.sub("", said[: 4 * most]).encode("utf-8", "replace").decode()
    return " ".join(begun.split())[:most]


def _joined(content: str) -> str:
    """The same with the halves of each character put together; a half alone stays one."""
    if content.isascii() or not _HALF.search(content):
        return content
    return content.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


_HALF = re.compile("[\ud800-\udfff]")


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(details.get("cached_tokens"))
        if isinstance(details, Mapping)
        else None,
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _newer(old: Usage, new: Usage) -> Usage:
    """What is known after a further count: one of zeros, or of nothing, takes nothing away."""

    def newer(before: int | None, now: int | None) -> int | None:
        return before if now is None or (now == 0 and before) else now

    return Usage(
        prompt_tokens=newer(old.prompt_tokens, new.prompt_tokens),
        cached_tokens=newer(old.cached_tokens, new.cached_tokens),
        completion_tokens=newer(old.completion_tokens, new.completion_tokens),
    )


def _count(value: object) -> int | None:
    """A number of tokens; None for what is none, or none that anybody could mean."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None
