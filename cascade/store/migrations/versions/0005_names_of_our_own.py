"""Everything of Cascade's begins with `cascade_`, and refers to no table of the product's.

A database that has nothing of Cascade's yet begins here, with all that the migrations before would
have made: under their plain names (`users`, `runs`) its product may have tables itself. That it is
none of an earlier version is told by `cascade_made`, which the migration before this one makes.

SQLite changes no constraint of a table that is there: each is made anew and its rows are copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PREFIX = "cascade_"
_APPEND_ONLY_SQLITE = """
CREATE TRIGGER cascade_credit_entries_no_{verb} BEFORE {verb} ON cascade_credit_entries
BEGIN SELECT RAISE(ABORT, 'cascade_credit_entries is append-only'); END
"""
# REPLACE deletes without asking the trigger for deletes.
_NO_REPLACE_SQLITE = """
CREATE TRIGGER cascade_credit_entries_no_REPLACE BEFORE INSERT ON cascade_credit_entries
WHEN EXISTS (SELECT 1 FROM cascade_credit_entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cascade_credit_entries is append-only'); END
"""
_APPEND_ONLY_POSTGRES = """
CREATE FUNCTION cascade_credit_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cascade_credit_entries is append-only'; END $$;
CREATE TRIGGER cascade_credit_entries_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON cascade_credit_entries
FOR EACH STATEMENT EXECUTE FUNCTION cascade_credit_entries_append_only()
"""

# The tables as they are from here on, their columns in the order in which the migrations before
# this one had made them, so that both ways lead to the same.
_PRODUCT, _OWN = sa.MetaData(), sa.MetaData()
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True)
_AT = sa.DateTime(timezone=True)
_ID = sa.String(length=64)
_STATUS_IS_ACTIVE = sa.text("status IN ('queued', 'running', 'cancelling')")


def _needed(name: str, type_: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


def _maybe(name: str, type_: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=True)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"cascade_pk_{table}")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"cascade_{to}.id"], name=f"cascade_fk_{table}_{column}"
    )


def _unique_where(name: str, columns: tuple[str, ...], where: sa.TextClause) -> sa.Index:
    return sa.Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


sa.Table(
    "projects",
    _PRODUCT,
    _needed("id", _ID),
    _needed("name", sa.Text()),
    sa.PrimaryKeyConstraint("id", name="pk_projects"),
)
sa.Table(
    "story_versions",
    _PRODUCT,
    _needed("id", _ID),
    _needed("project_id", _ID),
    _needed("title", sa.Text()),
    _needed("language", sa.String(length=8)),
    _maybe("synopsis", sa.Text()),
    _maybe("genre", sa.Text()),
    _maybe("tone", sa.Text()),
    _needed("structure_type", sa.String(length=16)),
    _maybe("tension_levels", _JSON),
    _maybe("hero_beats", _JSON),
    _maybe("hero_key_actions", _JSON),
    _maybe("cat_beats", _JSON),
    _maybe("cat_key_actions", _JSON),
    _maybe("harmon_beats", _JSON),
    _maybe("harmon_key_actions", _JSON),
    sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_story_versions_project_id"),
    sa.PrimaryKeyConstraint("id", name="pk_story_versions"),
    sa.Index("ix_story_versions_project_id", "project_id"),
)
sa.Table(
    "scene_plots",
    _PRODUCT,
    _needed("id", _ID),
    _needed("story_version_id", _ID),
    _maybe("beat_key", sa.String(length=64)),
    _needed("scene_number", sa.Integer()),
    _maybe("plot", sa.Text()),
    _maybe("script", sa.Text()),
    sa.ForeignKeyConstraint(
        ["story_version_id"], ["story_versions.id"], name="fk_scene_plots_story_version_id"
    ),
    sa.PrimaryKeyConstraint("id", name="pk_scene_plots"),
    sa.UniqueConstraint(
        "story_version_id", "scene_number", name="uq_scene_plots_story_version_id_scene_number"
    ),
)
sa.Table(
    "scene_shots",
    _PRODUCT,
    _needed("id", _ID),
    _needed("scene_plot_id", _ID),
    _needed("shot_number", sa.Integer()),
    _needed("shot", _JSON),
    sa.ForeignKeyConstraint(
        ["scene_plot_id"], ["scene_plots.id"], name="fk_scene_shots_scene_plot_id"
    ),
    sa.PrimaryKeyConstraint("id", name="pk_scene_shots"),
    sa.Index("ix_scene_shots_scene_plot_id", "scene_plot_id"),
)

_made = sa.Table(
    "cascade_made",
    _OWN,
    _needed("kind", sa.String(length=16)),
    _needed("id", _ID),
    _key("made", "kind", "id"),
)
sa.Table(
    "cascade_users",
    _OWN,
    _needed("id", _ID),
    _needed("name", sa.String(length=200)),
    _needed("display_name", sa.Text()),
    _key("users", "id"),
    sa.UniqueConstraint("name", name="cascade_uq_users_name"),
)
sa.Table(
    "cascade_project_members",
    _OWN,
    _needed("project_id", _ID),
    _needed("user_id", _ID),
    _needed("role", sa.String(length=16)),
    _refers("project_members", "user_id", "users"),
    _key("project_members", "project_id", "user_id"),
)
sa.Table(
    "cascade_credit_accounts",
    _OWN,
    _needed("id", _ID),
    _needed("project_id", _ID),
    _needed("user_id", _ID),
    _needed("deposited", sa.Integer()),
    _needed("available", sa.Integer()),
    _needed("held", sa.Integer()),
    _needed("captured", sa.Integer()),
    sa.CheckConstraint(
        "available + held + captured = deposited", name="cascade_ck_credit_accounts_conserved"
    ),
    sa.CheckConstraint(
        "available >= 0 AND held >= 0 AND captured >= 0",
        name="cascade_ck_credit_accounts_not_negative",
    ),
    _refers("credit_accounts", "user_id", "users"),
    _key("credit_accounts", "id"),
    sa.UniqueConstraint(
        "project_id", "user_id", name="cascade_uq_credit_accounts_project_id_user_id"
    ),
)
sa.Table(
    "cascade_credit_entries",
    _OWN,
    _needed("id", _BIG),
    _needed("account_id", _ID),
    _needed("kind", sa.String(length=8)),
    _needed("credits", sa.Integer()),
    _maybe("run_id", _ID),
    _maybe("step_key", sa.String(length=128)),
    _needed("at", _AT),
    sa.CheckConstraint("credits >= 0", name="cascade_ck_credit_entries_whole"),
    _refers("credit_entries", "account_id", "credit_accounts"),
    _key("credit_entries", "id"),
    sa.Index("cascade_ix_credit_entries_account_id", "account_id"),
    _unique_where(
        "cascade_uq_credit_entries_capture", ("run_id", "step_key"), sa.text("kind = 'capture'")
    ),
    _unique_where(
        "cascade_uq_credit_entries_hold_release",
        ("run_id", "kind"),
        sa.text("kind IN ('hold', 'release')"),
    ),
)
sa.Table(
    "cascade_drafts",
    _OWN,
    _needed("story_version_id", _ID),
    _needed("user_id", _ID),
    _needed("levels", _JSON),
    _needed("directions", _JSON),
    _needed("updated_at", _AT),
    _refers("drafts", "user_id", "users"),
    _key("drafts", "story_version_id", "user_id"),
)
sa.Table(
    "cascade_pieces",
    _OWN,
    _needed("story_version_id", _ID),
    _needed("key", sa.String(length=128)),
    _maybe("out_of_date_since", _ID),
    _needed("locked", sa.Boolean()),
    _key("pieces", "story_version_id", "key"),
)
sa.Table(
    "cascade_revisions",
    _OWN,
    _needed("id", _BIG),
    _needed("story_version_id", _ID),
    _needed("key", sa.String(length=128)),
    _needed("digest", sa.String(length=16)),
    _needed("text", sa.Text()),
    _needed("created_at", _AT),
    _needed("origin", sa.String(length=16)),
    _maybe("replaces_id", _BIG),
    _maybe("author_id", _ID),
    _maybe("run_id", _ID),
    _maybe("step_key", sa.String(length=128)),
    _maybe("level", sa.Integer()),
    _maybe("provider", sa.String(length=16)),
    _maybe("model", sa.String(length=200)),
    _maybe("prompt_version", sa.String(length=64)),
    _maybe("prompt_hash", sa.String(length=64)),
    _maybe("inputs_hash", sa.String(length=64)),
    _maybe("prompt_tokens", sa.Integer()),
    _maybe("cached_tokens", sa.Integer()),
    _maybe("completion_tokens", sa.Integer()),
    _maybe("latency_ms", sa.Integer()),
    _maybe("scene_id", _ID),
    _maybe("cell", sa.Text()),
    _refers("revisions", "author_id", "users"),
    _refers("revisions", "replaces_id", "revisions"),
    _key("revisions", "id"),
    sa.Index("cascade_ix_revisions_piece", "story_version_id", "key"),
    sa.Index("cascade_ix_revisions_run_id", "run_id"),
)
sa.Table(
    "cascade_runs",
    _OWN,
    _needed("id", _ID),
    _needed("story_version_id", _ID),
    _needed("account_id", _ID),
    _needed("user_id", _ID),
    _maybe("approved_by", _ID),
    _needed("status", sa.String(length=20)),
    _needed("plan", _JSON),
    _needed("plan_hash", sa.String(length=64)),
    _needed("estimated_credits", sa.Integer()),
    _needed("provider", sa.String(length=16)),
    _needed("model", sa.String(length=200)),
    _maybe("resumed_from", _ID),
    _needed("chain_id", _ID),
    _needed("last_seq", sa.Integer()),
    _needed("created_at", _AT),
    _maybe("started_at", _AT),
    _maybe("finished_at", _AT),
    _maybe("error", sa.Text()),
    _maybe("error_code", sa.String(length=64)),
    _maybe("error_fields", _JSON),
    sa.CheckConstraint(
        "status IN ('awaiting_approval', 'rejected', 'queued', 'running', 'cancelling', "
        "'done', 'cancelled', 'failed')",
        name="cascade_ck_runs_status",
    ),
    _refers("runs", "account_id", "credit_accounts"),
    _refers("runs", "approved_by", "users"),
    _refers("runs", "resumed_from", "runs"),
    _refers("runs", "user_id", "users"),
    _key("runs", "id"),
    sa.Index("cascade_ix_runs_story_version_id", "story_version_id"),
    _unique_where("cascade_uq_runs_active", ("story_version_id",), _STATUS_IS_ACTIVE),
)
sa.Table(
    "cascade_run_events",
    _OWN,
    _needed("run_id", _ID),
    _needed("seq", sa.Integer()),
    _needed("at", _AT),
    _maybe("once", sa.String(length=160)),
    _needed("body", _JSON),
    _refers("run_events", "run_id", "runs"),
    _key("run_events", "run_id", "seq"),
    sa.UniqueConstraint("run_id", "once", name="cascade_uq_run_events_run_id_once"),
)
sa.Table(
    "cascade_run_steps",
    _OWN,
    _needed("run_id", _ID),
    _needed("key", sa.String(length=128)),
    _needed("chain_id", _ID),
    _needed("position", sa.Integer()),
    _needed("credits", sa.Integer()),
    _needed("status", sa.String(length=16)),
    _maybe("saved_digest", sa.String(length=16)),
    _maybe("revision_id", _BIG),
    _maybe("saved_at", _AT),
    _maybe("error", sa.Text()),
    _maybe("error_code", sa.String(length=64)),
    _maybe("accepted_call_id", sa.BigInteger()),
    _maybe("error_fields", _JSON),
    _maybe("scene_id", _ID),
    _refers("run_steps", "revision_id", "revisions"),
    _refers("run_steps", "run_id", "runs"),
    _key("run_steps", "run_id", "key"),
    _unique_where("cascade_uq_run_steps_saved", ("chain_id", "key"), sa.text("status = 'saved'")),
)
sa.Table(
    "cascade_model_calls",
    _OWN,
    _needed("id", _BIG),
    _needed("run_id", _ID),
    _needed("step_key", sa.String(length=128)),
    _needed("attempt", sa.Integer()),
    _needed("at", _AT),
    _needed("outcome", sa.String(length=16)),
    _maybe("code", sa.String(length=64)),
    _needed("provider", sa.String(length=16)),
    _needed("model", sa.String(length=200)),
    _maybe("prompt_hash", sa.String(length=64)),
    _maybe("prompt_tokens", sa.Integer()),
    _maybe("cached_tokens", sa.Integer()),
    _maybe("completion_tokens", sa.Integer()),
    _needed("latency_ms", sa.Integer()),
    _maybe("rejected_text", sa.Text()),
    _maybe("reason", sa.Text()),
    _maybe("prompt_version", sa.String(length=64)),
    _refers("model_calls", "run_id", "runs"),
    _key("model_calls", "id"),
    sa.Index("cascade_ix_model_calls_run_id", "run_id"),
)
sa.Table(
    "cascade_live_texts",
    _OWN,
    _needed("run_id", _ID),
    _needed("step_key", sa.String(length=128)),
    _needed("text", sa.Text()),
    _refers("live_texts", "run_id", "runs"),
    _key("live_texts", "run_id", "step_key"),
)

# On Postgres: what refers to the product's tables, by table and column.
_TO_THE_PRODUCT = (
    ("project_members", "project_id"),
    ("credit_accounts", "project_id"),
    ("drafts", "story_version_id"),
    ("pieces", "story_version_id"),
    ("revisions", "story_version_id"),
    ("runs", "story_version_id"),
)


def upgrade() -> None:
    connection = op.get_bind()
    if not sa.inspect(connection).has_table(_made.name):
        _make(connection)
    elif connection.dialect.name == "sqlite":
        _copy(connection)
    else:
        _rename(connection)
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))
        op.execute(_NO_REPLACE_SQLITE)
    else:
        op.execute(_APPEND_ONLY_POSTGRES)


def _make(connection: sa.Connection) -> None:
    """Makes the product's tables where there is no product, which is noted, and Cascade's own."""
    made = context.config.attributes.get("made")
    if made is None:
        made = set(_PRODUCT.tables) - set(sa.inspect(connection).get_table_names())
    missing = [table for table in _PRODUCT.sorted_tables if table.name in made]
    for table in missing:
        table.create(connection)
    _OWN.create_all(connection, checkfirst=False)
    for table in missing:
        connection.execute(sa.insert(_made).values(kind="table", id=table.name))


def _copy(connection: sa.Connection) -> None:
    """Makes each table anew under its new name, with every row of the old one, which goes."""
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        # Dropping a table would then empty it first, row by row, against whatever refers to it.
        raise RuntimeError("foreign_keys has to be off, from before the transaction")
    for table in _OWN.sorted_tables:
        old = table.name.removeprefix(_PREFIX)
        if table is _made:
            old = f"{_made.name}_before"
            connection.exec_driver_sql(f"ALTER TABLE {_made.name} RENAME TO {old}")
        table.create(connection)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {old} ORDER BY rowid"
        )
        connection.exec_driver_sql(f"DROP TABLE {old}")


def _rename(connection: sa.Connection) -> None:
    """Renames each table with all that belongs to it; what refers to the product's tables goes."""
    tables = [table.name.removeprefix(_PREFIX) for table in _OWN.sorted_tables]
    # All at once, the runs first as everybody does, so that an older version's executor that is
    # at work meanwhile is waited for, or waits, and finds either all of the tables or none.
    tables.remove("made")
    tables.sort(key=lambda name: name != "runs")
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    for name, column in _TO_THE_PRODUCT:
        op.execute(f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS fk_{name}_{column}")
    op.execute("DROP TRIGGER IF EXISTS credit_entries_append_only ON credit_entries")
    op.execute("DROP FUNCTION IF EXISTS credit_entries_append_only()")
    op.execute(f"ALTER TABLE {_made.name} RENAME CONSTRAINT pk_cascade_made TO cascade_pk_made")
    for table in _OWN.sorted_tables:
        if table is _made:
            continue
        old = table.name.removeprefix(_PREFIX)
        # One that whoever owns the database has taken away, or an older server does not name
        # (what must not be null), is left as it is.
        there = set(
            connection.scalars(
                sa.text(
                    "SELECT conname FROM pg_constraint WHERE conrelid = CAST(:old AS regclass)"
                ),
                {"old": old},
            )
        )
        for name in _constraints(table):
            if (former := name.removeprefix(_PREFIX)) in there:
                connection.exec_driver_sql(
                    f"ALTER TABLE {old} RENAME CONSTRAINT {former} TO {name}"
                )
        for index in table.indexes:
            former = str(index.name).removeprefix(_PREFIX)
            connection.exec_driver_sql(f"ALTER INDEX IF EXISTS {former} RENAME TO {index.name}")
        if table.autoincrement_column is not None:
            connection.exec_driver_sql(
                f"ALTER SEQUENCE IF EXISTS {old}_id_seq RENAME TO {table.name}_id_seq"
            )
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {table.name}")


def _constraints(table: sa.Table) -> Iterator[str]:
    for constraint in table.constraints:
        yield str(constraint.name)
    for column in table.columns:
        if not column.nullable:
            yield f"{table.name}_{column.name}_not_null"


def downgrade() -> None:
    raise RuntimeError("rows may refer to stories that are gone by now; restore a backup instead")
