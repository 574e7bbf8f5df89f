"""Revisions: every text that was replaced, and what wrote its successor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.store.pieces import Stood
from cascade.store.tables import Base, Revision, now
from cascade.story.piece import Piece
from cascade.story.story import Story, digest

# Revisions that a statement asks about while it adds one.
_other, _kept = aliased(Revision), aliased(Revision)
# An alias finds its columns when it is first asked for one; a second thread that asks meanwhile is
# told that there is none. So they are asked for before there is another thread.
for _alias in (_other, _kept):
    for _attribute in sa.inspect(Revision).column_attrs:
        getattr(_alias, _attribute.key).__clause_element__()
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


def keep_found(session: Session, *found: tuple[Place, Stood]) -> None:
    """Keeps what stands at some places now, where nothing has kept it yet, in one statement.

    What another program wrote is kept as `found`. Where nothing is there and nothing ever was,
    there is nothing to keep.
    """
    at = now()
    given: dict[str, Any] = {}
    for n, (place, stood) in enumerate(found):
        values = {
            **place.values,
            "digest": digest(stood.text),
            "text": stood.text,
            "cell": stood.cell,
            "created_at": at,
            "origin": "found",
            "is_kept": True,
        }
        given |= {f"{name}_of_{n}": value for name, value in values.items()}
        given |= {**place.asked(n), f"is_nothing_{n}": stood == Stood("")}
    session.execute(_keep(tuple(bool(place.scene_id) for place, _ in found)), given)


def add(session: Session, place: Place, stood: Stood, **more: Any) -> int:
    """Keeps what stands at a place from now on, in the place of its newest revision; its own id."""
    row = {**place.values, "digest": digest(stood.text), "text": stood.text, "cell": stood.cell}
    added = _add(of_scene=bool(place.scene_id))
    return int(session.execute(added, {**row, **more, **place.asked()}).scalar_one())


# Statements are made once: making one takes longer than executing it.


@cache
def _keep(of_scenes: tuple[bool, ...]) -> sa.Insert:
    """Keeps what was found at so many places, each a beat's or a scene's."""
    names = ["story_version_id", "key", "scene_id", "digest", "text", "cell", "created_at"]
    names += ["origin", "is_kept"]
    rows = []
    for n, of_scene in enumerate(of_scenes):
        values = {name: sa.bindparam(f"{name}_of_{n}", type_=_TABLE.c[name].type) for name in names}
        newest = _newest(n, of_scene=of_scene)
        kept = sa.select(_kept.id).where(
            _kept.id == newest,
            _kept.digest == values["digest"],
            _kept.cell.is_not_distinct_from(values["cell"]),
            _kept.is_kept,
        )
        is_nothing = sa.bindparam(f"is_nothing_{n}", type_=sa.Boolean())
        rows.append(
            sa.select(*values.values()).where(
                ~kept.exists(), sa.not_(is_nothing) | newest.is_not(None)
            )
        )
    return sa.insert(_TABLE).from_select(names, sa.union_all(*rows))


@cache
def _add(*, of_scene: bool) -> Any:
    """Adds a revision that takes the place of the newest one of its place."""
    return (
        sa.insert(_TABLE).values(replaces_id=_newest(0, of_scene=of_scene)).returning(_TABLE.c.id)
    )


def _newest(n: int, *, of_scene: bool) -> sa.ScalarSelect[int | None]:
    """The id of the newest revision of a place, given as `Place.asked`."""

    def given(name: str) -> sa.BindParameter[str]:
        return sa.bindparam(f"{name}_{n}", type_=sa.Text())

    of_story = sa.select(_other.id).where(_other.story_version_id == given("story"))
    by_key = of_story.where(_other.key == given("key"))
    if not of_scene:
        return by_key.with_only_columns(sa.func.max(_other.id)).scalar_subquery()
    # The scene's texts of a kind, whatever number it had at the time; those of before the scene was
    # kept go by their key. Each by its index: of an OR, SQLite reads the whole story.
    of_kind = _other.key.like(sa.literal("%/").concat(given("kind")).concat("/%"))
    by_scene = of_story.where(_other.scene_id == given("scene"), of_kind)
    either = sa.union_all(by_scene, by_key.where(_other.scene_id.is_(None))).subquery()
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
