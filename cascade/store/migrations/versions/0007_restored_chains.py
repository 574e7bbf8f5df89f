"""When a chain of runs was put back as a whole, and why somebody found a text to fit.

A chain of before of which every text has been put back counts as put back with the last of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "cascade_runs", sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("cascade_revisions", sa.Column("reason", sa.Text(), nullable=True))
    op.create_index("cascade_ix_runs_chain_id", "cascade_runs", ["chain_id"])
    runs, steps, revisions = (
        sa.table("cascade_runs", sa.column("id"), sa.column("chain_id"), sa.column("restored_at")),
        sa.table(
            "cascade_run_steps",
            sa.column("chain_id"),
            sa.column("status"),
            sa.column("revision_id"),
        ),
        sa.table(
            "cascade_revisions",
            sa.column("origin"),
            sa.column("replaces_id"),
            sa.column("created_at"),
        ),
    )
    of_chain = sa.and_(steps.c.chain_id == runs.c.id, steps.c.status == "saved")
    brought_back = sa.and_(
        revisions.c.replaces_id == steps.c.revision_id, revisions.c.origin == "restored"
    )
    last = (
        sa.select(sa.func.max(revisions.c.created_at))
        .select_from(steps.join(revisions, brought_back))
        .where(of_chain)
    ).scalar_subquery()
    still_there = sa.select(steps.c.chain_id).where(
        of_chain, ~sa.select(revisions.c.origin).where(brought_back).exists()
    )
    op.execute(
        sa.update(runs)
        .values(restored_at=last)
        .where(runs.c.id == runs.c.chain_id, ~still_there.exists())
    )
