"""What a run wrote, and the way back: for one text or for the whole run."""

from __future__ import annotations

from cascade.errors import SourceOutOfDate
from cascade.runs import restore
from cascade.runs.reading import Run
from cascade.runs.restore import Replaced, Restored
from cascade.service.access import Gate, View
from cascade.store import audit, made
from cascade.store.accounts import Actor
from cascade.store.audit import Entry
from cascade.story import stale
from cascade.story.keys import pieces_named


class Replacements(View):
    """What runs wrote, to compare. A run speaks for its whole chain."""

    def replaced(self, run_id: str) -> list[Replaced]:
        """What a run wrote, piece by piece: the text before and the text it wrote."""
        with self._reading() as gate:
            texts, _ = restore.replaced(gate.session, gate.run(run_id))
            return texts


class Undoing(Replacements):
    """The orders that put back what a run and its chain replaced."""

    _actor: Actor

    def restore_piece(self, run_id: str, key: str) -> None:
        """Puts back the text that a run replaced. Raises EditedSince, RunActive."""
        with self._writing() as gate:
            run = _locked(gate, run_id)
            restore.restore_piece(gate.session, run, key, self._actor.user_id)

    def restore_run(self, run_id: str) -> Restored:
        """Puts back every text and level that a run and its chain changed, and nobody since.

        Raises EditedSince and NothingToRestore where nothing would come back, RunActive.
        """
        with self._writing() as gate:
            run = _locked(gate, run_id)
            return restore.restore_chain(gate.session, run, self._actor.user_id)


class Dismissing(View):
    """The order that takes a mark off."""

    _actor: Actor

    def fits(self, story_id: str, key: str, reason: str = "") -> list[str]:
        """Keeps that pieces fit what stands above them now; the keys of those that were marked.

        `key` is a piece's, shots too (`midpoint/shots/5`), a beat's or a scene's (`scene/5`), which
        stand for all their pieces and are taken from the top down. What is not out of date stays
        as it is. Raises UnknownPiece, AmbiguousScene, SourceOutOfDate, UnknownStory; then nothing
        is changed.
        """
        with self._writing() as gate:
            project_id = gate.lock_story(story_id, "fits")
            story = gate.story(story_id, "fits")
            known = made.read(gate.session, story)
            marked, noted = stale.out_of_date(story, known), []
            for piece in pieces_named(story, key):
                # One that was marked for what stands above it alone may fit by now.
                if str(piece) not in marked:
                    continue
                for source in stale.sources_of(piece):
                    above = stale.place(piece, source)
                    if str(above) in marked:
                        raise SourceOutOfDate(above.describe(story.structure), str(above))
                fit = made.note_fit(gate.session, story, piece, self._actor.user_id, reason)
                known.setdefault(str(piece), []).append(fit)
                noted.append(str(piece))
                marked = stale.out_of_date(story, known)
            by = self._actor.user_id
            named = [f"{story_id}/{one}" for one in noted]
            deeds = [Entry("fits", one, by, project_id or None, reason=reason) for one in named]
            audit.write(gate.session, *deeds)
            return noted


def _locked(gate: Gate, run_id: str) -> Run:
    run = gate.lock_chain(run_id, "restore")
    gate.lock_story_of(run, "restore")
    return run
