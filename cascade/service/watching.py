"""Runs to look at: finding one, how far it is, its events as they come."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from cascade.engine.seats import seat_for
from cascade.errors import DatabaseAway, NotAuthenticated, UnknownRun
from cascade.runs import events, reading
from cascade.runs.reading import ENDED, RunView
from cascade.runs.tail import Watch
from cascade.service.access import View, permit
from cascade.service.offers import Cost, cost_of
from cascade.store import calls

FOLLOW_S = 0.05
# How long a database that is away is waited for by whoever follows a run.
FOLLOW_PATIENCE_S = 300.0
# So many events are read at once by a watcher that has fallen behind.
AT_ONCE = 200
# In place of events, for a watcher that is to read them by itself.
BEHIND: Final[Sequence[dict[str, Any]]] = [{}]


class Watching(View):
    """The use cases that read runs."""

    def find_run(self, reference: str) -> str:
        """The id of a run, also from the beginning of one. Raises UnknownRun, AmbiguousRun."""
        with self._reading() as gate:
            return reading.find(gate.session, reference, gate.projects)

    def runs(self, story_id: str | None = None, limit: int | None = None) -> list[RunView]:
        """Runs, newest first; of one story or of all."""
        with self._reading() as gate:
            return reading.newest(gate.session, gate.projects, story_id=story_id, limit=limit)

    def run(self, run_id: str) -> RunView:
        """One run. Raises UnknownRun.

        One that has been cancelling for too long is ended by whoever looks.
        """
        run = self._view(run_id)
        if run.status == "cancelling" and self._house.cancels.seen(run_id):
            return self._view(run_id)
        return run

    def _view(self, run_id: str) -> RunView:
        with self._reading() as gate:
            return reading.run_view(gate.session, gate.run(run_id))

    def active_run(self, story_id: str) -> RunView | None:
        """The run that is at work on a story: there is one at most, whatever others say of time."""
        with self._reading() as gate:
            gate.permit("read", story_id)
            return reading.active_on(gate.session, story_id)

    def events(self, run_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The events of a run with a `seq` above `after`, in order. Raises UnknownRun."""
        with self._reading() as gate:
            gate.run(run_id)
            return events.read(gate.session, run_id, after)

    def has_worker(self) -> bool:
        """Whether anybody executes runs at this moment, in this process or elsewhere."""
        return seat_for(self._house.database).somebody_sits()

    def growing(self, run_id: str) -> Mapping[str, str]:
        """The texts of a run that are being written right now, by step key. Raises UnknownRun."""
        with self._reading() as gate:
            gate.run(run_id)
            return calls.growing(gate.session, run_id)

    def cost(self, run: RunView) -> Cost | None:
        """What a run's calls cost in money; None where no price is set."""
        return cost_of(run.tokens, self._house.settings)

    def follow(
        self,
        run_id: str,
        after: int = 0,
        waiting: Callable[[], None] = lambda: None,
        *,
        asks: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """The events of a run as they are committed, until the one that ends it.

        With `asks` also until it waits for a decision.

        `waiting` is called while there is nothing new, about twenty times a second. A database that
        is away is waited for, as the steps of the run do. Raises UnknownRun, and DatabaseAway after
        some minutes.
        """
        woken = threading.Event()
        with self._house.tail.watch(run_id, self._user_id, wake=woken.set) as watch:
            while True:
                woken.clear()
                news = self._news(watch, after)
                found = self._behind(run_id, after) if news is BEHIND else news
                for event in found or ():
                    after = event["seq"]
                    yield event
                    if events.is_end(event):
                        return
                if found is None or (asks and not found and _waits(watch, after)):
                    return
                if not found:
                    waiting()
                    woken.wait(FOLLOW_S)

    async def stream(
        self,
        run_id: str,
        after: int = 0,
        *,
        token_id: str | None = None,
        silence_s: float = 15.0,
        asks: bool = False,
    ) -> AsyncGenerator[Sequence[dict[str, Any]]]:
        """As `follow` for a coroutine, several events at a time; none after a time of silence.

        With a `token_id` it ends as soon as that token is good for nothing (NotAuthenticated).
        """
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # The loop may be closed by now, and its watcher with it.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        with self._house.tail.watch(run_id, self._user_id, token_id, wake) as watch:
            while True:
                woken.clear()
                news = self._news(watch, after)
                if news is BEHIND:
                    news = await self._house.in_thread(self._behind, run_id, after)
                if news is None or (asks and not news and _waits(watch, after)):
                    return
                if news:
                    after = news[-1]["seq"]
                    yield news
                    if events.is_end(news[-1]):
                        return
                    continue
                try:
                    await asyncio.wait_for(woken.wait(), silence_s)
                except TimeoutError:
                    yield ()

    def _news(self, watch: Watch, after: int) -> Sequence[dict[str, Any]] | None:
        """What is new for a watcher: None where nothing more will be, BEHIND where it is to read.

        Raises UnknownRun, NotAllowed and NotAuthenticated by what the watcher has at that moment.
        """
        glance = watch.glance
        if glance is None:
            return ()
        if glance.is_over:
            return None
        if glance.error is not None:
            is_away = isinstance(glance.error, DatabaseAway)
            if is_away and time.monotonic() - glance.error_since < FOLLOW_PATIENCE_S:
                return ()
            raise glance.error
        if not glance.has_token:
            raise NotAuthenticated
        role = glance.roles.get(glance.project_id)
        if glance.status is None or (self._actor is not None and role is None):
            raise UnknownRun(watch.run_id)
        permit(self._actor, role, "read")
        found = watch.after(after)
        if found is None:
            return BEHIND
        return None if not found and glance.status in ENDED else found

    def _behind(self, run_id: str, after: int) -> Sequence[dict[str, Any]]:
        """The next events of a run for a watcher that is further behind than the tail keeps."""
        with self._reading() as gate:
            gate.run(run_id)
            return events.read(gate.session, run_id, after, limit=AT_ONCE)

    @property
    def _user_id(self) -> str | None:
        return self._actor.user_id if self._actor is not None else None


def _waits(watch: Watch, seen: int) -> bool:
    """Whether a watched run waits for a decision, and all that it has told has been seen."""
    glance = watch.glance
    is_known = glance is not None and glance.last_seq <= seen
    return glance is not None and is_known and glance.status == "awaiting_approval"
