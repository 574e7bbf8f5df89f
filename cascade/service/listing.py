"""All runs of one's projects in a list, narrowed by what is asked for, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cascade.runs import listing
from cascade.runs.listing import RunFilter, RunLine
from cascade.runs.record import RunRecord, record
from cascade.service.access import View
from cascade.service.offers import Cost, cost_of
from cascade.store import books, stories


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Runs, the newest first, a chain as one; `is_more` where there are older ones.

    `titles` are what stories are called by their ids, `users` what people are by their names: both
    can be asked for.
    """

    lines: tuple[RunLine, ...]
    is_more: bool
    titles: Mapping[str, str]
    users: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunInFull:
    """All that is known of a run; `title` is what its story is called, None where that is no more.

    `cost` is what its chain's calls cost, None where no price is set.
    """

    record: RunRecord
    title: str | None
    cost: Cost | None


class Listing(View):
    """The use cases of seeing all runs of one's projects, and all of one."""

    def all_runs(
        self, asked: RunFilter | None = None, before: str | None = None, most: int = 100
    ) -> RunsPage:
        """The newest runs that are asked for; with `before` those older than that run.

        Raises NotAllowed for whoever is in no project.
        """
        with self._reading() as gate:
            gate.permit_somewhere("read")
            asked = asked or RunFilter()
            told = stories.summaries(gate.session, gate.projects)
            words = (asked.text or "").casefold()
            found = listing.lines(
                gate.session,
                gate.projects,
                asked,
                [one.id for one in told if words and words in one.title.casefold()],
                before=before,
                most=most + 1,
            )
            # Who starts a run pays it: whoever has an account may have started one.
            paying = books.accounts_of(gate.session, gate.projects, None, (), {})
            return RunsPage(
                tuple(found[:most]),
                len(found) > most,
                {one.id: one.title for one in told},
                {one.user: one.display_name for one in paying if one.user},
            )

    def run_in_full(self, run_id: str) -> RunInFull:
        """One run with its plan, requests, steps, attempts and receipt. Raises UnknownRun."""
        with self._reading() as gate:
            found = record(gate.session, gate.run(run_id), datetime.now(UTC))
            title = stories.title_of(gate.session, found.run.story_id, gate.projects)
            return RunInFull(found, title, cost_of(found.tokens, self._house.settings))
