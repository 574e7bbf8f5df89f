"""To which server the texts of a run go; of earlier runs that is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cascade_runs", sa.Column("server", sa.String(length=300), nullable=True))
