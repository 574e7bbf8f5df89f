"""What a run wrote, and the way back: for one text or for the whole run."""

from __future__ import annotations

from cascade.errors import SourceOutOfDate
from cascade.runs import restore
from cascade.runs.reading import Run
from cascade.runs.restore import Replaced
from cascade.service.access import Gate, View
from cascade.store import made
from cascade.store.accounts import Actor
from cascade.story.piece import Piece
from cascade.story.stale import place, sources_of


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


class Dismissing(View):
    """The order that takes a mark off."""

    _actor: Actor

    def fits(self, story_id: str, key: str) -> None:
        """Keeps that a piece fits what stands above it now; shots too (`midpoint/shots/5`).

        One that is not out of date stays as it is. Raises SourceOutOfDate, UnknownStory.
        """
        with self._writing() as gate:
            gate.lock_story(story_id, "fits")
            story = gate.story(story_id, "fits")
            stale = made.out_of_date(gate.session, story)
            if key not in stale:
                return
            piece = Piece.parse(key)
            for source in sources_of(piece):
                above = place(piece, source)
                if str(above) in stale:
                    raise SourceOutOfDate(above.describe(story.structure), str(above))
            made.note_fit(gate.session, story, piece, self._actor.user_id)


def _locked(gate: Gate, run_id: str) -> Run:
    run = gate.lock_run(run_id, "restore")
    gate.lock_story_of(run, "restore")
    return run
