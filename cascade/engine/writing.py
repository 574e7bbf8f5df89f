"""The engine's one call to a provider: limits, retries with their countdown, abort on cancel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from aiolimiter import AsyncLimiter

from cascade.llm.provider import Answer, Provider, ProviderError
from cascade.story.brief import Brief

MAX_ATTEMPTS = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
# How often a call in flight, or a wait between two, looks whether its run was cancelled.
WATCH_INTERVAL_S = 0.2

T = TypeVar("T")


class Stopped(Exception):
    """The run no longer wants the text; the call, if one was in flight, was aborted."""


class Limits:
    """How many calls at once, and how many a minute, in this process; who comes too many waits.

    Bound to the event loop that first waits on it.
    """

    def __init__(self, concurrency: int, requests_per_minute: int | None) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._rate = AsyncLimiter(requests_per_minute, 60) if requests_per_minute else None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place for one call."""
        async with self._slots:
            if self._rate is not None:
                await self._rate.acquire()
            yield


def wait_before_retry(error: ProviderError, attempt: int) -> float:
    """Seconds until the next attempt: the server's own wish up to 60, else exponential with jitter.

    "Full jitter" with a floor of half, so that a countdown is worth showing.
    """
    if error.retry_after is not None:
        return min(max(error.retry_after, 0.0), LONGEST_WAIT_S)
    longest = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
    return random.uniform(longest / 2, longest)


async def write(provider: Provider, brief: Brief) -> Answer:
    """One attempt: reads the provider's stream to its end. Raises ProviderError."""
    answer: Answer | None = None
    async with aclosing(provider.write(brief)) as stream:
        async for part in stream:
            if isinstance(part, Answer):
                answer = part
    if answer is None:
        raise ProviderError(
            "no_answer", "The writer ended without a text. Try again.", retryable=True
        )
    return answer


async def while_wanted(work: Awaitable[T], is_wanted: Callable[[], Awaitable[bool]]) -> T:
    """The result of `work`, unless the run is cancelled first: then it is aborted.

    Raises Stopped when aborted, and whatever `work` raises.
    """
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=WATCH_INTERVAL_S)
            if done:
                return task.result()
            if not await is_wanted():
                raise Stopped
    finally:
        if not task.done():
            task.cancel()
            # Wait for the connection to be closed; its end is of no interest.
            await asyncio.gather(task, return_exceptions=True)
