"""The writer behind OpenAI, and behind every server that speaks its chat completions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cascade.llm.abilities import Wishes
from cascade.llm.checks import check, is_refusal
from cascade.llm.flaws import Flaw, rejected
from cascade.llm.growing import Growing
from cascade.llm.languages import load_languages
from cascade.llm.lengths import length_allowed
from cascade.llm.prompting import prompt_version, render
from cascade.llm.provider import Answer, Delta, ProviderError, ProviderName
from cascade.llm.replies import Reply
from cascade.llm.server import Server
from cascade.llm.structured import AnswerError
from cascade.story import kinds
from cascade.story.brief import Brief

# How long picking and checking one answer may take. What is far from any text takes longest.
CHECK_PATIENCE_S = 20.0


class OpenAIWriter(Server):
    """A `Provider` that has a model write, one request a call.

    The codes of its ProviderErrors: `connection`, `timeout`, `rate_limit`, `server_error`,
    `truncated`, `bad_answer` (no chat completion), `bad_output` (a text that may not be saved),
    all retryable, and for good: `quota`, `auth`, `permission`, `not_found`, `too_long`,
    `bad_request`, `refused`, `bad_address`, `redirected`, `bad_key`; `bad_proxy` is either.
    """

    name: ProviderName = "openai"

    def __init__(
        self,
        *,
        model: str,
        api_key: str | None,
        base_url: str | None,
        timeout_s: float,
        temperature: float | None = None,
        effort: str | None = None,
    ) -> None:
        super().__init__(
            model=model,
            api_key=api_key,
            base_url=base_url,
            timeout_s=timeout_s,
            wishes=Wishes(temperature, effort),
        )
        self.prompt_version = prompt_version()

    async def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Streams one text: Deltas as it grows, then the Answer, which alone is authoritative.

        Raises ProviderError; RejectedText for an answer that fails `checks.check`.
        """
        prompt = render(brief, complaint)
        name = kinds.row(brief.kind).answer
        _, words = length_allowed(brief)
        growing, reply = Growing(name), Reply()
        text = ""
        flaw: Flaw | None = None
        failure: ProviderError | None = None
        try:
            async with aclosing(self.pieces(prompt, name, reply, words)) as pieces:
                async for piece in pieces:
                    if shown := growing.feed(piece):
                        yield Delta(shown)
            text, flaw = await _judged(brief, reply, name)
        except AnswerError as error:  # of an answer without end
            text, flaw = error.text, _flaw_of(error)
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
            finish_reason=reply.finish_reason or "stop",
            model=model,
            prompt_hash=prompt.hash,
            usage=reply.usage,
        )


async def _judged(brief: Brief, reply: Reply, name: str) -> tuple[str, Flaw | None]:
    """The text of a whole answer, and why it may not be saved. Raises ProviderError.

    In a thread, and not for ever: whatever a text does to the work on it, it stops nobody else.
    """

    def judge() -> tuple[str, Flaw | None]:
        try:
            text = reply.text(name)
        except AnswerError as error:
            return error.text, _flaw_of(error)
        return text, check(brief, text)

    # Once a process, and on a busy machine for many seconds: no fault of the text.
    await asyncio.to_thread(load_languages)
    try:
        async with asyncio.timeout(CHECK_PATIENCE_S):
            return await asyncio.to_thread(judge)
    except TimeoutError:
        return "", Flaw("unchecked")


def _flaw_of(error: AnswerError) -> Flaw:
    return Flaw("refusal" if is_refusal(error.text) else error.flaw)
