"""The writer behind OpenAI, and behind every server that speaks its chat completions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream

from cascade.llm.checks import check
from cascade.llm.faults import bad_answer, bad_output, from_body, from_status, refused
from cascade.llm.prompting import Prompt, prompt_version, render
from cascade.llm.provider import Answer, Delta, ProviderError, Usage
from cascade.llm.structured import (
    FORMS,
    MOST_CHARACTERS,
    PROPERTY,
    AnswerError,
    Form,
    Growing,
    pick,
    response_format,
)
from cascade.story.brief import Brief

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_LONGEST_CONNECT_S = 10.0
# Once the model says it has finished, the text is whole: only the token counts may still come.
_AFTER_THE_END_S = 2.0
_MOST_BYTES = 8_000_000

# Statuses with which servers answer to a part of a request they do not know; llama.cpp's says 500.
_UNKNOWN_PART = frozenset({400, 404, 405, 415, 422, 500, 501})
_ABOUT_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)
_ABOUT_FORM = re.compile(
    r"response_format|json_schema|json_object|structured.?output|grammar|schema", re.IGNORECASE
)
# OpenAI itself refuses streaming of some models to organisations it has not verified.
_ABOUT_STREAM = re.compile(
    r"stream(ing)?\b.{0,80}\b(not (supported|allowed|available)|unsupported|disabled)"
    r"|(verified|not support|unsupported).{0,80}\bstream|'param': 'stream'",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Abilities:
    """What a server can do with a model, so far as it has not said otherwise."""

    form: Form = "json_schema"
    streams: bool = True
    counts: bool = True  # knows stream_options

    def after(self, error: openai.APIStatusError) -> _Abilities | None:
        """What is left after this refusal; None if it is not about an ability."""
        if error.status_code not in _UNKNOWN_PART:
            return None
        said = f"{error} {error.body}"
        if self.streams and self.counts and _ABOUT_USAGE.search(said):
            return replace(self, counts=False)
        if self.form != FORMS[-1] and _ABOUT_FORM.search(said):
            return replace(self, form=FORMS[FORMS.index(self.form) + 1])
        if self.streams and _ABOUT_STREAM.search(said):
            return replace(self, streams=False)
        return None


# By (base URL, model), for the life of the process: a server is asked about an ability once.
_KNOWN: dict[tuple[str, str], _Abilities] = {}


class OpenAIWriter:
    """A `Provider` that has a model write, one request a call.

    `base_url` None means OpenAI's own; `api_key` None is for servers that want none; `timeout_s`
    is for a whole call. The codes of its ProviderErrors: `connection`, `timeout`, `rate_limit`,
    `server_error`, `truncated`, `bad_answer` (no chat completion), `bad_output` (a text that may
    not be saved), all retryable, and for good: `quota`, `auth`, `permission`, `not_found`,
    `too_long`, `bad_request`, `refused`.
    """

    name: Literal["offline", "openai"] = "openai"

    def __init__(
        self, *, model: str, api_key: str | None, base_url: str | None, timeout_s: float
    ) -> None:
        self.model = model
        self.prompt_version = prompt_version()
        self._api_key = (api_key or "").strip()
        # Always explicit: left out, the client would read OPENAI_BASE_URL, even an empty one.
        self._base_url = (base_url or DEFAULT_BASE_URL).strip().rstrip("/")
        self._timeout_s = timeout_s
        # Connections belong to the event loop they were made in.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = (
            WeakKeyDictionary()
        )

    async def write(self, brief: Brief) -> AsyncGenerator[Delta | Answer, None]:
        """Streams one text: Deltas as it grows, then the Answer, which alone is authoritative.

        Raises ProviderError; an answer that fails `checks.check` is one too.
        """
        prompt = render(brief)
        name = PROPERTY[brief.kind]
        growing, reply = Growing(name), _Reply()
        text, failure = "", None
        try:
            async with aclosing(self._pieces(prompt, name, reply)) as pieces:
                async for piece in pieces:
                    if shown := growing.feed(piece):
                        yield Delta(shown)
            text = pick(reply.whole(), name)
        # Not only openai.OpenAIError: from malformed answers the SDK lets JSONDecodeError,
        # AttributeError, TypeError and more through.
        except Exception as error:
            failure = self._explain(error)
        # Raised out here so that what the SDK said (it may quote the prompt or the key) is not
        # its context.
        if failure is not None:
            raise failure
        if reason := check(brief, text):
            raise bad_output(reason)
        yield Answer(
            text=text,
            finish_reason=reply.finish_reason,
            model=reply.model or self.model,
            prompt_hash=prompt.hash,
            usage=reply.usage,
        )

    async def close(self) -> None:
        """Gives back the connections made in the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = AsyncOpenAI(
                # The client insists on a key; a server that wants none does not look at it.
                api_key=self._api_key or "none",
                base_url=self._base_url,
                timeout=httpx2.Timeout(
                    self._timeout_s, connect=min(self._timeout_s, _LONGEST_CONNECT_S)
                ),
                max_retries=0,
            )
        return self._clients[loop]

    async def _pieces(self, prompt: Prompt, name: str, reply: _Reply) -> AsyncGenerator[str, None]:
        """The pieces of the model's answer as they come; leaving closes the connection."""
        now = asyncio.get_running_loop().time
        self._client()  # its first making takes a moment that is not the server's
        deadline = now() + self._timeout_s
        async with AsyncExitStack() as held:
            async with asyncio.timeout_at(deadline):
                response = await self._open(held, prompt, name)
            documents = await held.enter_async_context(aclosing(_documents(response)))
            while True:
                # The timeout is never around a yield: it would strike whoever reads.
                try:
                    async with asyncio.timeout_at(deadline):
                        document = await anext(documents, _END)
                except Exception:
                    if reply.finish_reason == "stop":
                        return
                    raise
                if document is _END:
                    return
                piece = reply.take(document)
                if reply.finish_reason:
                    deadline = min(deadline, now() + _AFTER_THE_END_S)
                if piece:
                    yield piece

    async def _open(self, held: AsyncExitStack, prompt: Prompt, name: str) -> Any:
        """The response, its body still unread; asks again for less where the server wants that."""
        server = (self._base_url, self.model)
        abilities = _KNOWN.get(server, _Abilities())
        while True:
            request: dict[str, Any] = {"model": self.model, "messages": prompt.messages}
            if abilities.streams:
                request["stream"] = True
                if abilities.counts:
                    request["stream_options"] = {"include_usage": True}
            if form := response_format(abilities.form, name):
                request["response_format"] = form
            completions = self._client().chat.completions.with_streaming_response
            try:
                response = await held.enter_async_context(completions.create(**request))
            except openai.APIStatusError as error:
                fewer = abilities.after(error)
                if fewer is None:
                    raise
                abilities = fewer
            else:
                _KNOWN[server] = abilities
                return response

    def _explain(self, error: Exception) -> ProviderError:
        """The ProviderError for whatever went wrong. Nothing a server said is repeated in it."""
        host = urlsplit(self._base_url).hostname or "the address"
        match error:
            case ProviderError():
                return error
            case AnswerError():
                return bad_output(str(error))
            case TimeoutError() | openai.APITimeoutError() | httpx2.TimeoutException():
                return ProviderError(
                    "timeout",
                    f"The model gave no complete answer within {self._timeout_s:g} seconds. "
                    "Try again, or raise CASCADE_TIMEOUT_S.",
                    retryable=True,
                )
            case openai.APIStatusError():
                return from_status(error.status_code, error.body, error.response.headers)
            case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
                return ProviderError(
                    "connection",
                    f"The model server at {host} cannot be reached, or it broke the connection. "
                    "Check the network and OPENAI_BASE_URL.",
                    retryable=True,
                )
            case openai.APIError():
                return from_body(error.body)
            case _:
                return bad_answer(f"what came from {host} was no chat completion")


_END = object()


async def _documents(response: Any) -> AsyncGenerator[object, None]:
    """The JSON documents of a response: the chunks of a stream, or the one whole answer.

    Goes by what came, not by what was asked for: some servers ignore `stream`.
    """
    if "event-stream" in response.headers.get("content-type", "").lower():
        # Chunks as plain JSON (`object`): the SDK's own models are filled in without validation.
        async with await response.parse(to=AsyncStream[object]) as stream:
            async for chunk in stream:
                yield chunk
        return
    body = bytearray()
    async for part in response.iter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            raise AnswerError("the answer is endless")
    if body.lstrip().startswith(b"data:"):  # a stream that is not labelled as one
        for line in bytes(body).splitlines():
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield json.loads(data)
    else:
        yield json.loads(body)


class _Reply:
    """What one call has brought so far, in pieces or whole."""

    def __init__(self) -> None:
        self.finish_reason = ""
        self.model = ""
        self.usage = Usage()
        self._content: list[str] = []
        self._length = 0
        self.refused = False

    def take(self, document: object) -> str:
        """Takes one document in, gives the further content in it."""
        if not isinstance(document, Mapping):
            raise bad_answer("it was no chat completion")
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
            raise AnswerError("the answer is endless")
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
            raise bad_answer("it was empty")
        if not self.finish_reason:
            raise bad_answer("it broke off before its end")
        if self.finish_reason != "stop":
            raise bad_answer("it ended in another way than with a finished text")
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
