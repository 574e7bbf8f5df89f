"""The way to a model server: sends a prompt, gets the pieces of the answer, explains failures."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from cascade.llm import faults
from cascade.llm.abilities import KNOWN, Abilities, Wishes, learn
from cascade.llm.prompting import Prompt
from cascade.llm.provider import ProviderError
from cascade.llm.replies import Reply, documents, is_stream, parsed, read_whole
from cascade.llm.transport import Client, check_key
from cascade.llm.wordings import cause_of, kept_no_form, words_of

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_LONGEST_CONNECT_S = 10.0
# Once the model says it has finished, the text is whole: only the token counts may still come.
_AFTER_THE_END_S = 2.0
_MOST_BYTES_OF_A_LIST = 8_000_000
# The path of an address that leads to a version of the protocol, as nearly all servers have it.
_VERSION = re.compile(r"/v\d")
_CHARACTERS_A_TOKEN = 3
_END = object()


class Server:
    """One model at one address; a request a call, asked again only for less.

    `base_url` None means OpenAI's own; `api_key` None is for servers that want none; `timeout_s`
    is for a whole call.
    """

    def __init__(
        self,
        *,
        model: str,
        api_key: str | None,
        base_url: str | None,
        timeout_s: float,
        wishes: Wishes,
    ) -> None:
        self.model = model
        self._api_key = (api_key or "").strip()
        # Always explicit: left out, the client would read OPENAI_BASE_URL, even an empty one.
        self._base_url, self._headers = _without_credentials(base_url or DEFAULT_BASE_URL)
        self._timeout_s = timeout_s
        self._wishes = wishes
        # Connections belong to the event loop they were made in.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = (
            WeakKeyDictionary()
        )

    @property
    def host(self) -> str:
        """Where the model is asked, without a path or credentials; for people to read."""
        return urlsplit(self._base_url).netloc or "the address"

    @property
    def server(self) -> str | None:
        """The same, for who asks any writer to where texts go."""
        return self.host

    @property
    def abilities(self) -> Abilities:
        """What the server can do with the model, so far as it has been asked."""
        return KNOWN.get(self._key, Abilities())

    @property
    def _key(self) -> tuple[str, str]:
        return self._base_url, self.model

    async def close(self) -> None:
        """Gives back the connections made in the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def client(self) -> AsyncOpenAI:
        """The client for the running event loop. Raises ProviderError where none can be made."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            check_key(self._api_key)
            self._clients[loop] = AsyncOpenAI(
                # The client insists on a key; a server that wants none does not look at it.
                api_key=self._api_key or "none",
                base_url=self._base_url,
                default_headers=self._headers,
                timeout=httpx2.Timeout(
                    self._timeout_s, connect=min(self._timeout_s, _LONGEST_CONNECT_S)
                ),
                max_retries=0,
                http_client=Client(self._base_url),
            )
        return self._clients[loop]

    async def models(self, timeout_s: float) -> frozenset[str] | None:
        """The ids of the models that the server lists; None where it gives no list."""
        try:
            async with asyncio.timeout(timeout_s):
                listing = self.client().models.with_streaming_response.list()
                async with listing as response:
                    listed: Any = parsed(await read_whole(response, _MOST_BYTES_OF_A_LIST))
            return frozenset(str(model["id"]) for model in listed["data"])
        except Exception:
            # Many servers have no list, and some a broken one; a call says what is wrong.
            return None

    async def pieces(
        self, prompt: Prompt, name: str, reply: Reply, words: int
    ) -> AsyncGenerator[str, None]:
        """The pieces of the model's answer as they come; leaving closes the connection.

        The answer is to be the text under the property `name`, of at most so many `words`.
        """
        now = asyncio.get_running_loop().time
        self.client()  # its first making takes a moment that is not the server's
        deadline = now() + self._timeout_s
        async with AsyncExitStack() as held:
            async with asyncio.timeout_at(deadline):
                response, abilities = await self._open(held, prompt, name, words)
            reply.streamed = is_stream(response)
            parts = await held.enter_async_context(aclosing(documents(response)))
            while True:
                # The timeout is never around a yield: it would strike whoever reads.
                try:
                    async with asyncio.timeout_at(deadline):
                        document = await anext(parts, _END)
                except Exception:
                    if reply.ending != "missing":
                        break
                    raise
                if document is _END:
                    break
                piece, failure = "", None
                try:
                    piece = reply.take(document)
                except ProviderError as error:
                    failure = error
                if failure is not None:
                    raise self._reported(reply, abilities) or failure
                if reply.ending != "missing":
                    deadline = min(deadline, now() + _AFTER_THE_END_S)
                if piece:
                    yield piece
        self._learn_from(reply, abilities, words)

    async def _open(
        self, held: AsyncExitStack, prompt: Prompt, name: str, words: int
    ) -> tuple[Any, Abilities]:
        """The response, its body still unread, and what was asked of the server for it.

        Asks again for less where the server wants that.
        """
        began = abilities = self.abilities
        while True:
            request = abilities.request(self.model, prompt, name, words, self._wishes)
            completions = self.client().chat.completions.with_streaming_response
            try:
                response = await held.enter_async_context(completions.create(**request))
            except openai.APIStatusError as error:
                said = words_of(_body(error))
                fewer = abilities.after_refusal(error.status_code, said, request)
                if fewer is None:
                    raise
                abilities = fewer
            else:
                learn(self._key, began, abilities)
                return response, abilities

    def _reported(self, reply: Reply, abilities: Abilities) -> ProviderError | None:
        """What an error in place of an answer tells about the server; None: nothing more."""
        if kept_no_form(reply.reported) and (looser := abilities.after_invalid()):
            learn(self._key, abilities, looser)
        if cause_of(reply.reported) == "address":
            return faults.bad_address(self.host)
        return None

    def _learn_from(self, reply: Reply, abilities: Abilities, words: int) -> None:
        """Remembers what the end of an answer tells about the server."""
        if reply.ending == "limit":
            used = reply.usage.completion_tokens
            if used is None:
                used = reply.length // _CHARACTERS_A_TOKEN
            learn(self._key, abilities, abilities.after_cut(words, used))
        elif abilities.invalid:
            learn(self._key, abilities, replace(abilities, invalid=0))

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
                return self._explain_status(error)
            case httpx2.InvalidURL():
                return faults.bad_address(self.host)
            case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
                if isinstance(error.__cause__, httpx2.ProxyError):
                    # "503 …" from the proxy itself may pass; "407 …" does not.
                    return faults.bad_proxy(retryable=str(error.__cause__).startswith("5"))
                return ProviderError(
                    "connection",
                    f"The model server at {self.host} cannot be reached, or it broke the "
                    "connection. Check the network and OPENAI_BASE_URL.",
                    fields={"host": self.host},
                    retryable=True,
                )
            case openai.APIError():
                return faults.from_body(error.body)
            case _ if self._has_version:
                return faults.bad_answer("unreadable", host=self.host)
            case _:
                return faults.bad_address(self.host)

    def _explain_status(self, error: openai.APIStatusError) -> ProviderError:
        status, body = error.status_code, _body(error)
        if status < 400:
            return faults.redirected(self.host)
        if status in (404, 405, 501):
            cause = cause_of(words_of(body))
            if cause == "address" or (cause is None and not self._has_version):
                return faults.bad_address(self.host)
        return faults.from_status(status, body, error.response.headers)

    @property
    def _has_version(self) -> bool:
        return _VERSION.search(urlsplit(self._base_url).path) is not None


def _body(error: openai.APIStatusError) -> object:
    """An error's body as it came: as JSON where it is, else as text."""
    text = error.response.text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _without_credentials(base_url: str) -> tuple[str, dict[str, str]]:
    """The address without a user and password in it, and the header that carries them instead.

    Left in, they would stand in the HTTP client's log.
    """
    address = base_url.strip().rstrip("/").removesuffix("/chat/completions")
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return parts.geturl(), {}
    token = base64.b64encode(unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {token}"}
