"""Reading stories out of the product's tables, and writing single texts and levels back."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.display import is_whole
from cascade.errors import AmbiguousStory, UnknownStory
from cascade.store.tables import Piece, ScenePlot, SceneShot, StoryVersion
from cascade.story.document import Scene, Story, piece_key
from cascade.story.tension import HIGHEST, LOWEST

# What begins an id or a title is shorter; a database takes no pattern of any length.
LONGEST_BEGINNING = 200

_last_ms = 0
_id_lock = threading.Lock()


def new_id() -> str:
    """A short id that sorts by the time it was made: 11 hex digits of ms, 5 random ones."""
    global _last_ms
    with _id_lock:
        # Never the same millisecond twice, so that order holds within a process too.
        _last_ms = max(time.time_ns() // 1_000_000, _last_ms + 1)
        return f"{_last_ms:011x}{secrets.token_hex(3)[:5]}"


def find_story_id(session: Session, reference: str) -> str:
    """The id of the story of this id or title, or of the only one whose id or title begins so.

    Four characters at least are taken for a beginning. Raises UnknownStory, AmbiguousStory.
    """
    wanted = reference.strip()
    if not is_storable(reference):
        raise UnknownStory(reference)
    exact = session.scalar(sa.select(StoryVersion.id).where(StoryVersion.id == wanted))
    if exact is not None:
        return exact
    called = [
        # As it stands first: a database's lower() may know no letters but ASCII's.
        StoryVersion.title == reference,
        StoryVersion.title == wanted,
        sa.func.lower(StoryVersion.title) == wanted.lower(),
    ]
    begins = []
    if 4 <= len(wanted) <= LONGEST_BEGINNING:
        begins = [
            StoryVersion.id.startswith(wanted, autoescape=True),
            sa.func.lower(StoryVersion.title).startswith(wanted.lower(), autoescape=True),
        ]
    for condition in (*called, *begins):
        found = session.scalars(sa.select(StoryVersion.id).where(condition).limit(2)).all()
        if len(found) == 1:
            return found[0]
        if found:
            stories = sa.select(sa.func.count()).select_from(StoryVersion).where(condition)
            cause = "called" if any(condition is one for one in called) else "begins"
            raise AmbiguousStory(wanted, session.scalar(stories) or 0, cause)
    raise UnknownStory(reference)


def is_storable(reference: str) -> bool:
    """Whether a database can be asked for it: no zero byte, and whole characters only."""
    return "\0" not in reference and is_whole(reference)


def lock_story(session: Session, story_id: str) -> StoryVersion:
    """The story's row, locked until the transaction ends. Raises UnknownStory."""
    row = session.execute(
        sa.select(StoryVersion)
        .where(StoryVersion.id == story_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        raise UnknownStory(story_id)
    return row


def read_story(session: Session, story_id: str) -> Story:
    """A story, whole. Raises UnknownStory."""
    row = session.get(StoryVersion, story_id)
    if row is None:
        raise UnknownStory(story_id)
    shots: dict[str, list[Any]] = {}
    for scene_id, shot in session.execute(
        sa.select(SceneShot.scene_plot_id, SceneShot.shot)
        .join(ScenePlot)
        .where(ScenePlot.story_version_id == story_id)
        .order_by(SceneShot.shot_number)
    ):
        shots.setdefault(scene_id, []).append(shot)
    scenes = session.scalars(
        sa.select(ScenePlot)
        .where(ScenePlot.story_version_id == story_id)
        .order_by(ScenePlot.scene_number)
    )
    return Story(
        id=row.id,
        project_id=row.project_id,
        title=row.title,
        language="id" if row.language == "id" else "en",
        structure_type=row.structure_type,
        synopsis=row.synopsis or "",
        genre=row.genre or "",
        tone=row.tone or "",
        levels=_levels(row.tension_levels),
        contents=_texts(getattr(row, f"{row.structure_type}_beats", None)),
        key_actions=_texts(getattr(row, f"{row.structure_type}_key_actions", None)),
        scenes=tuple(
            Scene(
                id=scene.id,
                number=scene.scene_number,
                beat_key=scene.beat_key,
                plot=scene.plot or "",
                script=scene.script or "",
                shots=tuple(shots.get(scene.id, ())),
            )
            for scene in scenes
        ),
    )


def insert_story(session: Session, project_id: str, story: Story) -> str:
    """Writes a story as a new one; the ids it may carry are ignored. Returns its new id."""
    story_id = new_id()
    row = StoryVersion(
        id=story_id,
        project_id=project_id,
        title=story.title,
        language=story.language,
        synopsis=story.synopsis,
        genre=story.genre,
        tone=story.tone,
        structure_type=story.structure_type,
        tension_levels=dict(story.levels),
    )
    setattr(row, f"{story.structure_type}_beats", dict(story.contents))
    setattr(row, f"{story.structure_type}_key_actions", dict(story.key_actions))
    session.add(row)
    session.flush()
    for scene in story.scenes:
        scene_id = f"{story_id}-{scene.number}"
        session.add(
            ScenePlot(
                id=scene_id,
                story_version_id=story_id,
                beat_key=scene.beat_key,
                scene_number=scene.number,
                plot=scene.plot,
                script=scene.script,
            )
        )
        session.flush()
        session.add_all(
            SceneShot(id=f"{scene_id}-{n}", scene_plot_id=scene_id, shot_number=n, shot=shot)
            for n, shot in enumerate(scene.shots, 1)
        )
    session.flush()
    return story_id


def write_text(session: Session, row: StoryVersion, key: str, text: str) -> None:
    """Replaces the text of one piece; the story's row must be locked. Touches nothing else."""
    beat_key, kind, *rest = key.split("/")
    if kind in ("beatContent", "keyAction"):
        column = f"{row.structure_type}_{'beats' if kind == 'beatContent' else 'key_actions'}"
        # A new map, or SQLAlchemy would not see the change.
        setattr(row, column, {**(getattr(row, column) or {}), beat_key: text})
    else:
        session.execute(
            sa.update(ScenePlot)
            .where(ScenePlot.story_version_id == row.id, ScenePlot.scene_number == int(rest[0]))
            .values({"plot" if kind == "scenePlot" else "script": text})
        )
    session.flush()


def write_level(row: StoryVersion, beat_key: str, level: int) -> None:
    """Saves one beat's tension level; the story's row must be locked."""
    row.tension_levels = {**(row.tension_levels or {}), beat_key: level}


def mark_out_of_date(session: Session, story_id: str, keys: Iterable[str], run_id: str) -> None:
    """Marks pieces as written from inputs that are no longer theirs, because of this run."""
    for key in keys:
        piece = session.get(Piece, (story_id, key))
        if piece is None:
            piece = Piece(story_version_id=story_id, key=key, locked=False)
            session.add(piece)
        piece.out_of_date_since = run_id
    session.flush()


def mark_up_to_date(session: Session, story_id: str, key: str) -> None:
    """Takes the mark off a piece that has just been written."""
    session.execute(
        sa.update(Piece)
        .where(Piece.story_version_id == story_id, Piece.key == key)
        .values(out_of_date_since=None)
    )


def out_of_date(session: Session, story_id: str) -> set[str]:
    """The keys of the pieces that are marked out of date; shots as `midpoint/shots/5`."""
    return set(
        session.scalars(
            sa.select(Piece.key).where(
                Piece.story_version_id == story_id, Piece.out_of_date_since.is_not(None)
            )
        )
    )


def pieces_of_beat(story: Story, beat_key: str) -> list[str]:
    """The keys of every text that hangs under a beat, in the order of the cascade."""
    scenes = story.scenes_of(beat_key)
    return [
        piece_key(beat_key, "beatContent"),
        piece_key(beat_key, "keyAction"),
        *(piece_key(beat_key, "scenePlot", scene.number) for scene in scenes),
        *(piece_key(beat_key, "script", scene.number) for scene in scenes),
    ]


def _levels(stored: Any) -> dict[str, int]:
    # The product's column is JSON: what is no level there counts as unset, it is not ours to mend.
    return {
        key: level
        for key, level in (stored if isinstance(stored, dict) else {}).items()
        if isinstance(level, int) and not isinstance(level, bool) and LOWEST <= level <= HIGHEST
    }


def _texts(stored: Any) -> dict[str, str]:
    texts = stored if isinstance(stored, dict) else {}
    return {key: text for key, text in texts.items() if isinstance(text, str)}
