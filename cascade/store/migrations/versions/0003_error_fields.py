"""What an error's sentence is made of, and from which prompts a call's text was written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("runs", "run_steps"):
        op.add_column(table, sa.Column("error_fields", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("model_calls", sa.Column("prompt_version", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("model_calls", "prompt_version")
    for table in ("run_steps", "runs"):
        op.drop_column(table, "error_fields")
