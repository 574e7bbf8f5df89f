"""What a project allows: its threshold, budget, time zone and writers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cascade_project_rules",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("approve_above", sa.Integer(), nullable=True),
        sa.Column("budget", sa.Integer(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("writers", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "approve_above >= 0 AND budget >= 0",
            name=op.f("cascade_ck_project_rules_not_negative"),
        ),
        sa.PrimaryKeyConstraint("project_id", name="cascade_pk_project_rules"),
    )
