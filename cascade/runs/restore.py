"""Undoing: the text a run replaced comes back, for one piece or for the whole run, levels too.

Costs nothing and loses nothing: what is put aside is kept as a revision like any other text.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import EditedSince, NothingToRestore, RunActive, UnknownStory
from cascade.store import made, pieces, revisions, stories
from cascade.store.beatmap import ABSENT
from cascade.store.pieces import Stood
from cascade.store.tables import ACTIVE, Revision, Run, RunStep, StoryVersion
from cascade.story.piece import Piece, level_key
from cascade.story.plan import Change, Plan
from cascade.story.story import Part, Story, digest


@dataclass(frozen=True, slots=True)
class Replaced:
    """One piece that a run wrote: the text before and the text it wrote.

    `stands`: that text is there today; `is_back`: the one before is.
    """

    key: str
    before: str
    after: str
    stands: bool
    is_back: bool


def replaced(session: Session, run: Run, story: Story | None = None) -> list[Replaced]:
    """What a run wrote, piece by piece, in the order of its plan; of a deleted story too.

    `story` is the run's story as it is now, where it has been read already.
    """
    if story is None:
        with suppress(UnknownStory):
            story = stories.read_story(session, run.story_version_id)
    return [
        Replaced(
            revision.key,
            before.text,
            revision.text,
            stands=story is not None and _stands(story, revision),
            is_back=story is not None and _text(story, revision) == before.text,
        )
        for revision, before in _written(session, run)
    ]


def restore_piece(session: Session, run: Run, key: str, author_id: str) -> None:
    """Puts the text back that a run replaced at one piece.

    What was written from the text that goes is out of date then. Raises NothingToRestore,
    EditedSince, RunActive; then nothing is changed.
    """
    row = _lock(session, run)
    story = stories.read_story(session, row.id)
    for revision, before in _written(session, run):
        if revision.key == key:
            if not _stands(story, revision):
                raise _edited_since([Part("piece", key)], story)
            made.write_down(session, story, [_beat(story, revision)])
            _put_back(session, row, story, revision, before, author_id)
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
        if _stands(story, revision):
            restored.append((revision, before))
        elif _text(story, revision) != before.text:
            edited.append(Part("piece", revision.key))
    begun = {Piece.parse(revision.key).beat for revision, _ in written}
    changes = [
        change
        for change in plan.changes
        if change.beat_key in begun and change.expected_level != change.new_level
    ]
    edited += [
        Part("level", change.beat_key)
        for change in changes
        if _level(story, change.beat_key) not in (change.new_level, change.previous_level)
    ]
    if edited:
        raise _edited_since(edited, story)
    changes = [one for one in changes if _level(story, one.beat_key) == one.new_level]
    if not restored and not changes:
        raise NothingToRestore(run.id)
    beats = [_beat(story, revision) for revision, _ in restored]
    beats += [change.beat_key for change in changes]
    made.write_down(session, story, dict.fromkeys(beats))
    for revision, before in restored:
        _put_back(session, row, story, revision, before, author_id)
    for change in changes:
        _put_back_level(session, row, run, change, author_id)
    return [revision.key for revision, _ in restored]


def _lock(session: Session, run: Run) -> StoryVersion:
    row = stories.lock_story(session, run.story_version_id)
    active = session.scalar(
        sa.select(Run.id).where(Run.story_version_id == row.id, Run.status.in_(ACTIVE))
    )
    if active is not None:
        raise RunActive(active)
    return row


def _written(session: Session, run: Run) -> list[tuple[Revision, Stood]]:
    """The revisions of texts that a run wrote, in plan order, each with what it replaced."""
    rows = session.scalars(
        sa.select(Revision)
        .join(RunStep, RunStep.revision_id == Revision.id)
        .where(RunStep.run_id == run.id)
        .order_by(RunStep.position)
    ).all()
    return list(zip(rows, revisions.all_replaced_by(session, rows), strict=True))


def _text(story: Story, revision: Revision) -> str | None:
    """The text that stands at a revision's piece today; None where the piece is gone."""
    key = revisions.present_key(story, revision.key, revision.scene_id or "")
    if key is None or story.why_unreadable(key) is not None:
        return None
    return story.text(key)


def _level(story: Story, beat_key: str) -> int | None:
    """A beat's level today; None where it cannot be read, or the structure has no such beat."""
    if story.why_unreadable(level_key(beat_key)) is not None:
        return None
    return story.curve.get(beat_key)


def _beat(story: Story, revision: Revision) -> str:
    """The beat that a revision's piece hangs under today."""
    key = revisions.present_key(story, revision.key, revision.scene_id or "")
    return Piece.parse(key or revision.key).beat


def _stands(story: Story, revision: Revision) -> bool:
    """Whether the text of a revision is the one that stands at its piece today."""
    text = _text(story, revision)
    return text is not None and digest(text) == revision.digest


def _edited_since(parts: list[Part], story: Story) -> EditedSince:
    return EditedSince(
        [part.describe(story.structure) for part in parts],
        pieces=[part.key for part in parts if part.cause == "piece"],
        levels=[part.key for part in parts if part.cause == "level"],
    )


def _put_back(
    session: Session,
    row: StoryVersion,
    story: Story,
    revision: Revision,
    stood: Stood,
    author_id: str,
) -> None:
    revisions.add_restored(session, revision, stood, author_id)
    piece = Piece.parse(revision.key)
    scene = story.scene_by_id(revision.scene_id) if revision.scene_id else None
    if scene is None:
        scene = story.scene_of(piece)
    pieces.write_text(session, row, piece, scene.id if scene is not None else "", stood)


def _put_back_level(
    session: Session, row: StoryVersion, run: Run, change: Change, author_id: str
) -> None:
    key = level_key(change.beat_key)
    saved = session.scalar(
        sa.select(Revision).where(Revision.run_id == run.id, Revision.key == key)
    )
    if saved is None:
        # A run of before levels had revisions.
        before = pieces.new_level(row, change.beat_key, change.previous_level)
        pieces.put_back_level(session, row, change.beat_key, before)
        return
    stood = revisions.replaced_by(session, saved)
    if not stood.text and stood.cell is None:
        stood = Stood("", ABSENT)
    revisions.add_restored(session, saved, stood, author_id)
    pieces.put_back_level(session, row, change.beat_key, stood)
