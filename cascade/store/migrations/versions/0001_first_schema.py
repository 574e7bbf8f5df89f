"""The first schema: the product's tables where they are missing, and Cascade's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY_SQLITE = """
CREATE TRIGGER credit_entries_no_{verb} BEFORE {verb} ON credit_entries
BEGIN SELECT RAISE(ABORT, 'credit_entries is append-only'); END
"""
# REPLACE deletes without asking the trigger for deletes.
_NO_REPLACE_SQLITE = """
CREATE TRIGGER credit_entries_no_REPLACE BEFORE INSERT ON credit_entries
WHEN EXISTS (SELECT 1 FROM credit_entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'credit_entries is append-only'); END
"""
_APPEND_ONLY_POSTGRES = """
CREATE FUNCTION credit_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'credit_entries is append-only'; END $$;
CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entries
FOR EACH STATEMENT EXECUTE FUNCTION credit_entries_append_only()
"""


def upgrade() -> None:
    # In production the product has made its tables already; they are used as they are.
    there = set(sa.inspect(op.get_bind()).get_table_names())
    if "projects" not in there:
        op.create_table(
            "projects",
            sa.Column("id", sa.String(length=64), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("id", name="pk_projects"),
        )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "credit_accounts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("deposited", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("captured", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "available + held + captured = deposited", name=op.f("ck_credit_accounts_conserved")
        ),
        sa.CheckConstraint(
            "available >= 0 AND held >= 0 AND captured >= 0",
            name=op.f("ck_credit_accounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_credit_accounts_project_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_credit_accounts_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_credit_accounts"),
        sa.UniqueConstraint("project_id", "user_id", name="uq_credit_accounts_project_id_user_id"),
    )
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_project_members_project_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_project_members_user_id"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_project_members"),
    )
    if "story_versions" not in there:
        op.create_table(
            "story_versions",
            sa.Column("id", sa.String(length=64), nullable=False),
            sa.Column("project_id", sa.String(length=64), nullable=False),
            sa.Column("title", sa.Text(), nullable=False),
            sa.Column("language", sa.String(length=8), nullable=False),
            sa.Column("synopsis", sa.Text(), nullable=True),
            sa.Column("genre", sa.Text(), nullable=True),
            sa.Column("tone", sa.Text(), nullable=True),
            sa.Column("structure_type", sa.String(length=16), nullable=False),
            sa.Column("tension_levels", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("hero_beats", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("hero_key_actions", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("cat_beats", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("cat_key_actions", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("harmon_beats", sa.JSON(none_as_null=True), nullable=True),
            sa.Column("harmon_key_actions", sa.JSON(none_as_null=True), nullable=True),
            sa.ForeignKeyConstraint(
                ["project_id"], ["projects.id"], name="fk_story_versions_project_id"
            ),
            sa.PrimaryKeyConstraint("id", name="pk_story_versions"),
        )
    if "story_versions" not in there:
        op.create_index(
            "ix_story_versions_project_id", "story_versions", ["project_id"], unique=False
        )
    op.create_table(
        "credit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("step_key", sa.String(length=128), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_credit_entries_whole")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["credit_accounts.id"], name="fk_credit_entries_account_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_credit_entries"),
    )
    op.create_index("ix_credit_entries_account_id", "credit_entries", ["account_id"], unique=False)
    op.create_index(
        "uq_credit_entries_capture",
        "credit_entries",
        ["run_id", "step_key"],
        unique=True,
        sqlite_where=sa.text("kind = 'capture'"),
        postgresql_where=sa.text("kind = 'capture'"),
    )
    op.create_index(
        "uq_credit_entries_hold_release",
        "credit_entries",
        ["run_id", "kind"],
        unique=True,
        sqlite_where=sa.text("kind IN ('hold', 'release')"),
        postgresql_where=sa.text("kind IN ('hold', 'release')"),
    )
    op.create_table(
        "drafts",
        sa.Column("story_version_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("levels", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("directions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["story_version_id"], ["story_versions.id"], name="fk_drafts_story_version_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_drafts_user_id"),
        sa.PrimaryKeyConstraint("story_version_id", "user_id", name="pk_drafts"),
    )
    op.create_table(
        "pieces",
        sa.Column("story_version_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("out_of_date_since", sa.String(length=64), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["story_version_id"], ["story_versions.id"], name="fk_pieces_story_version_id"
        ),
        sa.PrimaryKeyConstraint("story_version_id", "key", name="pk_pieces"),
    )
    op.create_table(
        "revisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("story_version_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column(
            "replaces_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("author_id", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("step_key", sa.String(length=128), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("provider", sa.String(length=16), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("prompt_version", sa.String(length=64), nullable=True),
        sa.Column("prompt_hash", sa.String(length=64), nullable=True),
        sa.Column("inputs_hash", sa.String(length=64), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_revisions_author_id"),
        sa.ForeignKeyConstraint(["replaces_id"], ["revisions.id"], name="fk_revisions_replaces_id"),
        sa.ForeignKeyConstraint(
            ["story_version_id"], ["story_versions.id"], name="fk_revisions_story_version_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
    )
    op.create_index("ix_revisions_piece", "revisions", ["story_version_id", "key"], unique=False)
    op.create_index("ix_revisions_run_id", "revisions", ["run_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("story_version_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("plan_hash", sa.String(length=64), nullable=False),
        sa.Column("estimated_credits", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("resumed_from", sa.String(length=64), nullable=True),
        sa.Column("chain_id", sa.String(length=64), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "status IN ('awaiting_approval', 'rejected', 'queued', 'running', 'cancelling', "
            "'done', 'cancelled', 'failed')",
            name=op.f("ck_runs_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["credit_accounts.id"], name="fk_runs_account_id"),
        sa.ForeignKeyConstraint(["approved_by"], ["users.id"], name="fk_runs_approved_by"),
        sa.ForeignKeyConstraint(["resumed_from"], ["runs.id"], name="fk_runs_resumed_from"),
        sa.ForeignKeyConstraint(
            ["story_version_id"], ["story_versions.id"], name="fk_runs_story_version_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_runs_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_story_version_id", "runs", ["story_version_id"], unique=False)
    op.create_index(
        "uq_runs_active",
        "runs",
        ["story_version_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running', 'cancelling')"),
        postgresql_where=sa.text("status IN ('queued', 'running', 'cancelling')"),
    )
    if "scene_plots" not in there:
        op.create_table(
            "scene_plots",
            sa.Column("id", sa.String(length=64), nullable=False),
            sa.Column("story_version_id", sa.String(length=64), nullable=False),
            sa.Column("beat_key", sa.String(length=64), nullable=True),
            sa.Column("scene_number", sa.Integer(), nullable=False),
            sa.Column("plot", sa.Text(), nullable=True),
            sa.Column("script", sa.Text(), nullable=True),
            sa.ForeignKeyConstraint(
                ["story_version_id"], ["story_versions.id"], name="fk_scene_plots_story_version_id"
            ),
            sa.PrimaryKeyConstraint("id", name="pk_scene_plots"),
            sa.UniqueConstraint(
                "story_version_id",
                "scene_number",
                name="uq_scene_plots_story_version_id_scene_number",
            ),
        )
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("once", sa.String(length=160), nullable=True),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_events_run_id"),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_run_events"),
        sa.UniqueConstraint("run_id", "once", name="uq_run_events_run_id_once"),
    )
    op.create_table(
        "run_steps",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("chain_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("saved_digest", sa.String(length=16), nullable=True),
        sa.Column(
            "revision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name="fk_run_steps_revision_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_steps_run_id"),
        sa.PrimaryKeyConstraint("run_id", "key", name="pk_run_steps"),
    )
    op.create_index(
        "uq_run_steps_saved",
        "run_steps",
        ["chain_id", "key"],
        unique=True,
        sqlite_where=sa.text("status = 'saved'"),
        postgresql_where=sa.text("status = 'saved'"),
    )
    if "scene_shots" not in there:
        op.create_table(
            "scene_shots",
            sa.Column("id", sa.String(length=64), nullable=False),
            sa.Column("scene_plot_id", sa.String(length=64), nullable=False),
            sa.Column("shot_number", sa.Integer(), nullable=False),
            sa.Column("shot", sa.JSON(none_as_null=True), nullable=False),
            sa.ForeignKeyConstraint(
                ["scene_plot_id"], ["scene_plots.id"], name="fk_scene_shots_scene_plot_id"
            ),
            sa.PrimaryKeyConstraint("id", name="pk_scene_shots"),
        )
    if "scene_shots" not in there:
        op.create_index(
            "ix_scene_shots_scene_plot_id", "scene_shots", ["scene_plot_id"], unique=False
        )

    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))
        op.execute(_NO_REPLACE_SQLITE)
    else:
        op.execute(_APPEND_ONLY_POSTGRES)


def downgrade() -> None:
    raise RuntimeError("the first schema has nothing before it; restore a backup instead")
