"""What a run wrote, and the way back: for one text or for the whole run."""

from __future__ import annotations

from cascade.runs import restore
from cascade.runs.reading import Run
from cascade.runs.restore import Replaced
from cascade.service.access import Gate, View
from cascade.store.accounts import Actor


class Replacements(View):
    """What runs wrote, to compare."""

    def replaced(self, run_id: str) -> list[Replaced]:
        """What a run wrote, piece by piece: the text before and the text it wrote."""
        with self._reading() as gate:
            return restore.replaced(gate.session, gate.run(run_id))


class Undoing(Replacements):
    """The orders that put back what a run replaced."""

    _actor: Actor

    def restore_piece(self, run_id: str, key: str) -> None:
        """Puts back the text that a run replaced. Raises EditedSince, RunActive."""
        with self._writing() as gate:
            run = _locked(gate, run_id)
            restore.restore_piece(gate.session, run, key, self._actor.user_id)

    def restore_run(self, run_id: str) -> list[str]:
        """Puts back every text and level a run changed. Raises EditedSince, RunActive."""
        with self._writing() as gate:
            run = _locked(gate, run_id)
            return restore.restore_run(gate.session, run, self._actor.user_id)


def _locked(gate: Gate, run_id: str) -> Run:
    run = gate.lock_run(run_id, "restore")
    gate.lock_story_of(run, "restore")
    return run
