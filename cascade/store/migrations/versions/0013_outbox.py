"""The outbox: what is to be told elsewhere, kept until it was taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_IS_WAITING = sa.text("taken_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "cascade_outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=160), nullable=True),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name="cascade_pk_outbox"),
        sa.UniqueConstraint("id", name="cascade_uq_outbox_id"),
    )
    op.create_index("cascade_ix_outbox_about", "cascade_outbox", ["kind", "about"])
    op.create_index(
        "cascade_ix_outbox_waiting",
        "cascade_outbox",
        ["number"],
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    )
