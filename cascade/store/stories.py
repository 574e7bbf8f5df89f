"""Finding, locking, reading and making stories in the product's tables."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from cascade.display import is_storable
from cascade.errors import AmbiguousStory, UnknownStory, UnreadableStory
from cascade.store.beatmap import (
    UnreadableCell,
    is_nothing,
    level_of,
    snake,
    text_of,
)
from cascade.store.pieces import level_column, map_column, map_of
from cascade.store.product import product_of
from cascade.store.tables import ScenePlot, SceneShot, StoryVersion
from cascade.story import kinds
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, Kind
from cascade.story.piece import Other, Piece
from cascade.story.story import Language, Scene, Story, Unreadable
from cascade.story.structures import STRUCTURES, Structure, structure

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7

T = TypeVar("T")

# The projects whose rows are meant; None means all of them.
Projects = Collection[str] | None

# What begins an id or a title is shorter; a database takes no pattern of any length.
LONGEST_BEGINNING = 200


# Made once: making a statement takes longer than executing it.
_LOCKED = (
    sa.select(StoryVersion)
    .where(StoryVersion.id == sa.bindparam("story"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a list."""

    id: str
    title: str
    structure_type: str
    language: str
    beats: int
    scenes: int


def new_id() -> str:
    """A UUID of version 7 as text: ids of one process sort as they were made."""
    return str(uuid7())


def oldest_first(id_: sa.ColumnElement[str] | InstrumentedAttribute[str]) -> list[Any]:
    """How ids are ordered where no time is kept beside them.

    The shorter first: those that were made before ids were UUIDs, and a product's lower numbers.
    """
    return [sa.func.length(sa.cast(id_, sa.Text)), id_]


def summaries(session: Session, projects: Projects = None) -> list[StorySummary]:
    """The stories of some projects, the oldest first."""
    scenes = (
        sa.select(ScenePlot.story_version_id, sa.func.count().label("n"))
        .group_by(ScenePlot.story_version_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(
            StoryVersion.id,
            StoryVersion.title,
            StoryVersion.structure_type,
            StoryVersion.language,
            scenes.c.n,
        )
        .outerjoin(scenes, scenes.c.story_version_id == StoryVersion.id)
        .where(_of(projects))
        .order_by(*oldest_first(StoryVersion.id))
    )
    return [
        StorySummary(
            id=id_,
            title=title or "",
            structure_type=type_ or "",
            language=language_of(language) or "en",
            beats=len(known.beats) if (known := STRUCTURES.get(type_)) else 0,
            scenes=n or 0,
        )
        for id_, title, type_, language, n in rows
    ]


def project_of(session: Session, story_id: str) -> str:
    """The project that a story belongs to; empty for one of none. Raises UnknownStory."""
    row = None
    if is_storable(story_id):
        wanted = sa.select(StoryVersion.project_id).where(StoryVersion.id == story_id)
        row = session.execute(wanted).one_or_none()
    if row is None:
        raise UnknownStory(story_id)
    return row.project_id or ""


def _of(projects: Projects) -> sa.ColumnElement[bool]:
    return sa.true() if projects is None else StoryVersion.project_id.in_(list(projects))


def find_story_id(session: Session, reference: str, projects: Projects = None) -> str:
    """The id of the story of this id or title, or of the only one whose id or title begins so.

    Stories of other projects than these do not count. Four characters at least are taken for a
    beginning. Raises UnknownStory, AmbiguousStory.
    """
    wanted = reference.strip()
    if not is_storable(reference):
        raise UnknownStory(reference)
    theirs = _of(projects)
    exact = session.scalar(sa.select(StoryVersion.id).where(StoryVersion.id == wanted, theirs))
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
        matching = sa.select(StoryVersion.id).where(condition, theirs)
        found = session.scalars(matching.limit(2)).all()
        if len(found) == 1:
            return found[0]
        if found:
            stories = sa.select(sa.func.count()).select_from(matching.subquery())
            cause = "called" if any(condition is one for one in called) else "begins"
            raise AmbiguousStory(wanted, session.scalar(stories) or 0, cause)
    raise UnknownStory(reference)


def lock_story(session: Session, story_id: str) -> StoryVersion:
    """The story's row, locked until the transaction ends. Raises UnknownStory."""
    row = session.execute(_LOCKED, {"story": story_id}).scalar_one_or_none()
    if row is None:
        raise UnknownStory(story_id)
    return row


def row_of(session: Session, story_id: str) -> StoryVersion:
    """The story's row, as it is. Raises UnknownStory."""
    row = session.get(StoryVersion, story_id)
    if row is None:
        raise UnknownStory(story_id)
    return row


def read_story(session: Session, story_id: str) -> Story:
    """A story, whole, with whatever of it could not be read told.

    Raises UnknownStory, and UnreadableStory where its structure is none of ours.
    """
    row = row_of(session, story_id)
    of_story = ScenePlot.story_version_id == story_id
    rows = session.scalars(sa.select(ScenePlot).where(of_story)).all()
    return story_of(row, scenes_of(session, row, rows, read_shots(session, of_story)))


def story_of(row: StoryVersion, scenes: tuple[Scene, ...]) -> Story:
    """A story's row, with some or all of its scenes, as a value. Raises UnreadableStory."""
    _structure(row)
    unreadable: dict[str, Unreadable] = {}

    def read(column: str, kind: Kind | Other, value_of: Callable[[str], T]) -> Mapping[str, T]:
        found, why = _cells(getattr(row, column), row.structure_type, value_of)
        unreadable.update((str(Piece(beat_key, kind)), one) for beat_key, one in why.items())
        return found

    language = language_of(row.language)
    if language is None:
        unreadable["language"] = "not_a_language"
    return Story(
        id=row.id,
        project_id=row.project_id,
        title=row.title or "",
        language=language or "en",
        structure_type=row.structure_type,
        synopsis=row.synopsis or "",
        genre=row.genre or "",
        tone=row.tone or "",
        levels=read(level_column(), "level", level_of),
        texts={kind: read(map_column(row, kind), kind, text_of) for kind in BEAT_KINDS},
        scenes=scenes,
        unreadable=unreadable,
    )


# A run reads the same columns with every step of a beat, and in a story of many beats most stay as
# they are from one beat to the next.
@lru_cache(maxsize=64)
def _cells(
    text: str | None, structure_type: str, value_of: Callable[[str], T]
) -> tuple[Mapping[str, T], Mapping[str, Unreadable]]:
    """What a column holds by beat, and of which beats that cannot be told, and why not."""
    found: dict[str, T] = {}
    unreadable: dict[str, Unreadable] = {}
    there = map_of(text, structure_type)
    for beat_key in structure(structure_type).keys:
        try:
            cell = there.cell(beat_key)
            if not is_nothing(cell):
                found[beat_key] = value_of(cell)
        except UnreadableCell as error:
            unreadable[beat_key] = error.why
    return MappingProxyType(found), MappingProxyType(unreadable)


def scenes_of(
    session: Session,
    row: StoryVersion,
    rows: Iterable[ScenePlot],
    shots: Mapping[str, list[Any]] = MappingProxyType({}),
) -> tuple[Scene, ...]:
    """Rows of a story's scenes as values, in story order. Raises UnreadableStory."""
    spelled = {snake(key): key for key in _structure(row).keys}
    product = product_of(session)
    scenes = []
    for one in rows:
        unreadable: dict[Kind, Unreadable] = {}
        texts: dict[Kind, str] = {}
        for kind in SCENE_KINDS:
            column = kinds.row(kind).kept
            stored = getattr(one, column)
            if not product.keeps_text("scene_plots", column):
                unreadable[kind] = "not_text"
            elif not is_storable(stored or ""):
                unreadable[kind] = "not_storable"
            texts[kind] = "" if kind in unreadable else stored or ""
        scenes.append(
            Scene(
                id=one.id,
                number=number_of(one.scene_number),
                beat_key=spelled.get(one.beat_key, one.beat_key) if one.beat_key else None,
                texts=texts,
                shots=tuple(shots.get(one.id, ())),
                unreadable=unreadable,
            )
        )
    return tuple(sorted(scenes, key=in_order))


def _structure(row: StoryVersion) -> Structure:
    if row.structure_type not in STRUCTURES:
        raise UnreadableStory(row.title or row.id, row.structure_type or "", list(STRUCTURES))
    return structure(row.structure_type)


def language_of(tag: str | None) -> Language | None:
    """The language that a tag names by its first part (`id-ID`, `EN`); English where none is kept.

    `in` and the codes of three letters are Indonesian's and English's too. None for any other.
    """
    if not tag or not tag.strip():
        return "en"
    first = re.split(r"[-_]", tag.strip().lower())[0]
    return _LANGUAGES.get(first)


_LANGUAGES: Mapping[str, Language] = {
    "en": "en",
    "eng": "en",
    "id": "id",
    "in": "id",  # the code of before 1989, which old Java programs still write
    "ind": "id",
}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_shots(session: Session, those: sa.ColumnElement[bool]) -> dict[str, list[Any]]:
    """The shots of those scenes by the id of their scene."""
    shots: dict[str, list[Any]] = {}
    for scene_id, shot in session.execute(
        sa.select(SceneShot.scene_plot_id, SceneShot.shot)
        .join(ScenePlot, ScenePlot.id == SceneShot.scene_plot_id)
        .where(those)
        .order_by(SceneShot.shot_number)
    ):
        shots.setdefault(scene_id, []).append(_shot(shot))
    return shots


def in_order(scene: Scene) -> tuple[bool, int, str]:
    """What scenes are sorted by: their numbers; those without one come last."""
    return scene.number is None, scene.number or 0, scene.id


def number_of(stored: Any) -> int | None:
    """A scene's number as the product keeps it: a whole number, or the digits of one."""
    if isinstance(stored, int):
        return stored
    if isinstance(stored, float | Decimal) and stored == int(stored):
        return int(stored)
    # One in words, or of more digits than a number has, is none.
    if isinstance(stored, str) and re.fullmatch(r"\s*\d{1,9}(\.0+)?\s*", stored):
        return int(float(stored))
    return None


def _shot(stored: str | None) -> Any:
    """A shot as a value; one that is no sound JSON is shown as the text that stands there."""
    try:
        shot = json.loads(stored or "null", parse_constant=_refuse)
        json.dumps(shot, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return stored
    return shot


def _refuse(constant: str) -> None:
    raise ValueError(constant)


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
        tension_levels=_json(dict(story.levels)),
    )
    for kind in BEAT_KINDS:
        setattr(row, map_column(row, kind), _json(dict(story.texts.get(kind, {}))))
    session.add(row)
    session.flush()
    for scene in story.scenes:
        scene_id = new_id()
        session.add(
            ScenePlot(
                id=scene_id,
                story_version_id=story_id,
                beat_key=scene.beat_key,
                scene_number=scene.number,
                **{kinds.row(kind).kept: scene.text(kind) for kind in SCENE_KINDS},
            )
        )
        session.flush()
        session.add_all(
            SceneShot(id=new_id(), scene_plot_id=scene_id, shot_number=n, shot=_json(shot))
            for n, shot in enumerate(scene.shots, 1)
        )
    session.flush()
    return story_id
