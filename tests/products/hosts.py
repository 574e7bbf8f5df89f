"""The products of this folder as databases, and everything in them that is not Cascade's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

HERE = Path(__file__).parent
# What a trigger of the product's changes in a row that is rewritten.
BY_THE_PRODUCT = ("updated_at",)

# Every row of every table, by table and by the row's place, each value as the database's own text.
Dump = dict[str, dict[str, dict[str, str | None]]]


@dataclass(frozen=True)
class Host:
    """One product: its tables, the file of its names, and a change that can be planned in it."""

    name: str
    story: str
    levels: dict[str, int]
    # The values that the change's plan writes: table, key of the row, column.
    written: set[tuple[str, str, str]]
    credits: int
    kinds: tuple[str, ...] = ("postgres",)
    keys: dict[str, str] = field(default_factory=dict)
    # The project of that story, where there are several.
    project: str | None = None

    @property
    def env(self) -> dict[str, str]:
        """The settings that it needs."""
        names = HERE / f"{self.name}.toml"
        return {"CASCADE_PRODUCT": str(names)} if names.exists() else {}


STORY, SCENE = "aaaaaaaa-1111-4111-8111-111111111111", "bbbbbbbb-{0}-4{1}-8{1}-{2}"
FOUR = "bbbbbbbb-1111-4111-8111-111111111111"
FIVE = "bbbbbbbb-2222-4222-8222-222222222222"
HOSTS = [
    Host(
        "hosted",
        STORY,
        {"midpoint": 5},
        {
            ("public.story_versions", STORY, "tension_levels"),
            ("public.story_versions", STORY, "cat_beats"),
            ("public.story_versions", STORY, "cat_key_actions"),
            ("public.scene_plots", FOUR, "plot"),
            ("public.scene_plots", FIVE, "plot"),
            ("public.scene_scripts", FOUR, "content"),
            ("public.scene_scripts", FOUR, "words"),
            ("public.scene_scripts", FIVE, "*"),
        },
        credits=3 + 2 + 2 * 3 + 2 * 4,
        keys={"public.scene_scripts": "scene_id"},
        project="The Ferry",
    ),
    Host(
        "numbered",
        "1",
        {"ordeal": 5},
        {
            ("public.story_versions", "1", "tension_levels"),
            ("public.story_versions", "1", "hero_beats"),
            ("public.story_versions", "1", "hero_key_actions"),
            ("public.scene_plots", "1", "plot"),
            ("public.scene_plots", "1", "script"),
            ("public.scene_plots", "2", "plot"),
            ("public.scene_plots", "2", "script"),
        },
        credits=3 + 2 + 2 * 3 + 2 * 4,
        project="1",
    ),
    Host(
        "renamed",
        "d1",
        {"go": 5},
        {
            ("studio.drafts", "d1", "curve"),
            ("studio.drafts", "d1", "loop_beats"),
            ("studio.drafts", "d1", "loop_actions"),
            ("studio.Scenes", "s1", "summary"),
            ("studio.Scenes", "s2", "summary"),
            ("studio.pages", "s1", "fountain"),
            ("studio.pages", "s2", "fountain"),
        },
        credits=3 + 2 + 2 * 3 + 2 * 4,
        keys={"studio.drafts": "key", "studio.pages": "scene"},
    ),
    Host(
        "plain",
        "s1",
        {"take": 5},
        {
            ("public.story_versions", "s1", "tension_levels"),
            ("public.story_versions", "s1", "harmon_beats"),
            ("public.story_versions", "s1", "harmon_key_actions"),
            ("public.scene_plots", "c1", "plot"),
            ("public.scene_plots", "c1", "script"),
            ("public.scene_plots", "c2", "plot"),
            ("public.scene_plots", "c2", "script"),
        },
        credits=3 + 2 + 2 * 3 + 2 * 4,
        kinds=("postgres", "sqlite"),
    ),
    Host(
        "shared",
        "1",
        {"setup": 5},
        {
            ("public.versions", "1", "tension_levels"),
            ("public.versions", "1", "beats"),
            ("public.versions", "1", "key_actions"),
            ("public.versions_1", "1", "tension_levels"),
            ("public.versions_1", "1", "beats"),
            ("public.versions_1", "1", "key_actions"),
            ("public.versions_0", "1", "tension_levels"),
            ("public.versions_0", "1", "beats"),
            ("public.versions_0", "1", "key_actions"),
            ("public.all_scenes", "100", "plot"),
            ("public.all_scenes", "100", "script"),
        },
        credits=3 + 2 + 3 + 4,
    ),
]


def make(engine: sa.Engine, name: str) -> None:
    """Makes a product's tables and rows."""
    script = (HERE / f"{name}.sql").read_text(encoding="utf-8")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if engine.dialect.name == "sqlite":
            driver.executescript(script.replace("E'", "'"))
        else:
            with driver.cursor() as cursor:
                cursor.execute(script)
            driver.commit()


@contextmanager
def stranger(url: str) -> Iterator[sa.Engine]:
    """A database as its owner sees it."""
    address = sa.make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def dump(engine: sa.Engine, keys: dict[str, str]) -> Dump:
    """Everything in the database that is not Cascade's; `keys` are those that are not `id`."""
    with engine.connect() as connection:
        found: Dump = {}
        for table, columns in _columns(connection).items():
            key = keys.get(table, "id")
            key = key if key in columns else columns[0]
            shown = ", ".join(f'CAST("{one}" AS text) AS "{one}"' for one in columns)
            name = table if engine.dialect.name == "sqlite" else table.split(".", 1)[1]
            schema = "" if engine.dialect.name == "sqlite" else f'"{table.split(".", 1)[0]}".'
            name = name.removeprefix("public.")
            rows = connection.exec_driver_sql(f'SELECT {shown} FROM {schema}"{name}"').mappings()
            found[table] = {str(row[key]): dict(row) for row in rows}
        return found


def _columns(connection: sa.Connection) -> dict[str, list[str]]:
    if connection.dialect.name == "sqlite":
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).scalars()
        return {
            f"public.{table}": [
                row[1] for row in connection.exec_driver_sql(f'PRAGMA table_info("{table}")')
            ]
            for table in sorted(tables)
            if table in ("projects", "story_versions", "scene_plots")
        }
    found: dict[str, list[str]] = {}
    for schema, table, column in connection.exec_driver_sql(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE"
        " table_schema NOT IN ('pg_catalog', 'information_schema', 'cascade_dbos') AND"
        " table_name NOT LIKE 'cascade%%' AND table_name IN (SELECT table_name FROM"
        " information_schema.tables WHERE table_type = 'BASE TABLE')"
        " ORDER BY 1, 2, ordinal_position"
    ):
        found.setdefault(f"{schema}.{table}", []).append(column)
    return found


def shape(engine: sa.Engine) -> list[Any]:
    """Every table, column, index, constraint and trigger that is not Cascade's."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return list(
                connection.exec_driver_sql(
                    "SELECT name, sql FROM sqlite_master WHERE tbl_name IN"
                    " ('projects', 'story_versions', 'scene_plots', 'scene_shots') ORDER BY 1"
                ).all()
            )
        return list(
            connection.exec_driver_sql(
                "SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),"
                " a.attnotnull, (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid),"
                " (SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = c.oid),"
                " (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid), c.relowner"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                " WHERE n.nspname NOT LIKE 'pg%%' AND n.nspname NOT IN ('information_schema',"
                " 'cascade_dbos') AND c.relname NOT LIKE 'cascade%%' ORDER BY 1, 2, a.attnum"
            ).all()
        )


def differences(before: Dump, after: Dump) -> set[tuple[str, str, str]]:
    """Which values are others: table, key of the row, column; `*` where a row came or went."""
    found = set()
    for table in before.keys() | after.keys():
        old, new = before.get(table, {}), after.get(table, {})
        for key in old.keys() | new.keys():
            if key not in old or key not in new:
                found.add((table, key, "*"))
                continue
            found |= {
                (table, key, column)
                for column in old[key]
                if old[key][column] != new[key].get(column) and column not in BY_THE_PRODUCT
            }
    return found
