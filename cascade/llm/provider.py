"""What a writer is: it streams the text for one brief, can be aborted, and reports what it used."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cascade.errors import Explained, Reason
from cascade.story.brief import Brief


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; None where the server did not say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A further piece of the text, as it grows."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The finished text, last in the stream."""

    text: str
    finish_reason: str
    model: str
    prompt_hash: str
    usage: Usage = Usage()


# `scripted` does as a test says (`cascade.llm.scripted`); no setting chooses it.
ProviderName = Literal["offline", "openai", "scripted"]


class Provider(Protocol):
    """One writer of texts."""

    name: ProviderName
    model: str
    prompt_version: str

    @property
    def server(self) -> str | None:
        """The server to which texts go, as people name it; None where they go nowhere."""
        ...

    def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Streams one text: any number of Delta, then exactly one Answer.

        `complaint` says what was wrong with the last text for this brief (`RejectedText` has it).
        Closing the generator, or cancelling the task that reads it, aborts the call and closes
        its connection. One attempt a call: whoever reads decides about retries.
        Raises ProviderError; nothing else for anything a server does.
        """
        ...

    async def close(self) -> None:
        """Gives back connections."""
        ...


class ProviderError(Explained):
    """A call that brought no usable text.

    `reason` is for the editor: what happened and what to do.
    `retryable`: the same call may succeed later; `retry_after` is the server's own wish in
    seconds, if it had one; `passes`: it is over by itself, mostly within a minute, so that it is
    worth more attempts than a fault is. `usage` and `model` are what the server told before it
    failed; such tokens are paid for all the same.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        fields: Mapping[str, Any] | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        passes: bool = False,
        usage: Usage | None = None,
        model: str | None = None,
    ) -> None:
        super().__init__(Reason(code, message, dict(fields or {})))
        self.retryable = retryable
        self.retry_after = retry_after
        self.passes = passes
        self.usage = usage or Usage()
        self.model = model

    @property
    def code(self) -> str:
        """The reason for programs."""
        return self.reason.code


class RejectedText(ProviderError):
    """A whole answer whose text did not pass the checks; to be asked for once more.

    `text` is that text, for the editor to see, copy or accept (empty where none could be made
    out); it is in no message. `flaw` names the check for programs, `details` are what its sentence
    is made of besides, `why` says it in English as half a sentence, `complaint` in the story's
    language and, for the writer alone, with the names it is about: hand it to the next `write`.
    """

    def __init__(
        self,
        message: str,
        *,
        flaw: str,
        details: Mapping[str, Any] | None = None,
        why: str,
        complaint: str,
        text: str,
        prompt_hash: str,
        usage: Usage | None = None,
        model: str | None = None,
    ) -> None:
        fields = {"cause": flaw, **(details or {})}
        super().__init__(
            "bad_output", message, fields=fields, retryable=True, usage=usage, model=model
        )
        self.flaw = flaw
        self.why = why
        self.complaint = complaint
        self.text = text
        self.prompt_hash = prompt_hash
