"""Starting a run, resuming one, and stopping it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cascade.errors import StalePlan
from cascade.runs import lifecycle as runs
from cascade.runs import requests, writers
from cascade.runs.lifecycle import Entry
from cascade.runs.reading import Run, RunStatus
from cascade.service.access import Gate
from cascade.service.planning import Planning
from cascade.service.requesting import checked_note
from cascade.service.watching import Watching
from cascade.store import accounts
from cascade.store.accounts import Actor
from cascade.story.plan import Plan


@dataclass(frozen=True, slots=True)
class Wish:
    """What an editor says to a start: whether they want it decided, and a note."""

    ask: bool = False
    note: str | None = None


NO_WISH = Wish()


class Running(Planning, Watching):
    """The orders about runs."""

    _actor: Actor

    def start(self, plan: Plan, *, ask: bool = False, note: str = "") -> str:
        """Starts a run of a plan, or asks for it where that needs a decision or is wished for.

        The run's id; returns as soon as it is written, and queued where it waits for nobody. `note`
        is kept with it. Raises NothingChanged, WriterNotAllowed, StalePlan, RunActive,
        BudgetExceeded, InsufficientCredits, BadField: then nothing changed.
        """
        wish = Wish(ask, checked_note(note))
        if plan.prompt_version != self._house.provider.prompt_version:
            raise StalePlan("the writer", cause="writer")
        with self._starting() as gate:
            project_id = gate.lock_story(plan.story_id, "start")
            return self._start(gate, plan, project_id, wish)

    def resume(self, run_id: str, *, ask: bool = False, note: str = "") -> str:
        """Starts a new run of what a cancelled or failed run left undone, or asks for it; its id.

        It does what `offer_to_resume` says, for that price. Texts that were accepted along the way
        and are not saved yet stay accepted. Raises NotResumable, and what `start` raises.
        """
        return self._resume(run_id, None, Wish(ask, checked_note(note)))

    def accept(self, run_id: str, step_key: str, *, ask: bool = False, note: str = "") -> str:
        """Resumes a run with a text that a check rejected, saved and charged as it is; its id.

        Raises NotResumable, and what `start` raises.
        """
        return self._resume(run_id, step_key, Wish(ask, checked_note(note)))

    def _resume(self, run_id: str, accepted_key: str | None, wish: Wish) -> str:
        with self._starting() as gate:
            return self._start_rest(gate, run_id, accepted_key, wish)

    def _starting(self) -> AbstractContextManager[Gate]:
        """A transaction that starts a run; what is long in coming has come before it begins."""
        self._house.get_ready()
        return self._writing()

    def _start_rest(
        self, gate: Gate, run_id: str, accepted_key: str | None, wish: Wish = NO_WISH
    ) -> str:
        run = gate.lock_run(run_id, "resume")
        project_id = gate.lock_story_of(run, "resume")
        plan = self._rest(gate, run_id).plan
        accepted = runs.accepted_so_far(gate.session, run)
        if accepted_key is not None:
            accepted[accepted_key] = runs.rejected_call(gate.session, run, plan, accepted_key)
        return self._start(gate, plan, project_id, wish, run, accepted)

    def _start(
        self,
        gate: Gate,
        plan: Plan,
        project_id: str,
        wish: Wish = NO_WISH,
        resumed_from: Run | None = None,
        accepted: Mapping[str, int] | None = None,
    ) -> str:
        writers.permit(gate.session, project_id, self._house.provider)
        account = accounts.open_account(gate.session, self._actor, project_id)
        writer = self._house.provider
        entry = Entry(
            self._actor.user_id, account.id, writer.name, writer.model, writer.server, wish.note
        )
        return requests.admit(
            gate.session,
            plan,
            entry,
            gate.terms(self._actor, project_id, wished=wish.ask),
            self._house.queue.enqueue,
            resumed_from=resumed_from,
            accepted=accepted,
        )

    def cancel(self, run_id: str) -> RunStatus:
        """Asks a run to stop; the status it has then. Nothing of it is saved from now on.

        One that waits for a decision is withdrawn.
        """
        database = self._house.database
        with self._writing() as gate:
            run = gate.lock_run(run_id, "cancel")
            if run.status == "awaiting_approval":
                requests.cancel(gate.session, run, by=self._actor.user_id)
                return run.status
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
