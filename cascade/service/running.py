"""Starting a run, resuming one, and stopping it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from cascade.errors import StalePlan
from cascade.runs import lifecycle as runs
from cascade.runs import writers
from cascade.runs.reading import Run, RunStatus
from cascade.service.access import Gate
from cascade.service.planning import Planning
from cascade.service.watching import Watching
from cascade.store import accounts
from cascade.store.accounts import Actor
from cascade.story.plan import Plan


class Running(Planning, Watching):
    """The orders about runs."""

    _actor: Actor

    def start(self, plan: Plan) -> str:
        """Starts a run of a plan; the run's id. Returns as soon as it is written and queued.

        Raises NothingChanged, WriterNotAllowed, StalePlan, RunActive, BudgetExceeded,
        InsufficientCredits: then nothing changed.
        """
        if plan.prompt_version != self._house.provider.prompt_version:
            raise StalePlan("the writer", cause="writer")
        with self._starting() as gate:
            project_id = gate.lock_story(plan.story_id, "start")
            return self._start(gate, plan, project_id)

    def resume(self, run_id: str) -> str:
        """Starts a new run of what a cancelled or failed run left undone; its id.

        It does what `offer_to_resume` says, for that price. Texts that were accepted along the way
        and are not saved yet stay accepted. Raises NotResumable, and what `start` raises.
        """
        return self._resume(run_id, None)

    def accept(self, run_id: str, step_key: str) -> str:
        """Resumes a run with a text that a check rejected, saved and charged as it is; its id.

        Raises NotResumable, and what `start` raises.
        """
        return self._resume(run_id, step_key)

    def _resume(self, run_id: str, accepted_key: str | None) -> str:
        with self._starting() as gate:
            return self._start_rest(gate, run_id, accepted_key)

    def _starting(self) -> AbstractContextManager[Gate]:
        """A transaction that starts a run; what is long in coming has come before it begins."""
        self._house.get_ready()
        return self._writing()

    def _start_rest(self, gate: Gate, run_id: str, accepted_key: str | None) -> str:
        run = gate.lock_run(run_id, "resume")
        project_id = gate.lock_story_of(run, "resume")
        plan = self._rest(gate, run_id).plan
        accepted = runs.accepted_so_far(gate.session, run)
        if accepted_key is not None:
            accepted[accepted_key] = runs.rejected_call(gate.session, run, plan, accepted_key)
        return self._start(gate, plan, project_id, run, accepted)

    def _start(
        self,
        gate: Gate,
        plan: Plan,
        project_id: str,
        resumed_from: Run | None = None,
        accepted: Mapping[str, int] | None = None,
    ) -> str:
        writers.permit(gate.session, project_id, self._house.provider)
        account = accounts.open_account(gate.session, self._actor, project_id)
        return runs.start(
            gate.session,
            plan,
            user_id=self._actor.user_id,
            account_id=account.id,
            provider=self._house.provider.name,
            model=self._house.provider.model,
            server=self._house.provider.server,
            enqueue=self._house.queue.enqueue,
            resumed_from=resumed_from,
            accepted=accepted,
        )

    def cancel(self, run_id: str) -> RunStatus:
        """Asks a run to stop; the status it has then. Nothing of it is saved from now on."""
        database = self._house.database
        with self._writing() as gate:
            gate.lock_run(run_id, "cancel")
            status = runs.cancel(gate.session, run_id)
        if status != "cancelling":
            return status
        # Whoever executes it may hang.
        self._house.cancels.asked(run_id)
        if not self.has_worker():
            # Or be dead, and nobody else is there to end it.
            database.transact(runs.finish_cancelled, run_id)
            return self.run(run_id).status
        return status
