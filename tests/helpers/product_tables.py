"""Tables that a product has made, and what a database has of tables at all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cascade.store.database import Database
from cascade.store.tables import Base

PRODUCT = ["projects", "story_versions", "scene_plots", "scene_shots"]


OWN = {table.name for table in Base.metadata.sorted_tables} - set(PRODUCT)


def schema(database: Database) -> dict[str, Any]:
    """All that the database says of its tables, and their rows."""

    def told(inspector: sa.Inspector, table: str) -> list[Any]:
        columns = inspector.get_columns(table)
        indexes = inspector.get_indexes(table)
        return [
            [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in columns],
            [(one["name"], one["column_names"], one["unique"]) for one in indexes],
            inspector.get_foreign_keys(table),
            inspector.get_unique_constraints(table),
        ]

    with database.read() as session:
        inspector = sa.inspect(session.connection())
        return {
            table: [
                *told(inspector, table),
                session.execute(sa.text(f'SELECT * FROM "{table}"')).all(),
            ]
            for table in sorted(inspector.get_table_names())
        }


def product_tables(
    sqlite: bool, beat_key: bool = True, script: bool = True, json_type: str = "JSONB"
) -> list[str]:
    """The product's tables as its own program makes them: other types, more columns, no names."""
    text = "TEXT" if sqlite else "VARCHAR"
    json_ = "TEXT" if sqlite else json_type
    maps = ", ".join(
        f"{structure}_{what} {json_}"
        for structure in ("hero", "cat", "harmon")
        for what in ("beats", "key_actions")
    )
    found = [
        f"CREATE TABLE projects (id {text} PRIMARY KEY, name {text}, owner {text})",
        f"CREATE TABLE story_versions (id {text} PRIMARY KEY, project_id {text} REFERENCES "
        f"projects (id), title {text}, language {text}, synopsis {text}, genre {text}, tone {text},"
        f" structure_type {text}, tension_levels {json_}, {maps}, "
        f"created_on {text} DEFAULT 'today')",
        f"CREATE TABLE scene_plots (id {text} PRIMARY KEY, story_version_id {text} REFERENCES "
        f"story_versions (id), {f'beat_key {text}, ' if beat_key else ''}scene_number INTEGER, "
        f"plot {text}{f', script {text}' if script else ''}, mood {text})",
        f"CREATE TABLE scene_shots (id {text} PRIMARY KEY, scene_plot_id {text} REFERENCES "
        f"scene_plots (id), shot_number INTEGER, shot {json_})",
    ]
    if not script:
        found.append(f"CREATE TABLE scripts (id INTEGER, scene_plot_id {text}, content {text})")
    return found


ROWS = [
    "INSERT INTO projects VALUES ('p-1', 'The Product', 'Ana')",
    "INSERT INTO story_versions (id, project_id, title, language, structure_type, tension_levels,"
    " cat_beats, cat_key_actions) VALUES ('s-1', 'p-1', 'Found', 'en', 'cat',"
    ' \'{"midpoint": 2, "finale": "high"}\', \'{"midpoint": "old content", "other": [1]}\','
    ' \'{"midpoint": "old action"}\')',
]


def execute(database: Database, statements: list[str]) -> None:
    with database.write() as session:
        for statement in statements:
            session.connection().exec_driver_sql(statement)


SCENE = (
    "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script, mood) "
    "VALUES ('c-1', 's-1', 'midpoint', 1, 'old plot', 'old script', 'grey')"
)


SHOT = "INSERT INTO scene_shots VALUES ('t-1', 'c-1', 1, '{\"size\": \"wide\"}')"
