"""Undoing: the text a run replaced comes back, for one piece or for a whole chain, levels too.

Costs nothing and loses nothing: what is put aside is kept as a revision like any other text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.errors import EditedSince, NothingToRestore, RunActive, UnknownStory
from cascade.runs.plans import plan_of
from cascade.store import audit, made, pieces, revisions, stories
from cascade.store.audit import Entry
from cascade.store.beatmap import ABSENT
from cascade.store.pieces import Stood
from cascade.store.rows import StoryRow
from cascade.store.tables import ACTIVE, Revision, Run, RunStep, now
from cascade.story.piece import Piece, level_key
from cascade.story.plan import Change
from cascade.story.story import Part, Story, digest


@dataclass(frozen=True, slots=True)
class Replaced:
    """One piece that a chain wrote: the text before it and the text it wrote.

    `stands`: that text is there today; `is_back`: the one before is.
    """

    key: str
    before: str
    after: str
    stands: bool
    is_back: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What has come back, and what was left because somebody has changed it since.

    `keys` are pieces, in the order of the plan; `levels` beats.
    """

    keys: tuple[str, ...]
    levels: tuple[str, ...]
    left: tuple[Part, ...]


def replaced(
    session: Session, run: Run, story: Story | None = None
) -> tuple[list[Replaced], list[Change]]:
    """What the chain of a run wrote, piece by piece, in the order of its plan; and its levels.

    Of these those that stand: saved by it, and by nobody else since. Of a deleted story the texts
    only. `story` is the run's story as it is now, where it has been read already.
    """
    if story is None:
        with suppress(UnknownStory):
            story = stories.read_story(session, run.story_version_id)
    written, levels = _written(session, run), []
    if story is not None:
        ours = _levels_of_ours(session, run)
        changes = _levels(session, run, written)
        levels = [change for change in changes if _is_ours(story, change, ours)]
    texts = [
        Replaced(
            revision.key,
            before.text,
            revision.text,
            stands=story is not None and _stands(story, revision),
            is_back=story is not None and _text(story, revision) == before.text,
        )
        for revision, before in written
    ]
    return texts, levels


def restore_piece(session: Session, run: Run, key: str, author_id: str) -> None:
    """Puts the text back that a run, or its chain, replaced at one piece.

    What was written from the text that goes is out of date then. Raises NothingToRestore,
    EditedSince, RunActive; then nothing is changed.
    """
    row = _lock(session, run)
    story = stories.read_whole(session, row)
    for revision, before in _written(session, run):
        if revision.key == key:
            if not _stands(story, revision):
                raise _edited_since([Part("piece", key)], story)
            made.write_down(session, story, [_beat(story, revision)])
            audit.write(session, _put_back(session, row, story, revision, before, author_id))
            return
    raise NothingToRestore(run.id)


def restore_chain(session: Session, run: Run, author_id: str) -> Restored:
    """Puts back every text and level that a run, with those before and after it, changed.

    What somebody or a later run has changed since stays and is named. From then on the chain
    cannot be resumed. Raises EditedSince where nothing would come back for that, NothingToRestore,
    RunActive; then nothing is changed.
    """
    row = _lock(session, run)
    story = stories.read_whole(session, row)
    standing, left = [], []
    written = _written(session, run)
    for revision, before in written:
        if _stands(story, revision):
            standing.append((revision, before))
        elif _text(story, revision) != before.text:
            left.append(Part("piece", revision.key))
    changes, ours = [], _levels_of_ours(session, run)
    for change in _levels(session, run, written):
        if _is_ours(story, change, ours):
            changes.append(change)
        elif _level(story, change.beat_key) != change.previous_level:
            left.append(Part("level", change.beat_key))
    if not standing and not changes:
        raise _edited_since(left, story) if left else NothingToRestore(run.id)
    beats = [_beat(story, revision) for revision, _ in standing]
    beats += [change.beat_key for change in changes]
    made.write_down(session, story, dict.fromkeys(beats))
    deeds = [_put_back(session, row, story, *one, author_id) for one in standing]
    deeds += [_put_back_level(session, row, run, change, author_id) for change in changes]
    audit.write(session, *deeds)
    session.execute(sa.update(Run).where(Run.id == run.chain_id).values(restored_at=now()))
    return Restored(
        tuple(revision.key for revision, _ in standing),
        tuple(change.beat_key for change in changes),
        tuple(left),
    )


def _levels(session: Session, run: Run, written: Iterable[tuple[Revision, Stood]]) -> list[Change]:
    """The changes of level of a chain's plan that it has come to."""
    plan = plan_of(session, run.chain_id)
    begun = {Piece.parse(revision.key).beat for revision, _ in written}
    return [one for one in plan.changes if one.beat_key in begun and not one.stays]


def _lock(session: Session, run: Run) -> StoryRow:
    row = stories.lock_story(session, run.story_version_id)
    active = session.scalar(
        sa.select(Run.id).where(Run.story_version_id == row.id, Run.status.in_(ACTIVE))
    )
    if active is not None:
        raise RunActive(active)
    return row


def _written(session: Session, run: Run) -> list[tuple[Revision, Stood]]:
    """The revisions of texts that a chain wrote, in plan order, each with what it replaced."""
    own, first = RunStep, aliased(RunStep)
    rows = session.scalars(
        sa.select(Revision)
        .join(own, own.revision_id == Revision.id)
        .join(first, sa.and_(first.run_id == own.chain_id, first.key == own.key))
        .where(own.chain_id == run.chain_id, own.status == "saved")
        .order_by(first.position)
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


def _levels_of_ours(session: Session, run: Run) -> dict[str, bool]:
    """The keys of a story's levels that have revisions: whether the run's chain made the newest."""
    newest = (
        sa.select(sa.func.max(Revision.id))
        .where(
            Revision.story_version_id == run.story_version_id,
            Revision.key.endswith("/level", autoescape=True),
        )
        .group_by(Revision.key)
    )
    rows = session.execute(
        sa.select(Revision.key, Run.chain_id)
        .outerjoin(Run, Run.id == Revision.run_id)
        .where(Revision.id.in_(newest))
    )
    return {key: chain_id == run.chain_id for key, chain_id in rows}


def _is_ours(story: Story, change: Change, ours: Mapping[str, bool]) -> bool:
    """Whether a beat has the level that the chain has given it, and nobody has given it one since.

    Those of before levels had revisions are known by their value.
    """
    stands = _level(story, change.beat_key) == change.new_level
    return stands and ours.get(level_key(change.beat_key), True)


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
    row: StoryRow,
    story: Story,
    revision: Revision,
    stood: Stood,
    author_id: str,
) -> Entry:
    """Puts one text back; what the audit is to be told."""
    revisions.add_restored(session, revision, stood, author_id)
    piece = Piece.parse(revision.key)
    scene = story.scene_by_id(revision.scene_id) if revision.scene_id else None
    if scene is None:
        scene = story.scene_of(piece)
    pieces.write_text(session, row, piece, scene.id if scene is not None else "", stood)
    return Entry(
        "text.restore",
        f"{story.id}/{revisions.present_key(story, revision.key, revision.scene_id or '')}",
        author_id,
        row.project_id,
        before=revision.digest,
        after=digest(stood.text),
    )


def _put_back_level(
    session: Session, row: StoryRow, run: Run, change: Change, author_id: str
) -> Entry:
    """Puts one level back; what the audit is to be told."""
    key = level_key(change.beat_key)
    deed = audit.level_set(row, change.beat_key, change.new_level, change.previous_level, author_id)
    saved = session.scalar(
        sa.select(Revision)
        .join(Run, Run.id == Revision.run_id)
        .where(Run.chain_id == run.chain_id, Revision.key == key)
    )
    if saved is None:
        # A run of before levels had revisions.
        before = pieces.new_level(row, change.beat_key, change.previous_level)
        pieces.put_back_level(session, row, change.beat_key, before)
        return deed
    stood = revisions.replaced_by(session, saved)
    if not stood.text and stood.cell is None:
        stood = Stood("", ABSENT)
    revisions.add_restored(session, saved, stood, author_id)
    pieces.put_back_level(session, row, change.beat_key, stood)
    return deed
