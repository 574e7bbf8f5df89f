"""What each text was made from is kept with its revision; marks follow from that.

Of what a version before had marked as out of date, what stands there now is kept as made from
nothing that could stand above it. Everything else counts as made from what stands there today.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SCENE_TEXTS = {"scenePlot": "plot", "script": "script"}
_BEAT_TEXTS = {"beatContent": "beats", "keyAction": "key_actions"}


def upgrade() -> None:
    connection = op.get_bind()
    kept: sa.Column[bool] = sa.Column(
        "is_kept", sa.Boolean(), nullable=False, server_default=sa.true()
    )
    op.add_column("cascade_revisions", kept)
    op.add_column("cascade_revisions", sa.Column("sources", sa.JSON(), nullable=True))
    op.drop_column("cascade_revisions", "inputs_hash")
    marks = connection.execute(
        sa.text(
            "SELECT story_version_id, key, out_of_date_since FROM cascade_pieces "
            "WHERE out_of_date_since IS NOT NULL"
        )
    ).all()
    rows = [
        {
            "story": story_id,
            "key": key,
            "scene": scene_id,
            "digest": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            "at": datetime.now(UTC),
            "sources": {"markedFor": run_id},
        }
        for story_id, key, run_id in marks
        for scene_id, text in _standing(connection, story_id, key)
    ]
    insert = sa.text(
        "INSERT INTO cascade_revisions (story_version_id, key, scene_id, digest, text, is_kept, "
        "created_at, origin, sources) "
        "VALUES (:story, :key, :scene, :digest, '', :kept, :at, 'found', :sources)"
    ).bindparams(
        sa.bindparam("kept", False, sa.Boolean()),
        sa.bindparam("at", type_=sa.DateTime(timezone=True)),
        sa.bindparam("sources", type_=sa.JSON()),
    )
    for row in rows:
        connection.execute(insert, row)
    op.drop_column("cascade_pieces", "out_of_date_since")


def _standing(connection: sa.Connection, story_id: str, key: str) -> list[tuple[str | None, str]]:
    """What stands at a piece, with the id of its scene if it is of one; none where it is gone."""
    beat, kind, *scene = key.split("/")
    if not scene:
        return [(None, text) for text in _beat_text(connection, story_id, beat, kind)]
    rows = connection.execute(
        sa.text(
            "SELECT id, plot, script FROM scene_plots "
            "WHERE story_version_id = :story AND scene_number = :number "
            "AND beat_key IN (:beat, :snake)"
        ),
        {"story": story_id, "number": int(scene[0]), "beat": beat, "snake": _snake(beat)},
    ).all()
    if len(rows) != 1:
        return []
    [row] = rows
    if kind == "shots":
        return [(row.id, _shots(connection, row.id))]
    return [(row.id, str(getattr(row, _SCENE_TEXTS[kind]) or ""))]


def _beat_text(connection: sa.Connection, story_id: str, beat: str, kind: str) -> list[str]:
    structure = connection.execute(
        sa.text("SELECT structure_type FROM story_versions WHERE id = :story"),
        {"story": story_id},
    ).scalar()
    if structure not in ("hero", "cat", "harmon"):
        return []
    column = f"{structure}_{_BEAT_TEXTS[kind]}"
    stored = connection.execute(
        sa.text(f"SELECT CAST({column} AS TEXT) FROM story_versions WHERE id = :story"),
        {"story": story_id},
    ).scalar()
    try:
        there = json.loads(stored or "{}", strict=False)
    except ValueError:
        return []
    if not isinstance(there, dict):
        return []
    return [_text(there.get(beat, there.get(_snake(beat))))]


def _snake(beat: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", beat).lower()


def _text(cell: Any) -> str:
    if isinstance(cell, dict):
        texts = [cell.get(name) for name in ("content", "text", "body", "description")]
        return next((text for text in texts if isinstance(text, str)), "")
    return cell if isinstance(cell, str) else ""


def _shots(connection: sa.Connection, scene_id: str) -> str:
    rows = connection.execute(
        sa.text(
            "SELECT CAST(shot AS TEXT) FROM scene_shots WHERE scene_plot_id = :scene "
            "ORDER BY shot_number"
        ),
        {"scene": scene_id},
    ).scalars()
    shots = [json.loads(shot) if shot is not None else None for shot in rows]
    return json.dumps(shots, ensure_ascii=False, sort_keys=True)
