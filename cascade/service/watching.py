"""Runs to look at: finding one, how far it is, its events as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cascade.engine.seats import seat_for
from cascade.errors import DatabaseAway
from cascade.runs import events, reading
from cascade.runs.reading import ACTIVE, RunView
from cascade.service.access import View
from cascade.service.offers import Cost, cost_of
from cascade.store import calls

FOLLOW_S = 0.05
# How long a database that is away is waited for by whoever follows a run.
FOLLOW_PATIENCE_S = 300.0


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
        self, run_id: str, after: int = 0, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any]]:
        """The events of a run as they are committed, until the one that ends it.

        `waiting` is called between two looks, about twenty times a second. A database that is
        away is waited for, as the steps of the run do. Raises UnknownRun, and DatabaseAway after
        some minutes.
        """
        database = self._house.database
        away_since: float | None = None
        while True:
            try:
                ended, found = self._look(run_id, after)
                away_since = None
            except DatabaseAway as error:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > FOLLOW_PATIENCE_S:
                    raise
                database.note_away(error)
                ended, found = False, []
            for event in found:
                after = event["seq"]
                yield event
                if events.is_end(event):
                    return
            if ended:
                return
            waiting()
            time.sleep(FOLLOW_S)

    def _look(self, run_id: str, after: int) -> tuple[bool, list[dict[str, Any]]]:
        """Whether a run has ended, and what has been said of it since: both of one moment."""
        with self._reading() as gate:
            status = gate.run(run_id).status
            found = events.read(gate.session, run_id, after)
        self._house.database.note_back()
        if status == "cancelling":
            self._house.cancels.seen(run_id)
        return status not in ACTIVE, found
