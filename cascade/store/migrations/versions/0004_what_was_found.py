"""What stood where a text was replaced, whose scene it is, and what Cascade itself has made.

Whether the product's tables were made here can be told of an earlier version's database by the
names of their primary keys, which its first migration chose. The samples are told by their names
where nobody else is in the database.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PRODUCT_TABLES = ("projects", "story_versions", "scene_plots", "scene_shots")
_SAMPLE_USERS = {"editor", "producer", "viewer"}
_SAMPLE_PROJECT = "Sample Project"
_SAMPLE_STORIES = ("Tinggi Muka Air", "A Hundred Diameters", "Maximum Permissible Error")


def upgrade() -> None:
    op.add_column("revisions", sa.Column("scene_id", sa.String(length=64), nullable=True))
    op.add_column("revisions", sa.Column("cell", sa.Text(), nullable=True))
    op.add_column("run_steps", sa.Column("scene_id", sa.String(length=64), nullable=True))
    made = op.create_table(
        "cascade_made",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_cascade_made"),
    )
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    tables = [
        table
        for table in _PRODUCT_TABLES
        if inspector.get_pk_constraint(table)["name"] == f"pk_{table}"
    ]
    rows = [("table", table) for table in tables]
    if len(tables) == len(_PRODUCT_TABLES):
        rows += _samples(connection)
    for kind, id_ in rows:
        connection.execute(sa.insert(made).values(kind=kind, id=id_))


def _samples(connection: sa.Connection) -> list[tuple[str, str]]:
    users = connection.execute(sa.text("SELECT name, id FROM users")).all()
    if {name for name, _ in users} != _SAMPLE_USERS:
        return []
    found = [("user", id_) for _, id_ in users]
    for name, id_ in connection.execute(sa.text("SELECT name, id FROM projects ORDER BY id")):
        if name == _SAMPLE_PROJECT:
            found.append(("project", id_))
    # The oldest of each title: another of that name was imported later.
    stories: dict[str, str] = {}
    for title, id_ in connection.execute(
        sa.text("SELECT title, id FROM story_versions ORDER BY id")
    ):
        if title in _SAMPLE_STORIES:
            stories.setdefault(title, id_)
    return found + [("story", id_) for id_ in stories.values()]


def downgrade() -> None:
    op.drop_table("cascade_made")
    for table, columns in (("run_steps", ("scene_id",)), ("revisions", ("cell", "scene_id"))):
        for column in columns:
            op.drop_column(table, column)
