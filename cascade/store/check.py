"""What a database has for Cascade, told table by table and row by row. Writes nothing."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import RowsHidden, UnreadableStory
from cascade.store import denied, rights, stories
from cascade.store.database import Database
from cascade.store.ids import oldest_first
from cascade.store.product import Whole, product_of, whole_of
from cascade.store.product.wanted import NEEDED, SCRIPTS, SHOTS, WANTED
from cascade.store.product.writing import written
from cascade.store.tables import PREFIX, PRODUCT_TABLES, QUEUE_SCHEMA, Base, Made, is_own
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
class ColumnReport:
    """One column of a product's table: its type, and what it is taken for; None for nothing.

    `most` is how many characters it holds, where there is a limit.
    """

    name: str
    type: str
    taken_for: str | None
    most: int | None
    must_be_filled: bool


@dataclass(frozen=True, slots=True)
class TableReport:
    """What a database has of one table: missing columns are named; `exists` False, the whole.

    `taken_for` is what we call a product's table, `needed` whether one may do without it. `unfit`
    are columns whose type keeps the program from working with the table, as `id (numeric)`;
    `earlier` is the name that it still has in a database of an earlier version.
    """

    table: str
    exists: bool
    missing_columns: tuple[str, ...]
    product: bool
    unfit: tuple[str, ...] = ()
    earlier: str | None = None
    taken_for: str | None = None
    needed: bool = True
    columns: tuple[ColumnReport, ...] = ()

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
    product's nor Cascade's; `version` is the schema's, None where Cascade has made none. `faults`
    are what is wrong with the tables, their names and the role's rights; `notes` what is good to
    know and in nobody's way. `names` is the file that would say what was found.
    """

    tables: tuple[TableReport, ...]
    scripts: tuple[str, ...]
    others: tuple[str, ...] = ()
    version: str | None = None
    unreadable: tuple[UnreadableRows, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: str = ""

    @property
    def is_empty(self) -> bool:
        """True where there is no table at all, in any schema: everything is made at the start."""
        return not self.others and not any(table.exists for table in self.tables)

    @property
    def complete(self) -> bool:
        """True where nothing is missing."""
        return all(table.complete for table in self.tables if table.needed)

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
        found += [
            f"{one.table} is another program's"
            for one in self.tables
            if not one.product and one.exists and self.version is None
        ]
        return (*found, *self.faults)


def report(database: Database, *, rows: bool = False) -> SchemaReport:
    """What the database has, the product's tables first.

    With `rows` also what of them is unreadable, and what the role may not do.
    Raises DatabaseUnavailable.
    """
    if database.path is not None and not database.path.exists():
        # Connecting would make the file.
        return SchemaReport(tuple(_made_later()), ())
    database.ping()
    with database.read() as session:
        connection = session.connection()
        there = version(session)
        columns = _columns(connection)
        whole = whole_of(connection)
        right = rights.look(connection, whole) if rows else rights.Look()
        hidden = _hidden(connection, whole, database.name) if rows and not right.faults else ()
        found = SchemaReport(
            tables=_tables(columns, whole, there),
            scripts=whole.scripts or _scripts(columns),
            others=_others(connection, columns, whole, there),
            version=there,
            faults=(*_of_names(whole), *whole.gaps, *right.faults, *hidden),
            notes=(
                *_good_to_know(whole),
                *right.notes,
                *(_of_the_address(database) if rows else ()),
            ),
            names=written(whole),
        )
        if rows and whole.is_there and not found.problems:
            found = replace(found, unreadable=tuple(_unreadable(session)))
        if rows and not right.faults:
            found = replace(found, tables=tuple(_without_own_columns(session, found)))
    return found


def _without_own_columns(session: Session, found: SchemaReport) -> Iterator[TableReport]:
    """The tables, those that Cascade has made itself without their columns: it knows them."""
    made = set()
    if any(one.table == Made.__tablename__ and one.exists for one in found.tables):
        made = set(session.scalars(sa.select(Made.id).where(Made.kind == "table")))
    for one in found.tables:
        yield replace(one, columns=()) if one.table in made else one


def _home(connection: sa.Connection) -> str | None:
    """The schema that Cascade's own tables are named with; None where they are named without."""
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    found: str | None = translated.get(None)
    return found


def _columns(connection: sa.Connection) -> dict[str, set[str]]:
    """The columns of all tables that statements mean without a schema."""
    inspector, home = sa.inspect(connection), _home(connection)
    with warnings.catch_warnings():
        # A type of an extension's is none of ours.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        return {
            table: {column["name"] for column in inspector.get_columns(table, schema=home)}
            for table in inspector.get_table_names(schema=home)
        }


def _hidden(connection: sa.Connection, whole: Whole, where: str) -> tuple[str, ...]:
    """Where policies let the role see no story at all: no start goes on from there."""
    if connection.dialect.name == "sqlite":
        return ()
    try:
        denied.check_rows_are_seen(connection, whole, where)
    except RowsHidden as error:
        named = " and ".join(error.fields["tables"])
        return (f'row-level security hides every row of {named} from "{error.fields["role"]}"',)
    return ()


def _of_the_address(database: Database) -> Iterator[str]:
    if database.is_pooled:
        yield (
            "the address leads to a pooler that gives each transaction another session: whoever "
            "executes runs needs a direct address, CASCADE_EXECUTOR_URL"
        )


def _of_names(whole: Whole) -> Iterator[str]:
    for problem in whole.in_the_map:
        yield f"CASCADE_PRODUCT: {problem}"
    if not whole.in_the_map:
        for schema in whole.elsewhere:
            yield (
                f"the schema {schema} has tables of stories that no statement sees; say "
                f'schema = "{schema}" in the file of CASCADE_PRODUCT'
            )


def _good_to_know(whole: Whole) -> Iterator[str]:
    """What limits the work on the tables that are there, and is in nobody's way."""
    for one in whole.tables.values():
        if one.table is None:
            continue
        id_ = one.columns.get("id")
        if id_ is not None and id_.name not in one.table.unique and not one.table.is_view:
            yield f"{one.table.name}.{id_.name} is no key: a change that meets two rows is refused"
        for wanted in WANTED[one.ours]:
            column = one.columns.get(wanted.name)
            is_written = wanted.use in ("text", "map")
            if column is not None and is_written and column.length is not None:
                yield (
                    f"{one.table.name}.{column.name} holds {column.length} characters at most: a "
                    "longer text ends its step, unsaved and uncharged"
                )
    if whole.left is not None:
        yield (
            f"scripts are taken from {whole.scripts[0]}; where they are in {whole.left}, say so: "
            f'[scripts] table = "{whole.left}"'
        )
    if whole.is_there and whole.title_is_the_projects_name:
        yield "a story has no title of its own: it is called as its project is"
    if whole.is_there and whole.tables[SHOTS].table is None:
        yield "no shots are kept: there is no table of them"


def version(session: Session) -> str | None:
    """The schema's version; None where Cascade has made none."""
    connection = session.connection()
    home = _home(connection)
    if not sa.inspect(connection).has_table(VERSION_TABLE, schema=home):
        return None
    versions = sa.table(VERSION_TABLE, sa.column("version_num"), schema=home)
    number = session.scalar(sa.select(versions.c.version_num))
    return str(number) if number is not None else None


def _made_later() -> Iterator[TableReport]:
    """All tables, of which none is there."""
    for table in sorted(Base.metadata.sorted_tables, key=lambda one: is_own(one.name)):
        missing = tuple(column.name for column in table.columns)
        yield TableReport(table.name, False, missing, product=not is_own(table.name))


def _tables(
    columns: dict[str, set[str]], whole: Whole, version: str | None
) -> tuple[TableReport, ...]:
    has_plain_names = version is not None and version <= LAST_OF_PLAIN_NAMES
    found = list(_of_the_product(whole))
    for table in Base.metadata.sorted_tables:
        if is_own(table.name):
            there = columns.get(table.name, set())
            found.append(
                TableReport(
                    table=table.name,
                    exists=table.name in columns,
                    missing_columns=tuple(c.name for c in table.columns if c.name not in there),
                    product=False,
                    earlier=_plain(table.name, columns) if has_plain_names else None,
                )
            )
    return tuple(found)


def _of_the_product(whole: Whole) -> Iterator[TableReport]:
    for ours, one in whole.tables.items():
        if one.table is None:
            if ours != SCRIPTS:
                missing = tuple(wanted.name for wanted in WANTED[ours])
                needed = ours in NEEDED or not whole.is_there
                name = whole.names.table(ours)
                yield TableReport(name, False, missing, True, taken_for=ours, needed=needed)
            continue
        taken = {column.name: name for name, column in one.columns.items()}
        yield TableReport(
            table=one.table.name,
            exists=True,
            missing_columns=one.missing,
            product=True,
            unfit=one.unfit,
            taken_for=ours,
            columns=tuple(
                ColumnReport(
                    column.name,
                    column.type,
                    taken.get(column.name),
                    column.length,
                    column.must_be_filled,
                )
                for column in one.table.columns.values()
            ),
        )


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
    connection: sa.Connection, columns: dict[str, set[str]], whole: Whole, version: str | None
) -> tuple[str, ...]:
    """The tables, in any schema, that are neither the product's nor Cascade's nor its queue's."""
    if connection.dialect.name == "sqlite":
        names = sorted(columns)
    else:
        names = list(connection.scalars(sa.text(_TABLES_ON_POSTGRES)))
    ours = {name for name in Base.metadata.tables if is_own(name)} | {VERSION_TABLE}
    if version is not None and version <= LAST_OF_PLAIN_NAMES:
        ours |= {name.removeprefix(PREFIX) for name in ours if is_own(name)}
    for one in whole.tables.values():
        if one.table is not None:
            ours |= {one.table.name, f"{one.table.schema}.{one.table.name}"}
    return tuple(
        name.removeprefix("public.")
        for name in names
        if not ours & {name, name.removeprefix("public.")}
        and not name.startswith(f"{QUEUE_SCHEMA}.")
    )


def _unreadable(session: Session) -> Iterator[UnreadableRows]:
    counts: Counter[tuple[str, str]] = Counter()
    named: dict[tuple[str, str], dict[str, None]] = {}
    id_ = product_of(session).stories["id"]
    ids = session.scalars(sa.select(id_).order_by(*oldest_first(id_))).all()
    for story_id in ids:
        for reason in _reasons(session, story_id):
            counts[reason] += 1
            named.setdefault(reason, {})[story_id] = None
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
