"""Undoing: the text a run replaced comes back, for one piece or for the whole run, levels too.

Costs nothing and loses nothing: what is put aside is kept as a revision like any other text.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import EditedSince, NothingToRestore, RunActive
from cascade.store import revisions, stories
from cascade.store.tables import ACTIVE, Piece, Revision, Run, RunStep, StoryVersion
from cascade.story.document import Part, Story, digest
from cascade.story.plan import Plan


@dataclass(frozen=True, slots=True)
class Replaced:
    """One piece that a run wrote: the text before, the text it wrote, and whether that stands."""

    key: str
    before: str
    after: str
    stands: bool


def replaced(session: Session, run: Run) -> list[Replaced]:
    """What a run wrote, piece by piece, in the order of its plan."""
    story = stories.read_story(session, run.story_version_id)
    found = []
    for revision, before in _written(session, run):
        stands = digest(story.text(revision.key)) == revision.digest
        found.append(Replaced(revision.key, before, revision.text, stands))
    return found


def restore_piece(session: Session, run: Run, key: str, author_id: str) -> None:
    """Puts the text back that a run replaced at one piece.

    What was written from the text that goes is marked out of date. Raises NothingToRestore,
    EditedSince, RunActive; then nothing is changed.
    """
    row = _lock(session, run)
    story = stories.read_story(session, row.id)
    for revision, before in _written(session, run):
        if revision.key == key:
            if digest(story.text(key)) != revision.digest:
                raise _edited_since([Part("piece", key)], story)
            _put_back(session, row, revision, before, author_id)
            beat_key = key.split("/")[0]
            pieces = stories.pieces_of_beat(story, beat_key)
            later = [one for one in pieces[pieces.index(key) + 1 :] if _depends(one, key)]
            stories.mark_out_of_date(session, row.id, later, run.id)
            return
    raise NothingToRestore(run.id)


def restore_run(session: Session, run: Run, author_id: str) -> list[str]:
    """Puts back every text and level that a run changed; the keys of the pieces, in plan order.

    Raises EditedSince where somebody has changed one of them since (pieces that were restored one
    by one are fine), NothingToRestore, RunActive; then nothing is changed.
    """
    row = _lock(session, run)
    story = stories.read_story(session, row.id)
    plan = Plan.from_json(run.plan)
    restored, edited = [], []
    written = _written(session, run)
    for revision, before in written:
        current = story.text(revision.key)
        if digest(current) == revision.digest:
            restored.append((revision, before))
        elif current != before:
            edited.append(Part("piece", revision.key))
    begun = {revision.key.split("/")[0] for revision, _ in written}
    changes = [
        change
        for change in plan.changes
        if change.beat_key in begun and change.expected_level != change.new_level
    ]
    edited += [
        Part("level", change.beat_key)
        for change in changes
        if story.curve[change.beat_key] not in (change.new_level, change.previous_level)
    ]
    if edited:
        raise _edited_since(edited, story)
    changes = [one for one in changes if story.curve[one.beat_key] == one.new_level]
    if not restored and not changes:
        raise NothingToRestore(run.id)
    for revision, before in restored:
        _put_back(session, row, revision, before, author_id)
    for change in changes:
        stories.write_level(row, change.beat_key, change.previous_level)
    # The marks that this run set say nothing any more: all is as it was before it.
    session.execute(
        sa.update(Piece)
        .where(Piece.story_version_id == row.id, Piece.out_of_date_since == run.id)
        .values(out_of_date_since=None)
    )
    return [revision.key for revision, _ in restored]


def _lock(session: Session, run: Run) -> StoryVersion:
    row = stories.lock_story(session, run.story_version_id)
    active = session.scalar(
        sa.select(Run.id).where(Run.story_version_id == row.id, Run.status.in_(ACTIVE))
    )
    if active is not None:
        raise RunActive(active)
    return row


def _written(session: Session, run: Run) -> list[tuple[Revision, str]]:
    """The revisions a run wrote, in plan order, each with the text it replaced."""
    rows = session.scalars(
        sa.select(Revision)
        .join(RunStep, RunStep.revision_id == Revision.id)
        .where(RunStep.run_id == run.id)
        .order_by(RunStep.position)
    )
    found = []
    for revision in rows:
        old = session.get(Revision, revision.replaces_id) if revision.replaces_id else None
        found.append((revision, old.text if old is not None else ""))
    return found


def _edited_since(parts: list[Part], story: Story) -> EditedSince:
    return EditedSince(
        [part.describe(story.structure) for part in parts],
        pieces=[part.key for part in parts if part.cause == "piece"],
        levels=[part.key for part in parts if part.cause == "level"],
    )


def _put_back(
    session: Session, row: StoryVersion, revision: Revision, text: str, author_id: str
) -> None:
    revisions.add_restored(session, revision, text, author_id)
    stories.write_text(session, row, revision.key, text)
    stories.mark_up_to_date(session, row.id, revision.key)


def _depends(piece: str, upon: str) -> bool:
    """Whether a later piece of a beat is written from an earlier one of it.

    Everything is from the beat's content, plots and scripts from its key action too, a script
    from its own plot.
    """
    _, kind, *scene = upon.split("/")
    if kind in ("beatContent", "keyAction"):
        return True
    return kind == "scenePlot" and piece.split("/")[1:] == ["script", *scene]
