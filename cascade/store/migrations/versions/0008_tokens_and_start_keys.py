"""Tokens for programs, and the names that they give to their starts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cascade_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["cascade_users.id"], name="cascade_fk_tokens_user_id"
        ),
        sa.PrimaryKeyConstraint("id", name="cascade_pk_tokens"),
        sa.UniqueConstraint("hash", name="cascade_uq_tokens_hash"),
    )
    op.create_index("cascade_ix_tokens_user_id", "cascade_tokens", ["user_id"])
    op.create_table(
        "cascade_start_keys",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["cascade_users.id"], name="cascade_fk_start_keys_user_id"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cascade_runs.id"], name="cascade_fk_start_keys_run_id"
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name="cascade_pk_start_keys"),
    )
