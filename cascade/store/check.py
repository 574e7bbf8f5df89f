"""What a database has for Cascade, told table by table and row by row. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import UnreadableStory
from cascade.store import product, stories
from cascade.store.database import Database
from cascade.store.tables import PREFIX, PRODUCT_TABLES, QUEUE_SCHEMA, Base, StoryVersion, is_own
from cascade.story.piece import Piece

# Not Alembic's usual name: the product may keep its own migrations in the same database.
VERSION_TABLE = "cascade_alembic_version"
# The last version of before Cascade's tables had names that no product has.
LAST_OF_PLAIN_NAMES = "0004"
# How many stories are named for one reason; the rest is counted.
MOST_NAMED = 5
# Every table but the system's and those that belong to an extension.
_TABLES_ON_POSTGRES = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND n.nspname !~ '^pg_(toast|temp)' AND NOT EXISTS
(SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
AND d.deptype = 'e') ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What a database has of one table: missing columns are named; `exists` False, the whole.

    `unfit` are columns whose type keeps the program from working with the table, as `id (uuid)`;
    `earlier` is the name that it still has in a database of an earlier version.
    """

    table: str
    exists: bool
    missing_columns: tuple[str, ...]
    product: bool
    unfit: tuple[str, ...] = ()
    earlier: str | None = None

    @property
    def complete(self) -> bool:
        """True where nothing is missing and all fits."""
        return self.exists and not self.missing_columns and not self.unfit


@dataclass(frozen=True, slots=True)
class UnreadableRows:
    """What of the stories cannot be read, or planned, for one reason.

    `what` is a kind of piece, `structure`, `language` or `scene`; `why` is one of the reasons of
    `story.story` (`Unreadable`, `Keyless`). `stories` are the ids of the first few.
    """

    what: str
    why: str
    count: int
    stories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What a database has of the schema, and which of its rows cannot be read.

    `scripts` are the columns that seem to hold scripts; `others` the tables that are neither the
    product's nor Cascade's; `version` is the schema's, None where Cascade has made none.
    """

    tables: tuple[TableReport, ...]
    scripts: tuple[str, ...]
    others: tuple[str, ...] = ()
    version: str | None = None
    unreadable: tuple[UnreadableRows, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True where there is no table at all, in any schema: everything is made at the start."""
        return not self.others and not any(table.exists for table in self.tables)

    @property
    def complete(self) -> bool:
        """True where nothing is missing."""
        return all(table.complete for table in self.tables)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps a run from starting, even after `db upgrade`; empty where nothing does."""
        found = []
        stories_are_there = any(one.exists for one in self.tables if one.product)
        if not self.is_empty and not stories_are_there:
            named = ", ".join(self.others[:MOST_NAMED])
            found.append(
                f"it has tables ({named}{', …' if len(self.others) > MOST_NAMED else ''}) but none "
                f"that hold stories ({', '.join(PRODUCT_TABLES)})"
            )
        for one in self.tables:
            if one.product and one.exists and one.missing_columns:
                found.append(f"{one.table} lacks {', '.join(one.missing_columns)}")
            if not one.product and one.exists and self.version is None:
                found.append(f"{one.table} is another program's")
        unfit = [f"{one.table}.{column}" for one in self.tables for column in one.unfit]
        if unfit:
            found.append(f"its keys are no text, which they must be here: {', '.join(unfit)}")
        return tuple(found)


def report(database: Database, *, rows: bool = False) -> SchemaReport:
    """What the database has, the product's tables first; with `rows` what of them is unreadable.

    Raises DatabaseUnavailable.
    """
    if database.path is not None and not database.path.exists():
        # Connecting would make the file.
        return SchemaReport(_tables({}, product.Product({}), None), ())
    database.ping()
    with database.read() as session:
        connection = session.connection()
        inspector = sa.inspect(connection)
        there = version(session)
        columns = {
            table: {column["name"] for column in inspector.get_columns(table)}
            for table in inspector.get_table_names()
        }
        found = SchemaReport(
            tables=_tables(columns, product.reflect(connection), there),
            scripts=_scripts(columns),
            others=_others(connection, columns, there),
            version=there,
        )
        gaps = any(one.missing_columns for one in found.tables if one.product)
        if rows and not gaps and not found.problems:
            found = replace(found, unreadable=tuple(_unreadable(session)))
    return found


def version(session: Session) -> str | None:
    """The schema's version; None where Cascade has made none."""
    if not sa.inspect(session.connection()).has_table(VERSION_TABLE):
        return None
    versions = sa.table(VERSION_TABLE, sa.column("version_num"))
    number = session.scalar(sa.select(versions.c.version_num))
    return str(number) if number is not None else None


def _tables(
    columns: dict[str, set[str]], there: product.Product, version: str | None
) -> tuple[TableReport, ...]:
    has_plain_names = version is not None and version <= LAST_OF_PLAIN_NAMES
    tables = [
        TableReport(
            table=table.name,
            exists=table.name in columns,
            missing_columns=tuple(
                c.name for c in table.columns if c.name not in columns.get(table.name, ())
            ),
            product=table.name in PRODUCT_TABLES,
            unfit=tuple(
                f"{name} ({found.type})"
                for name, found in there.tables.get(table.name, {}).items()
                if name in ("id", "project_id", "story_version_id", "scene_plot_id")
                and not found.is_text
            ),
            earlier=_plain(table.name, columns) if has_plain_names else None,
        )
        for table in Base.metadata.sorted_tables
    ]
    return tuple(sorted(tables, key=lambda one: not one.product))


def _plain(table: str, columns: dict[str, set[str]]) -> str | None:
    """The name that a table of Cascade's had before, where it still stands under that."""
    plain = table.removeprefix(PREFIX)
    return plain if plain != table and plain in columns and table not in columns else None


def _scripts(columns: dict[str, set[str]]) -> tuple[str, ...]:
    return tuple(
        f"{table}.{column}"
        for table, names in sorted(columns.items())
        for column in sorted(names)
        if "script" in column or ("script" in table and column in ("content", "text", "body"))
    )


def _others(
    connection: sa.Connection, columns: dict[str, set[str]], version: str | None
) -> tuple[str, ...]:
    """The tables, in any schema, that are neither the product's nor Cascade's nor its queue's."""
    if connection.dialect.name == "sqlite":
        names = sorted(columns)
    else:
        names = list(connection.scalars(sa.text(_TABLES_ON_POSTGRES)))
    ours = {*Base.metadata.tables, VERSION_TABLE}
    if version is not None and version <= LAST_OF_PLAIN_NAMES:
        ours |= {name.removeprefix(PREFIX) for name in ours if is_own(name)}
    return tuple(
        name.removeprefix("public.")
        for name in names
        if name.removeprefix("public.") not in ours and not name.startswith(f"{QUEUE_SCHEMA}.")
    )


def _unreadable(session: Session) -> Iterator[UnreadableRows]:
    counts: Counter[tuple[str, str]] = Counter()
    named: dict[tuple[str, str], dict[str, None]] = {}
    ids = session.scalars(
        sa.select(StoryVersion.id).order_by(*stories.oldest_first(StoryVersion.id))
    ).all()
    for story_id in ids:
        for reason in _reasons(session, story_id):
            counts[reason] += 1
            named.setdefault(reason, {})[story_id] = None
        # Many stories are read one after the other; none is needed any more.
        session.expunge_all()
    for (what, why), count in sorted(counts.items()):
        yield UnreadableRows(what, why, count, tuple(named[what, why])[:MOST_NAMED])


def _reasons(session: Session, story_id: str) -> Iterator[tuple[str, str]]:
    try:
        story = stories.read_story(session, story_id)
    except UnreadableStory as error:
        yield "structure", "unknown" if error.fields["structure"] else "missing"
        return
    for key, why in story.unreadable.items():
        yield Piece.parse(key).kind if "/" in key else key, why
    for scene in story.scenes:
        for kind, why in scene.unreadable.items():
            yield kind, why
        keyless = story.keyless(scene)
        if keyless is not None:
            yield "scene", keyless
