"""Requests, notes, and an account of a project itself, which may pay where an editor cannot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ACCOUNTS = "cascade_credit_accounts"
_COLUMNS = "id, project_id, user_id, deposited, available, held, captured"
_IS_PROJECTS = sa.text("user_id IS NULL")
_IS_WAITING = sa.text("status = 'awaiting_approval'")
# Nothing made a request before; one that is there all the same is there to be decided.
_NOTE_WAITING = """
INSERT INTO cascade_requests (run_id, cause, comments, updated_at)
SELECT id, 'wish', '[]', created_at FROM cascade_runs WHERE status = 'awaiting_approval'
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_accounts_anew()
    else:
        op.alter_column(_ACCOUNTS, "user_id", nullable=True)
    op.create_index(
        "cascade_uq_credit_accounts_project",
        _ACCOUNTS,
        ["project_id"],
        unique=True,
        sqlite_where=_IS_PROJECTS,
        postgresql_where=_IS_PROJECTS,
    )
    op.add_column("cascade_runs", sa.Column("note", sa.Text(), nullable=True))
    op.create_index(
        "cascade_uq_runs_waiting",
        "cascade_runs",
        ["story_version_id", "user_id"],
        unique=True,
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    )
    op.create_table(
        "cascade_requests",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("resumes", sa.String(length=64), nullable=True),
        sa.Column("comments", sa.JSON(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cause IN ('threshold', 'credits', 'wish')", name=op.f("cascade_ck_requests_cause")
        ),
        sa.CheckConstraint(
            "decision IN ('approved', 'declined', 'withdrawn', 'replaced', 'expired', 'void')",
            name=op.f("cascade_ck_requests_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["cascade_users.id"], name="cascade_fk_requests_decided_by"
        ),
        sa.ForeignKeyConstraint(
            ["resumes"], ["cascade_runs.id"], name="cascade_fk_requests_resumes"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["cascade_runs.id"], name="cascade_fk_requests_run_id"),
        sa.PrimaryKeyConstraint("run_id", name="cascade_pk_requests"),
    )
    op.execute(_NOTE_WAITING)


def _make_accounts_anew() -> None:
    """SQLite changes no column of a table that is there.

    What refers to the table does so by its name, which the new one gets.
    """
    new = f"{_ACCOUNTS}_new"
    op.create_table(
        new,
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("deposited", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("captured", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "available + held + captured = deposited",
            name=op.f("cascade_ck_credit_accounts_conserved"),
        ),
        sa.CheckConstraint(
            "available >= 0 AND held >= 0 AND captured >= 0",
            name=op.f("cascade_ck_credit_accounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["cascade_users.id"], name="cascade_fk_credit_accounts_user_id"
        ),
        sa.PrimaryKeyConstraint("id", name="cascade_pk_credit_accounts"),
        sa.UniqueConstraint(
            "project_id", "user_id", name="cascade_uq_credit_accounts_project_id_user_id"
        ),
    )
    op.execute(f"INSERT INTO {new} ({_COLUMNS}) SELECT {_COLUMNS} FROM {_ACCOUNTS} ORDER BY id")
    op.drop_table(_ACCOUNTS)
    op.rename_table(new, _ACCOUNTS)
