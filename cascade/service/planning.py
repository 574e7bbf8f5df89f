"""What a run would do and cost, before anybody pays: an offer for every way to start one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from cascade.errors import InsufficientCredits
from cascade.runs import budgets, writers
from cascade.runs import lifecycle as runs
from cascade.runs.reading import Run
from cascade.service.access import Gate, View
from cascade.service.house import House
from cascade.service.offers import Offer
from cascade.store import accounts, made, revisions
from cascade.store.accounts import Actor
from cascade.story import stale
from cascade.story.estimate import calls_in_a_row
from cascade.story.plan import Plan, make_plan
from cascade.story.story import Story

# Seconds a call takes, as long as none of the writer's has been seen yet.
UNSEEN_CALL_S = 8.0


class Planning(View):
    """The use cases that answer with an offer. They write nothing."""

    def plan(
        self,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
        *,
        stale_beats: Collection[str] = (),
    ) -> Offer:
        """What new levels would do and cost, and rewriting what is out of date under some beats.

        A beat that is in both is planned whole. Raises UnknownStory, UnknownBeat, BadLevel,
        UnreadablePieces.
        """
        with self._reading() as gate:
            story = gate.story(story_id)
            return self._plan(gate, story, levels, directions, stale_beats)

    def offer_to_resume(self, run_id: str) -> Offer:
        """What is left of a stopped run, and what that costs; accepting a text of it costs no less.

        Raises UnknownRun, UnknownStory, NotResumable where there is nothing to resume, RunActive,
        and StalePlan where that would be refused.
        """
        with self._reading() as gate:
            return self._rest(gate, run_id)

    def _plan(
        self,
        gate: Gate,
        story: Story,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None,
        stale_beats: Collection[str] = (),
    ) -> Offer:
        named: Sequence[str] = ()
        if stale_beats:
            beats = [story.structure.beat(key).key for key in stale_beats]
            named = stale.rewritable(made.out_of_date(gate.session, story), beats)
        version = self._house.provider.prompt_version
        plan = make_plan(story, levels, directions=directions, stale=named, prompt_version=version)
        return self._offer(gate, plan, story.project_id)

    def _rest(
        self, gate: Gate, run_id: str, story: Story | None = None, run: Run | None = None
    ) -> Offer:
        run = run or gate.run(run_id)
        project_id = gate.project(run.story_version_id) if story is None else story.project_id
        plan = runs.plan_to_resume(gate.session, run, story)
        return self._offer(gate, plan, project_id)

    def _offer(self, gate: Gate, plan: Plan, project_id: str) -> Offer:
        payer, needs, available = self._payer(gate), None, 0
        if payer is not None:
            terms = gate.terms(payer, project_id)
            available = terms.own
            with suppress(InsufficientCredits):
                needs = terms.cause(plan.estimated_credits)
        its, writer = gate.rules(project_id), self._house.provider
        return Offer(
            plan,
            available,
            self._expected_seconds(gate, plan),
            budgets.standing(gate.session, project_id, its),
            writer.server,
            not writers.is_allowed(its, writer),
            needs,
        )

    def _payer(self, gate: Gate) -> Actor | None:
        """Whose credits an offer is for: one's own, or of whom the command line acts as."""
        return self._actor or accounts.actor_or_none(gate.session, self._house.settings.user)

    def _expected_seconds(self, gate: Gate, plan: Plan) -> float:
        return seconds_in(gate, self._house)(plan)


def seconds_in(gate: Gate, house: House) -> Callable[[Plan], float]:
    """How long a plan's calls take, by the middle of the writer's last 50."""
    name, model = house.provider.name, house.provider.model
    latency_ms = revisions.usual_latency_ms(gate.session, name, model)
    if latency_ms is not None:
        call_s = latency_ms / 1000
    elif name == "offline":
        call_s = house.settings.offline_delay_ms / 1000
    else:
        call_s = UNSEEN_CALL_S
    return lambda plan: call_s * calls_in_a_row(plan.groups(), house.settings.concurrency)
