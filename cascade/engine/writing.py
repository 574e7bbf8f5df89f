"""A step's text: the one place that asks a provider, with limits, retries and abort on cancel."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    MutableMapping,
    Sequence,
)
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter

from cascade.errors import DatabaseAway, DatabaseRejection, Reason
from cascade.llm.provider import Answer, Delta, Provider, ProviderError, RejectedText, Usage
from cascade.runs import steps
from cascade.runs.steps import Assignment, Outcome, Written
from cascade.store import calls
from cascade.store.calls import Call, CallOutcome
from cascade.store.database import Database
from cascade.story.brief import Brief

MAX_ATTEMPTS = 4
# What passes by itself (a limit of calls a minute, a model that is loading) is waited for until
# this long after it began, however many attempts that takes.
PASSING_PATIENCE_S = 60.0
# A text that a check rejects is asked for once more, with the reason.
MAX_REJECTIONS = 2
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
# How often a run whose steps wait for something is looked at: whether it was cancelled.
WATCH_INTERVAL_S = 0.2
# How often watchers are shown how far a text has come.
SHOW_INTERVAL_S = 0.5
CLOSE_PATIENCE_S = 5.0
# How long an aborted call may take to hang up; after that it is left alone.
ABORT_PATIENCE_S = 3.0

# Texts that have been written and not saved yet, by run and step.
Unsaved = MutableMapping[tuple[str, str], Written]

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


class Line:
    """The steps of a group in the order of the plan: so they ask for a place, whoever comes first.

    Where there are fewer places than steps, an editor sees scene after scene being written.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._before = dict(zip(keys, (None, *keys), strict=False))
        self._gone = {key: asyncio.Event() for key in keys}

    async def turn(self, key: str) -> None:
        """Waits until the step before has asked for its place, or has no need of one."""
        before = self._before.get(key)
        if before is not None:
            await self._gone[before].wait()
        self.go(key)

    def go(self, key: str) -> None:
        """Lets the next step of the line have its turn."""
        if key in self._gone:
            self._gone[key].set()


@dataclass(slots=True)
class _Watch:
    """A task that ends when a run no longer wants its texts, and how many of its steps wait."""

    task: asyncio.Task[None]
    waiting: int = 0


@dataclass(slots=True)
class _Attempts:
    """How often a step's text was asked for, and what was wrong with the last one."""

    made: int = 0
    rejections: int = 0
    complaint: str | None = None
    began: float = field(default_factory=time.monotonic)
    passing_since: float | None = None

    def begin(self) -> None:
        self.made += 1
        self.began = time.monotonic()

    def wait_after(self, error: ProviderError) -> float | None:
        """Seconds until the next attempt; None where there is none."""
        if isinstance(error, RejectedText):
            self.rejections += 1
            self.complaint = error.complaint
            return 0.0 if self.rejections < MAX_REJECTIONS else None
        if not error.retryable:
            return None
        left = self._patience_left(error)
        if self.made >= MAX_ATTEMPTS and left <= 0:
            return None
        wait_s = wait_before_retry(error, self.made)
        if self.made >= MAX_ATTEMPTS:
            # Some servers wish for "at once" again and again.
            wait_s = max(wait_s, growing_wait(self.made))
        # The last attempt is made when the time is up, not given up for being a little too late.
        return min(wait_s, left) if left > 0 and error.retry_after is None else wait_s

    def _patience_left(self, error: ProviderError) -> float:
        """Seconds for which what passes by itself is still waited for; 0 for what does not."""
        if not error.passes:
            self.passing_since = None
            return 0.0
        now = time.monotonic()
        if self.passing_since is None:
            self.passing_since = now
        return max(self.passing_since + PASSING_PATIENCE_S - now, 0.0)


class StepWriter:
    """Writes the steps of runs with one provider, under the limits of this process.

    `unsaved` outlives it: a text that comes while the database is away is not asked for again by
    the writer after this one.
    """

    def __init__(
        self, database: Database, provider: Provider, limits: Limits, unsaved: Unsaved | None = None
    ) -> None:
        self._database = database
        self.provider = provider
        self._limits = limits
        self._unsaved = {} if unsaved is None else unsaved
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way = 0
        self._lines: dict[str, Line] = {}
        self._watches: dict[str, _Watch] = {}

    @contextmanager
    def line(self, run_id: str, keys: Sequence[str]) -> Iterator[Line]:
        """Has these steps of a run ask for their places in this order for the block."""
        line = self._lines[run_id] = Line(keys)
        try:
            yield line
        finally:
            if self._lines.get(run_id) is line:
                del self._lines[run_id]

    def close(self) -> None:
        """Gives back the provider's idle connections; call it from another thread than the loop's.

        With a call under way nothing is closed: its abort closes what it uses.
        """
        if self._loop is not None and self._loop.is_running() and not self._under_way:
            closed = asyncio.run_coroutine_threadsafe(self.provider.close(), self._loop)
            with suppress(TimeoutError):
                closed.result(CLOSE_PATIENCE_S)

    async def write_step(self, run_id: str, key: str) -> Outcome:
        """One step: look what is there, ask, save. No transaction is open during a call."""
        self._loop = asyncio.get_running_loop()
        self._under_way += 1
        try:
            return await self._write_step(run_id, key)
        finally:
            self._under_way -= 1

    async def _write_step(self, run_id: str, key: str) -> Outcome:
        attempts = _Attempts()
        if (line := self._lines.get(run_id)) is not None:
            await line.turn(key)
        while True:
            async with AsyncExitStack() as stack:
                place = stack.enter_async_context(self._limits.slot())
                try:
                    # Under a limit of calls a minute the wait for a place may be long.
                    await self._while_wanted(run_id, place)
                except Stopped:
                    return "stopped"
                found = await self._transact(steps.announce, run_id, key)
                if not isinstance(found, Assignment):
                    self._unsaved.pop((run_id, key), None)
                    return found
                attempts.begin()
                try:
                    written = found.accepted or self._kept(run_id, key, found.brief)
                    if written is None:
                        asked = self._ask(run_id, key, found.brief, attempts.complaint)
                        answer = await self._while_wanted(run_id, asked)
                        written = self._written(found.brief, answer, attempts)
                except Stopped:
                    call = self._call(attempts, "aborted", Usage())
                    await self._transact(calls.add, run_id, key, call)
                    return "stopped"
                except ProviderError as error:
                    wait_s = attempts.wait_after(error)
                    call = self._failed_call(attempts, error)
                    if wait_s is None:
                        # In the slot still: whoever waits for it must find that one failed.
                        return await self.fail(run_id, key, error.reason, call)
                    retry = (attempts.made, wait_s, error.message, call)
                    await self._transact(steps.report_retry, run_id, key, *retry)
                else:
                    # In the slot too: the save may come upon a conflict.
                    return await self._save(run_id, key, written)
            try:
                await self._while_wanted(run_id, asyncio.sleep(wait_s))
            except Stopped:
                return "stopped"

    async def fail(
        self, run_id: str, key: str, failure: Reason, call: Call | None = None
    ) -> Outcome:
        """Ends a step as failed for good."""
        return await self._transact(steps.fail, run_id, key, failure, call)

    def _written(self, brief: Brief, answer: Answer, attempts: _Attempts) -> Written:
        provider = self.provider
        call = self._call(
            attempts, "saved", answer.usage, model=answer.model, prompt_hash=answer.prompt_hash
        )
        return Written(answer, brief, provider.name, provider.prompt_version, call)

    def _kept(self, run_id: str, key: str, brief: Brief) -> Written | None:
        """The text that came for this brief when it could not be saved, if there is one."""
        kept = self._unsaved.get((run_id, key))
        return kept if kept is not None and kept.brief == brief else None

    async def _save(self, run_id: str, key: str, written: Written) -> Outcome:
        self._unsaved[run_id, key] = written
        try:
            outcome = await self._transact(steps.save, run_id, key, written)
        except DatabaseRejection as error:
            # It would be refused however often it is tried: the step ends with the reason.
            self._unsaved.pop((run_id, key), None)
            call = replace(
                written.call, outcome="failed", code=error.code, error_fields=error.fields
            )
            return await self.fail(run_id, key, error.reason, None if written.counted else call)
        self._unsaved.pop((run_id, key), None)
        if outcome != "saved" and not written.counted:
            # Nobody wants the text any more; its tokens were used all the same.
            unsaved = replace(written.call, outcome="aborted")
            await self._transact(calls.add, run_id, key, unsaved)
        return outcome

    async def _ask(self, run_id: str, key: str, brief: Brief, complaint: str | None) -> Answer:
        """One attempt: reads the provider's stream to its end. Raises ProviderError."""
        answer: Answer | None = None
        text, shown = "", time.monotonic()
        async with aclosing(self.provider.write(brief, complaint)) as stream:
            async for part in stream:
                if isinstance(part, Answer):
                    answer = part
                elif isinstance(part, Delta):
                    text += part.text
                    if time.monotonic() - shown > SHOW_INTERVAL_S:
                        await self._database.in_thread(self._show, run_id, key, text)
                        shown = time.monotonic()
        if answer is None:
            raise ProviderError(
                "no_answer", "The writer ended without a text. Try again.", retryable=True
            )
        return answer

    async def _while_wanted(self, run_id: str, work: Awaitable[T]) -> T:
        """The result of `work`, unless the run is cancelled first: then it is aborted.

        Raises Stopped when aborted, and whatever `work` raises.
        """
        task = asyncio.ensure_future(work)
        try:
            with self._watched(run_id) as unwanted:
                either = {task, unwanted}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            unwanted.result()
            raise Stopped
        finally:
            if not task.done():
                task.cancel()
                # Wait for the connection to be closed, though not for ever.
                await asyncio.wait({task}, timeout=ABORT_PATIENCE_S)
                task.add_done_callback(_forget)

    @contextmanager
    def _watched(self, run_id: str) -> Iterator[asyncio.Task[None]]:
        """The watch on a run for the block: one, however many of its steps wait."""
        watch = self._watches.get(run_id)
        if watch is None:
            watch = _Watch(asyncio.create_task(self._until_unwanted(run_id)))
            self._watches[run_id] = watch
        watch.waiting += 1
        try:
            yield watch.task
        finally:
            watch.waiting -= 1
            if not watch.waiting:
                watch.task.cancel()
                del self._watches[run_id]

    async def _until_unwanted(self, run_id: str) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            if not await self._database.in_thread(self._is_wanted, run_id):
                return

    def _is_wanted(self, run_id: str) -> bool:
        try:
            with self._database.read() as session:
                return steps.is_wanted(session, run_id)
        except DatabaseAway:
            # The database is away; whether the text is wanted is decided when it is saved.
            return True

    def _show(self, run_id: str, key: str, text: str) -> None:
        # Nothing depends on it: a stream is not kept waiting until the database is back.
        with suppress(DatabaseAway):
            self._database.transact(calls.show_growing, run_id, key, text, patience_s=0)

    async def _transact(self, work: Callable[..., T], *arguments: Any) -> T:
        return await self._database.transact_in_thread(work, *arguments)

    def _failed_call(self, attempts: _Attempts, error: ProviderError) -> Call:
        if isinstance(error, RejectedText):
            return self._call(
                attempts,
                "rejected",
                error.usage,
                code=error.code,
                error_fields=error.fields,
                model=error.model,
                prompt_hash=error.prompt_hash,
                rejected_text=error.text or None,
                reason=error.why,
            )
        return self._call(
            attempts,
            "failed",
            error.usage,
            code=error.code,
            error_fields=error.fields,
            model=error.model,
        )

    def _call(
        self,
        attempts: _Attempts,
        outcome: CallOutcome,
        usage: Usage,
        model: str | None = None,
        **more: Any,
    ) -> Call:
        return Call(
            attempt=attempts.made,
            outcome=outcome,
            provider=self.provider.name,
            model=model or self.provider.model,
            prompt_version=self.provider.prompt_version,
            latency_ms=round((time.monotonic() - attempts.began) * 1000),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            **more,
        )


def _forget(task: asyncio.Future[Any]) -> None:
    """An aborted call's end is of no interest."""
    if not task.cancelled():
        task.exception()


def wait_before_retry(error: ProviderError, attempt: int) -> float:
    """Seconds until the next attempt: the server's own wish up to 60, else a growing wait."""
    if error.retry_after is not None:
        return min(max(error.retry_after, 0.0), LONGEST_WAIT_S)
    return growing_wait(attempt)


def growing_wait(attempt: int) -> float:
    """Exponential with jitter, which takes off a quarter at most, so that each wait is longer."""
    longest = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
    return random.uniform(longest * 3 / 4, longest)
