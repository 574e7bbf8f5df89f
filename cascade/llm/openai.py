"""The writer behind OpenAI, and behind every server that speaks its chat completions."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from cascade.llm.checks import check, is_refusal
from cascade.llm.faults import bad_answer, from_body, from_status
from cascade.llm.flaws import Flaw, rejected
from cascade.llm.prompting import Prompt, prompt_version, render
from cascade.llm.provider import Answer, Delta, ProviderError
from cascade.llm.replies import Reply, documents, is_stream
from cascade.llm.structured import (
    FORMS,
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
class Abilities:
    """What a server can do with a model, so far as it has not said otherwise."""

    form: Form = "json_schema"
    streams: bool = True
    counts: bool = True  # knows stream_options

    def after(self, error: openai.APIStatusError) -> Abilities | None:
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
_KNOWN: dict[tuple[str, str], Abilities] = {}


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
        self._base_url, self._headers = _without_credentials(base_url or DEFAULT_BASE_URL)
        self._timeout_s = timeout_s
        # Connections belong to the event loop they were made in.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = (
            WeakKeyDictionary()
        )

    @property
    def host(self) -> str:
        """Where the model is asked, without a path or credentials; for people to read."""
        return urlsplit(self._base_url).netloc or "the address"

    @property
    def abilities(self) -> Abilities:
        """What the server can do with the model, so far as it has been asked."""
        return _KNOWN.get((self._base_url, self.model), Abilities())

    async def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Streams one text: Deltas as it grows, then the Answer, which alone is authoritative.

        Raises ProviderError; RejectedText for an answer that fails `checks.check`.
        """
        prompt = render(brief, complaint)
        name = PROPERTY[brief.kind]
        growing, reply = Growing(name), Reply()
        text = ""
        flaw: Flaw | None = None
        failure: ProviderError | None = None
        try:
            async with aclosing(self.pieces(prompt, name, reply)) as pieces:
                async for piece in pieces:
                    if shown := growing.feed(piece):
                        yield Delta(shown)
            text = pick(reply.whole(), name)
        except AnswerError as error:
            text, flaw = error.text, Flaw(error.flaw)
            if is_refusal(text):
                flaw = Flaw("refusal")
        # Not only openai.OpenAIError: from malformed answers the SDK lets JSONDecodeError,
        # AttributeError, TypeError and more through.
        except Exception as error:
            failure = self.explain(error)
        model = reply.model or self.model
        # Raised out here so that what the SDK said (it may quote the prompt or the key) is not
        # its context.
        if failure is not None:
            failure.usage, failure.model = reply.usage, model
            raise failure
        # In a thread: it compares long texts word by word, and the first loads a language model.
        flaw = flaw or await asyncio.to_thread(check, brief, text)
        if flaw is not None:
            raise rejected(
                flaw,
                text,
                brief.language,
                prompt_hash=prompt.hash,
                usage=reply.usage,
                model=model,
            )
        yield Answer(
            text=text,
            finish_reason=reply.finish_reason,
            model=model,
            prompt_hash=prompt.hash,
            usage=reply.usage,
        )

    async def close(self) -> None:
        """Gives back the connections made in the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def client(self) -> AsyncOpenAI:
        """The client for the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = AsyncOpenAI(
                # The client insists on a key; a server that wants none does not look at it.
                api_key=self._api_key or "none",
                base_url=self._base_url,
                default_headers=self._headers,
                timeout=httpx2.Timeout(
                    self._timeout_s, connect=min(self._timeout_s, _LONGEST_CONNECT_S)
                ),
                max_retries=0,
            )
        return self._clients[loop]

    async def models(self, timeout_s: float) -> frozenset[str] | None:
        """The ids of the models that the server lists; None where it gives no list."""
        try:
            async with asyncio.timeout(timeout_s):
                raw = await self.client().models.with_raw_response.list()
            return frozenset(str(model["id"]) for model in json.loads(raw.content)["data"])
        except Exception:
            # Many servers have no list, and some a broken one; a call says what is wrong.
            return None

    async def pieces(self, prompt: Prompt, name: str, reply: Reply) -> AsyncGenerator[str, None]:
        """The pieces of the model's answer as they come; leaving closes the connection."""
        now = asyncio.get_running_loop().time
        self.client()  # its first making takes a moment that is not the server's
        deadline = now() + self._timeout_s
        async with AsyncExitStack() as held:
            async with asyncio.timeout_at(deadline):
                response = await self._open(held, prompt, name)
            reply.streamed = is_stream(response)
            parts = await held.enter_async_context(aclosing(documents(response)))
            while True:
                # The timeout is never around a yield: it would strike whoever reads.
                try:
                    async with asyncio.timeout_at(deadline):
                        document = await anext(parts, _END)
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
        abilities = self.abilities
        while True:
            request: dict[str, Any] = {"model": self.model, "messages": prompt.messages}
            if abilities.streams:
                request["stream"] = True
                if abilities.counts:
                    request["stream_options"] = {"include_usage": True}
            if form := response_format(abilities.form, name):
                request["response_format"] = form
            completions = self.client().chat.completions.with_streaming_response
            try:
                response = await held.enter_async_context(completions.create(**request))
            except openai.APIStatusError as error:
                fewer = abilities.after(error)
                if fewer is None:
                    raise
                abilities = fewer
            else:
                _KNOWN[self._base_url, self.model] = abilities
                return response

    def explain(self, error: Exception) -> ProviderError:
        """The ProviderError for whatever went wrong. Nothing a server said is repeated in it."""
        match error:
            case ProviderError():
                return error
            case TimeoutError() | openai.APITimeoutError() | httpx2.TimeoutException():
                return ProviderError(
                    "timeout",
                    f"The model gave no complete answer within {self._timeout_s:g} seconds. "
                    "Try again, or raise CASCADE_TIMEOUT_S.",
                    fields={"seconds": self._timeout_s},
                    retryable=True,
                )
            case openai.APIStatusError():
                return from_status(error.status_code, error.body, error.response.headers)
            case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
                return ProviderError(
                    "connection",
                    f"The model server at {self.host} cannot be reached, or it broke the "
                    "connection. Check the network and OPENAI_BASE_URL.",
                    fields={"host": self.host},
                    retryable=True,
                )
            case openai.APIError():
                return from_body(error.body)
            case _:
                return bad_answer("unreadable", host=self.host)


def _without_credentials(base_url: str) -> tuple[str, dict[str, str]]:
    """The address without a user and password in it, and the header that carries them instead.

    Left in, they would stand in the HTTP client's log.
    """
    parts = urlsplit(base_url.strip().rstrip("/"))
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return parts.geturl(), {}
    token = base64.b64encode(unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {token}"}


_END = object()
