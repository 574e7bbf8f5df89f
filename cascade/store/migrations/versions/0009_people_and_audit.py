"""Who people are to a sign-in, admins, roles that come from claims, and the audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_APPEND_ONLY_SQLITE = """
CREATE TRIGGER cascade_audit_no_{verb} BEFORE {verb} ON cascade_audit
BEGIN SELECT RAISE(ABORT, 'cascade_audit is append-only'); END
"""
# REPLACE deletes without asking the trigger for deletes.
_NO_REPLACE_SQLITE = """
CREATE TRIGGER cascade_audit_no_REPLACE BEFORE INSERT ON cascade_audit
WHEN EXISTS (SELECT 1 FROM cascade_audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cascade_audit is append-only'); END
"""
_APPEND_ONLY_POSTGRES = """
CREATE FUNCTION cascade_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cascade_audit is append-only'; END $$;
CREATE TRIGGER cascade_audit_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON cascade_audit
FOR EACH STATEMENT EXECUTE FUNCTION cascade_audit_append_only()
"""
_IS_KNOWN = sa.text("subject IS NOT NULL")


def upgrade() -> None:
    for column in (
        _no("is_admin"),
        _no("admin_from_claims"),
        sa.Column("issuer", sa.String(length=500), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("cascade_users", column)
    # An index and no constraint: SQLite adds none to a table that is there.
    op.create_index(
        "cascade_uq_users_issuer_subject",
        "cascade_users",
        ["issuer", "subject"],
        unique=True,
        sqlite_where=_IS_KNOWN,
        postgresql_where=_IS_KNOWN,
    )
    op.add_column("cascade_project_members", _no("from_claims"))
    op.create_table(
        "cascade_audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("object", sa.String(length=300), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["cascade_users.id"], name="cascade_fk_audit_user_id"),
        sa.PrimaryKeyConstraint("id", name="cascade_pk_audit"),
    )
    op.create_index("cascade_ix_audit_project_id", "cascade_audit", ["project_id"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))
        op.execute(_NO_REPLACE_SQLITE)
    else:
        op.execute(_APPEND_ONLY_POSTGRES)


def _no(name: str) -> sa.Column[bool]:
    """A column that says no of every row that is there."""
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
