"""Why credits were given, that they may be taken back, and ways to read many runs and entries.

What was given in error goes back as a grant of fewer than none: every sum stays what it was called.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ENTRIES = "cascade_credit_entries"
_WHOLE = "credits >= 0 OR kind = 'grant'"
_OLD = ("id", "account_id", "kind", "credits", "run_id", "step_key", "at")
_APPEND_ONLY = """
CREATE TRIGGER cascade_credit_entries_no_{verb} BEFORE {verb} ON cascade_credit_entries
BEGIN SELECT RAISE(ABORT, 'cascade_credit_entries is append-only'); END
"""
# REPLACE deletes without asking the trigger for deletes.
_NO_REPLACE = """
CREATE TRIGGER cascade_credit_entries_no_REPLACE BEFORE INSERT ON cascade_credit_entries
WHEN EXISTS (SELECT 1 FROM cascade_credit_entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cascade_credit_entries is append-only'); END
"""
_IS_CAPTURE = sa.text("kind = 'capture'")
_IS_ONCE = sa.text("kind IN ('hold', 'release')")
_IS_LINE = sa.text("kind IN ('grant', 'hold')")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.add_column(_ENTRIES, sa.Column("reason", sa.Text(), nullable=True))
        op.execute(f"ALTER TABLE {_ENTRIES} DROP CONSTRAINT cascade_ck_credit_entries_whole")
        op.create_check_constraint(op.f("cascade_ck_credit_entries_whole"), _ENTRIES, _WHOLE)
        op.drop_index("cascade_ix_credit_entries_account_id", _ENTRIES)
    op.create_index("cascade_ix_credit_entries_account_at", _ENTRIES, ["account_id", "at"])
    op.create_index(
        "cascade_ix_credit_entries_lines",
        _ENTRIES,
        ["account_id", "id"],
        sqlite_where=_IS_LINE,
        postgresql_where=_IS_LINE,
    )
    op.create_index("cascade_ix_runs_created_at", "cascade_runs", ["created_at", "id"])


def _make_anew() -> None:
    """SQLite changes no constraint of a table that is there; with it go its indexes and triggers.

    Nothing refers to the table, and dropping it asks no trigger.
    """
    new = f"{_ENTRIES}_new"
    op.create_table(
        new,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("step_key", sa.String(length=128), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(_WHOLE, name=op.f("cascade_ck_credit_entries_whole")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["cascade_credit_accounts.id"],
            name="cascade_fk_credit_entries_account_id",
        ),
        sa.PrimaryKeyConstraint("id", name="cascade_pk_credit_entries"),
    )
    columns = ", ".join(_OLD)
    op.execute(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {_ENTRIES} ORDER BY id")
    op.drop_table(_ENTRIES)
    op.rename_table(new, _ENTRIES)
    op.create_index(
        "cascade_uq_credit_entries_capture",
        _ENTRIES,
        ["run_id", "step_key"],
        unique=True,
        sqlite_where=_IS_CAPTURE,
    )
    op.create_index(
        "cascade_uq_credit_entries_hold_release",
        _ENTRIES,
        ["run_id", "kind"],
        unique=True,
        sqlite_where=_IS_ONCE,
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(_APPEND_ONLY.format(verb=verb))
    op.execute(_NO_REPLACE)
