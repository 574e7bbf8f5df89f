"""Finding, locking, reading and making stories in the product's tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.display import is_storable
from cascade.errors import AmbiguousStory, NotWritten, UnknownStory, UnreadableStory
from cascade.store.beatmap import (
    UnreadableCell,
    is_nothing,
    level_of,
    snake,
    text_of,
)
from cascade.store.ids import oldest_first
from cascade.store.pieces import map_column, map_of
from cascade.store.product import Product, product_of
from cascade.store.product.wanted import LEVELS, MAPS_OF
from cascade.store.rows import (
    SceneRow,
    StoryRow,
    scene_rows,
    scenes_by_story,
    scenes_of_story,
    shots_of_story,
    story_row,
    story_rows,
)
from cascade.story import kinds
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, Kind
from cascade.story.piece import Other, Piece
from cascade.story.story import Language, Scene, Story, Unreadable
from cascade.story.structures import STRUCTURES, Structure, structure

T = TypeVar("T")

# The projects whose rows are meant; None means all of them.
Projects = Collection[str] | None

# What begins an id or a title is shorter; a database takes no pattern of any length.
LONGEST_BEGINNING = 200


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a list."""

    id: str
    title: str
    structure_type: str
    language: str
    beats: int
    scenes: int


def summaries(session: Session, projects: Projects = None) -> list[StorySummary]:
    """The stories of some projects, the oldest first."""
    product = product_of(session)
    its = product.stories
    scenes = (
        sa.select(product.scenes["story_version_id"].label("of"), sa.func.count().label("n"))
        .group_by(product.scenes["story_version_id"])
        .subquery()
    )
    rows = session.execute(
        sa.select(
            its["id"],
            product.header["title"],
            its.text("structure_type"),
            product.header["language"],
            scenes.c.n,
        )
        .select_from(product.stories_with_projects)
        .outerjoin(scenes, scenes.c.of == its["id"])
        .where(_of(product, projects))
        .order_by(*oldest_first(its["id"]))
    )
    return [
        StorySummary(
            id=id_,
            title=title or "",
            structure_type=type_ or "",
            language=language_of((language or "").strip() or product.language) or "en",
            beats=len(known.beats) if (known := STRUCTURES.get(type_)) else 0,
            scenes=n or 0,
        )
        for id_, title, type_, language, n in rows
    ]


def title_of(session: Session, story_id: str, projects: Projects = None) -> str | None:
    """What a story of some projects is called; None where it is not there."""
    product = product_of(session)
    row = session.execute(
        sa.select(product.header["title"])
        .select_from(product.stories_with_projects)
        .where(product.stories["id"] == story_id, _of(product, projects))
    ).one_or_none()
    return None if row is None else row[0] or ""


def project_of(session: Session, story_id: str) -> str:
    """The project that a story belongs to; empty for one of none. Raises UnknownStory."""
    row = None
    if is_storable(story_id):
        its = product_of(session).stories
        wanted = sa.select(its["project_id"]).where(its["id"] == story_id)
        row = session.execute(wanted).one_or_none()
    if row is None:
        raise UnknownStory(story_id)
    return row[0] or ""


def _of(product: Product, projects: Projects) -> sa.ColumnElement[bool]:
    if projects is None:
        return sa.true()
    return product.stories["project_id"].in_(list(projects))


def find_story_id(session: Session, reference: str, projects: Projects = None) -> str:
    """The id of the story of this id or title, or of the only one whose id or title begins so.

    Stories of other projects than these do not count. Four characters at least are taken for a
    beginning. Raises UnknownStory, AmbiguousStory.
    """
    wanted = reference.strip()
    if not is_storable(reference):
        raise UnknownStory(reference)
    product = product_of(session)
    id_, title = product.stories["id"], product.header["title"].element
    stories = sa.select(id_).select_from(product.stories_with_projects)
    stories = stories.where(_of(product, projects))
    exact: str | None = session.scalar(stories.where(id_ == wanted))
    if exact is not None:
        return exact
    called = [
        # As it stands first: a database's lower() may know no letters but ASCII's.
        title == reference,
        title == wanted,
        sa.func.lower(title) == wanted.lower(),
    ]
    begins = []
    if 4 <= len(wanted) <= LONGEST_BEGINNING:
        begins = [
            sa.cast(id_, sa.Text).startswith(wanted, autoescape=True),
            sa.func.lower(title).startswith(wanted.lower(), autoescape=True),
        ]
    for condition in (*called, *begins):
        matching = stories.where(condition)
        found = session.scalars(matching.limit(2)).all()
        if len(found) == 1:
            return str(found[0])
        if found:
            count = session.scalar(sa.select(sa.func.count()).select_from(matching.subquery()))
            cause = "called" if any(condition is one for one in called) else "begins"
            raise AmbiguousStory(wanted, count or 0, cause)
    raise UnknownStory(reference)


def lock_story(session: Session, story_id: str) -> StoryRow:
    """The story's row, locked until the transaction ends. Raises UnknownStory, NotWritten."""
    row = story_row(session, story_id, locked=True)
    if row is not None:
        return row
    if story_row(session, story_id) is not None:
        # It is there, and a policy lets it be seen but not changed: then it cannot be locked.
        raise NotWritten(product_of(session).stories.name)
    raise UnknownStory(story_id)


def row_of(session: Session, story_id: str) -> StoryRow:
    """The story's row, as it is. Raises UnknownStory."""
    row = story_row(session, story_id)
    if row is None:
        raise UnknownStory(story_id)
    return row


def read_story(session: Session, story_id: str) -> Story:
    """A story, whole, with whatever of it could not be read told.

    Raises UnknownStory, and UnreadableStory where its structure is none of ours.
    """
    return read_whole(session, row_of(session, story_id))


def read_whole(session: Session, row: StoryRow) -> Story:
    """The same of a story whose row has been read. Raises UnreadableStory."""
    product = product_of(session)
    asked = {"story": row.id}
    rows = scene_rows(session, scenes_of_story(product), asked)
    return story_of(row, scenes_of(row, rows, read_shots(session, shots_of_story(product), asked)))


def read_several(session: Session, story_ids: Collection[str]) -> dict[str, Story | None]:
    """Several stories by id, but for their shots, in as many statements however many they are.

    One that is gone is left out; one whose structure is none of ours is None.
    """
    if not story_ids:
        return {}
    scenes = scenes_by_story(session, story_ids)
    found: dict[str, Story | None] = {}
    for row in story_rows(session, story_ids):
        try:
            found[row.id] = story_of(row, scenes_of(row, scenes.get(row.id, [])))
        except UnreadableStory:
            found[row.id] = None
    return found


def story_of(row: StoryRow, scenes: tuple[Scene, ...]) -> Story:
    """A story's row, with some or all of its scenes, as a value. Raises UnreadableStory."""
    beat_sheet = _structure(row)
    unreadable: dict[str, Unreadable] = {}

    def read(column: str, kind: Kind | Other, value_of: Callable[..., T]) -> Mapping[str, T]:
        found, why = _cells(row.maps[column], beat_sheet.type, value_of, row.text_property)
        unreadable.update((str(Piece(beat_key, kind)), one) for beat_key, one in why.items())
        return found

    language = language_of(row.language)
    if language is None:
        unreadable["language"] = "not_a_language"
    return Story(
        id=row.id,
        project_id=row.project_id or "",
        title=row.title or "",
        language=language or "en",
        structure_type=beat_sheet.type,
        synopsis=row.synopsis or "",
        genre=row.genre or "",
        tone=row.tone or "",
        levels=read(LEVELS, "level", _level_of),
        texts={kind: read(map_column(row, kind), kind, text_of) for kind in BEAT_KINDS},
        scenes=scenes,
        unreadable=unreadable,
    )


# A run reads the same columns with every step of a beat, and in a story of many beats most stay as
# they are from one beat to the next.
@lru_cache(maxsize=64)
def _cells(
    text: str | None, structure_type: str, value_of: Callable[..., T], text_property: str | None
) -> tuple[Mapping[str, T], Mapping[str, Unreadable]]:
    """What a column holds by beat, and of which beats that cannot be told, and why not."""
    found: dict[str, T] = {}
    unreadable: dict[str, Unreadable] = {}
    there = map_of(text, structure_type)
    for beat_key in structure(structure_type).keys:
        try:
            cell = there.cell(beat_key)
            if not is_nothing(cell):
                found[beat_key] = value_of(cell, text_property)
        except UnreadableCell as error:
            unreadable[beat_key] = error.why
    return MappingProxyType(found), MappingProxyType(unreadable)


def _level_of(cell: str, _text_property: str | None) -> int:
    return level_of(cell)


def scenes_of(
    row: StoryRow,
    rows: Iterable[SceneRow],
    shots: Mapping[str, list[Any]] = MappingProxyType({}),
) -> tuple[Scene, ...]:
    """Rows of a story's scenes as values, in story order. Raises UnreadableStory."""
    spelled = {snake(key): key for key in _structure(row).keys}
    scenes = []
    for one in rows:
        unreadable: dict[Kind, Unreadable] = {}
        texts: dict[Kind, str] = {}
        for kind in SCENE_KINDS:
            column = kinds.row(kind).kept
            stored = one.texts[column] or ""
            if column in one.unreadable:
                unreadable[kind] = one.unreadable[column]
            elif not is_storable(stored):
                unreadable[kind] = "not_storable"
            texts[kind] = "" if kind in unreadable else stored
        scenes.append(
            Scene(
                id=one.id,
                number=number_of(one.number),
                beat_key=spelled.get(one.beat_key, one.beat_key) if one.beat_key else None,
                texts=texts,
                shots=tuple(shots.get(one.id, ())),
                unreadable=unreadable,
            )
        )
    return tuple(sorted(scenes, key=in_order))


def _structure(row: StoryRow) -> Structure:
    type_ = row.structure_type or ""
    kept = [one for one in STRUCTURES if row.maps.keys() >= set(MAPS_OF[one])]
    if type_ not in kept:
        raise UnreadableStory(row.title or row.id, type_, kept)
    return structure(type_)


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


def read_shots(
    session: Session, those: sa.Select[Any] | None, asked: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Some shots (`shots_of_story`, and what narrows it) by the id of their scene."""
    found: dict[str, list[Any]] = {}
    if those is None:
        return found
    for scene_id, shot in session.execute(those, asked):
        found.setdefault(scene_id, []).append(_shot(shot))
    return found


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
