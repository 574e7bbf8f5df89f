"""Revisions: every text that was replaced, and what wrote its successor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.store.pieces import Stood
from cascade.store.tables import Revision, now
from cascade.story.piece import Piece
from cascade.story.story import Story, digest

# Revisions that a statement asks about while it adds one.
_other, _kept = aliased(Revision), aliased(Revision)


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

    def newest(self) -> sa.ScalarSelect[int | None]:
        """The id of its newest revision, as a query."""
        wanted = sa.select(sa.func.max(_other.id)).where(
            _other.story_version_id == self.story_id, of_piece(self.key, self.scene_id, _other)
        )
        return wanted.scalar_subquery()


def keep_found(session: Session, *found: tuple[Place, Stood]) -> None:
    """Keeps what stands at some places now, where nothing has kept it yet, in one statement.

    What another program wrote is kept as `found`. Where nothing is there and nothing ever was,
    there is nothing to keep.
    """
    at = now()
    rows = []
    for place, stood in found:
        values = {
            **place.values,
            "digest": digest(stood.text),
            "text": stood.text,
            "cell": stood.cell,
            "created_at": at,
            "origin": "found",
            "is_kept": True,
        }
        kept = sa.select(_kept.id).where(
            _kept.id == place.newest(),
            _kept.digest == values["digest"],
            _kept.cell.is_not_distinct_from(stood.cell),
            _kept.is_kept,
        )
        missing = ~kept.exists()
        if stood == Stood(""):
            missing &= place.newest().is_not(None)
        columns = Revision.__table__.c
        rows.append(
            sa.select(
                *(sa.literal(value, columns[name].type) for name, value in values.items())
            ).where(missing)
        )
    session.execute(sa.insert(Revision).from_select(list(values), sa.union_all(*rows)))


def add(session: Session, place: Place, stood: Stood, **more: Any) -> int:
    """Keeps what stands at a place from now on, in the place of its newest revision; its own id."""
    row = {**place.values, "digest": digest(stood.text), "text": stood.text, "cell": stood.cell}
    return session.execute(
        sa.insert(Revision).values(**row, **more, replaces_id=place.newest()).returning(Revision.id)
    ).scalar_one()


def of_piece(key: str, scene_id: str, table: type[Revision] = Revision) -> sa.ColumnElement[bool]:
    """The revisions of one piece: a scene's by the scene, whatever number it had at the time.

    Those of before the scene was kept go by their key.
    """
    if not scene_id:
        return table.key == key
    kind = Piece.parse(key).kind
    own = (table.scene_id == scene_id) & table.key.contains(f"/{kind}/", autoescape=True)
    return own | (table.scene_id.is_(None) & (table.key == key))


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
