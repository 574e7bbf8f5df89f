"""Revisions: every text that was replaced, and what wrote its successor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.pieces import Stood
from cascade.store.tables import Base, Revision, now
from cascade.story.piece import Piece
from cascade.story.story import Story, digest

_TABLE = Base.metadata.tables[Revision.__tablename__]


@dataclass(frozen=True, slots=True)
class Written:
    """What wrote a text: the writer's provider and model, and the run."""

    provider: str
    model: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a revision belongs: a piece or a level by its key, a scene's also by the scene."""

    story_id: str
    key: str
    scene_id: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """As the columns of a revision."""
        return {
            "story_version_id": self.story_id,
            "key": self.key,
            "scene_id": self.scene_id or None,
        }

    def asked(self, n: int = 0) -> dict[str, str]:
        """As the parameters of `_newest`."""
        found = {f"story_{n}": self.story_id, f"key_{n}": self.key}
        if self.scene_id:
            found |= {f"scene_{n}": self.scene_id, f"kind_{n}": Piece.parse(self.key).kind}
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What stands at a place, what is to stand there, and what wrote that, as columns."""

    place: Place
    found: Stood
    new: Stood
    more: Mapping[str, Any]


def replace(session: Session, *changes: Change) -> list[int]:
    """Keeps what is to stand at some places in the place of what stands there; the ids of the new.

    What stands there is kept too where nothing has kept it yet: what another program wrote, as
    `found`. Where nothing is there and nothing ever was, there is nothing to keep. The story's row
    must be locked.
    """
    newest = _newest(session, [change.place for change in changes])
    found = [
        _row(change.place, change.found, origin="found", replaces_id=None)
        for change in changes
        if _is_lost(change.found, newest.get(change.place.key))
    ]
    before = {key: one.id for key, one in newest.items()} | _insert(session, found)
    ids = _insert(
        session,
        [
            _row(one.place, one.new, **one.more, replaces_id=before.get(one.place.key))
            for one in changes
        ],
    )
    return [ids[change.place.key] for change in changes]


def _is_lost(found: Stood, newest: sa.Row[Any] | None) -> bool:
    """Whether what stands at a place would be gone: its newest revision does not hold it."""
    if newest is None:
        return found != Stood("")
    there = newest.digest, newest.cell
    return not newest.is_kept or there != (digest(found.text), found.cell)


def _row(place: Place, stood: Stood, **more: Any) -> dict[str, Any]:
    return {
        **_EMPTY,
        **place.values,
        "digest": digest(stood.text),
        "text": stood.text,
        "cell": stood.cell,
        "is_kept": True,
        "created_at": now(),
        **more,
    }


def _insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Adds revisions of different places, in one statement; the id of each by its key."""
    if not rows:
        return {}
    added = session.execute(_ADD, rows)
    return {row.key: row.id for row in added}


def _newest(session: Session, places: Sequence[Place]) -> dict[str, sa.Row[Any]]:
    """The newest revision of each of some places by its key, where there is one; in one query."""
    asked: dict[str, str] = {}
    for n, place in enumerate(places):
        asked |= place.asked(n)
    wanted = _newest_of(tuple(bool(place.scene_id) for place in places))
    return {places[row.n].key: row for row in session.execute(wanted, asked)}


# Statements are made once: making one takes longer than executing it.
# A value for every column: rows of different origin go in by one statement.
_EMPTY = {column.name: None for column in _TABLE.c if not column.primary_key}
_ADD = sa.insert(_TABLE).returning(_TABLE.c.key, _TABLE.c.id)


@cache
def _newest_of(of_scenes: tuple[bool, ...]) -> sa.CompoundSelect[Any]:
    """The newest revisions of so many places, each a beat's or a scene's, as `Place.asked`."""
    columns = _TABLE.c.id, _TABLE.c.digest, _TABLE.c.cell, _TABLE.c.is_kept
    return sa.union_all(
        *(
            sa.select(sa.literal(n).label("n"), *columns).where(
                _TABLE.c.id == _newest_id(n, of_scene=of_scene)
            )
            for n, of_scene in enumerate(of_scenes)
        )
    )


def _newest_id(n: int, *, of_scene: bool) -> sa.ScalarSelect[int | None]:
    def given(name: str) -> sa.BindParameter[str]:
        return sa.bindparam(f"{name}_{n}", type_=sa.Text())

    other = _TABLE.alias()
    of_story = sa.select(other.c.id).where(other.c.story_version_id == given("story"))
    by_key = of_story.where(other.c.key == given("key"))
    if not of_scene:
        return by_key.with_only_columns(sa.func.max(other.c.id)).scalar_subquery()
    # The scene's texts of a kind, whatever number it had at the time; those of before the scene was
    # kept go by their key. Each by its index: of an OR, SQLite reads the whole story.
    of_kind = other.c.key.like(sa.literal("%/").concat(given("kind")).concat("/%"))
    by_scene = of_story.where(other.c.scene_id == given("scene"), of_kind)
    either = sa.union_all(by_scene, by_key.where(other.c.scene_id.is_(None))).subquery()
    return sa.select(sa.func.max(either.c.id)).scalar_subquery()


def replaced_by(session: Session, revision: Revision) -> Stood:
    """What a revision's text took the place of."""
    [stood] = all_replaced_by(session, [revision])
    return stood


def all_replaced_by(session: Session, replacing: Sequence[Revision]) -> list[Stood]:
    """What each revision's text took the place of, in one query."""
    wanted = [one.replaces_id for one in replacing if one.replaces_id is not None]
    rows = session.execute(
        sa.select(Revision.id, Revision.text, Revision.cell).where(Revision.id.in_(wanted))
    )
    old = {id_: Stood(text, cell) for id_, text, cell in rows}
    return [old.get(one.replaces_id or 0, Stood("")) for one in replacing]


def add_restored(session: Session, replaced: Revision, stood: Stood, author_id: str) -> None:
    """Keeps that a text came back in the place of another, and who brought it."""
    session.add(
        Revision(
            story_version_id=replaced.story_version_id,
            key=replaced.key,
            scene_id=replaced.scene_id,
            digest=digest(stood.text),
            text=stood.text,
            cell=stood.cell,
            origin="restored",
            replaces_id=replaced.id,
            author_id=author_id,
        )
    )
    session.flush()


def usual_latency_ms(session: Session, provider: str, model: str) -> int | None:
    """The middle latency of a writer's last 50 texts; None where it has written none."""
    latencies = sorted(
        latency
        for latency in session.scalars(
            sa.select(Revision.latency_ms)
            .where(
                Revision.provider == provider,
                Revision.model == model,
                Revision.latency_ms.is_not(None),
            )
            .order_by(Revision.id.desc())
            .limit(50)
        )
        if latency is not None
    )
    return latencies[len(latencies) // 2] if latencies else None


def writers(session: Session, story: Story) -> dict[str, Written]:
    """What wrote the texts that stand as a run wrote them, by piece key.

    Judged by the text itself: one that was edited since is nobody's. A scene that has another
    number or beat now keeps its own.
    """
    rows = session.execute(
        sa.select(
            Revision.key,
            Revision.scene_id,
            Revision.digest,
            Revision.provider,
            Revision.model,
            Revision.run_id,
        )
        .where(
            Revision.story_version_id == story.id,
            Revision.origin == "run",
            ~Revision.key.endswith("/level"),
        )
        .order_by(Revision.id)
    )
    newest: dict[str, tuple[str, Written]] = {}
    for key, scene_id, found, provider, model, run_id in rows:
        written = Written(provider or "", model or "", run_id or "")
        here = present_key(story, key, scene_id or "")
        if here is not None:
            newest[here] = found, written
    return {
        key: written for key, (found, written) in newest.items() if digest(story.text(key)) == found
    }


def present_key(story: Story, key: str, scene_id: str) -> str | None:
    """The key that a text has today, by the scene it hangs off; None where that has none."""
    piece = Piece.parse(key)
    if piece.scene is None:
        return key
    scene = story.scene_by_id(scene_id) if scene_id else story.scene_of(piece)
    if scene is None or scene.beat_key is None or story.keyless(scene) is not None:
        return None
    return str(Piece(scene.beat_key, piece.kind, scene.number))
