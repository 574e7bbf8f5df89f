"""An index by which a scene's revisions are found among a story's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_IS_OF_SCENE = sa.text("scene_id IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "cascade_ix_revisions_scene",
        "cascade_revisions",
        ["story_version_id", "scene_id"],
        sqlite_where=_IS_OF_SCENE,
        postgresql_where=_IS_OF_SCENE,
    )
