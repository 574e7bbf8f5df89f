"""What a role may do on a Postgres server, and what is hidden from it; asked, not tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sqlalchemy as sa

from cascade.store.product import Taken, Whole
from cascade.store.product.wanted import (
    MAPS,
    PROJECTS,
    SCENE_TEXTS,
    SCENES,
    SCRIPTS,
    SHOTS,
    STORIES,
)
from cascade.store.tables import PREFIX, QUEUE_SCHEMA, Base, is_own

# What a run does with the product's tables; an import adds rows besides. With its own Cascade does
# everything.
_WITH_PRODUCT: Mapping[str, str] = MappingProxyType(
    {
        PROJECTS: "SELECT",
        STORIES: "SELECT, UPDATE",
        SCENES: "SELECT, UPDATE",
        SCRIPTS: "SELECT, INSERT, UPDATE",
        SHOTS: "SELECT",
    }
)
_WITH_IMPORT = "SELECT, INSERT, UPDATE"
_WITH_OWN = "SELECT, INSERT, UPDATE, DELETE"
# The columns of a table that are written, by our names.
_WRITTEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {STORIES: MAPS, SCENES: SCENE_TEXTS, SCRIPTS: ("text", "scene_plot_id")}
)


@dataclass(frozen=True, slots=True)
class Look:
    """What keeps a role from its work, and what is good to know of it."""

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def look(connection: sa.Connection, whole: Whole) -> Look:
    """Looks at a role's rights and at what row-level security leaves it."""
    if connection.dialect.name == "sqlite":
        return Look()
    role = str(connection.scalar(sa.text("SELECT current_user")))
    quote = connection.dialect.identifier_preparer.quote
    faults = [
        f'"{role}" lacks a right: {grant};' for grant in grants(connection, quote(role), whole)
    ]
    notes: list[str] = []
    for one in _there(whole):
        secured = _secured(connection, role, one)
        faults += secured.faults
        notes += secured.notes
    return Look(tuple(faults), tuple(notes))


def grants(
    connection: sa.Connection, role: str, whole: Whole, *, with_import: bool = False
) -> list[str]:
    """The statements that give a role what it lacks, as far as the database tells it."""
    schema = str(connection.scalar(sa.text("SELECT coalesce(current_schema(), 'public')")))
    database = str(connection.scalar(sa.text("SELECT current_database()")))
    quote = connection.dialect.identifier_preparer.quote
    lacking: dict[str, list[str]] = {}
    for one in _there(whole):
        needed = _WITH_IMPORT if with_import else _WITH_PRODUCT[one.ours]
        if not whole.is_there:
            # The tables of the product's that are made refer to those that are there.
            needed = f"{_WITH_IMPORT}, REFERENCES"
        assert one.table is not None
        if lacks := [right for right in needed.split(", ") if not _may(connection, one, right)]:
            lacking.setdefault(", ".join(lacks), []).append(_name(connection, one, schema))
    own = [table for table in Base.metadata.tables if is_own(table)]
    rows = connection.execute(
        sa.text(
            "SELECT n.nspname, c.relname, c.oid::bigint FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v')"
            " AND (n.nspname = :queue OR n.nspname = :schema AND starts_with(c.relname, :own))"
            " ORDER BY 1, 2"
        ),
        {"schema": schema, "own": PREFIX, "queue": QUEUE_SCHEMA},
    ).all()
    there = {name for where, name, _ in rows if where == schema}
    is_made = set(own) <= there and any(where == QUEUE_SCHEMA for where, _, _ in rows)
    for where, name, oid in rows:
        lacks = [
            right
            for right in _WITH_OWN.split(", ")
            if not connection.scalar(
                sa.text("SELECT has_table_privilege(CAST(:oid AS oid), :one)"),
                {"oid": oid, "one": right},
            )
        ]
        if lacks:
            table = quote(name) if where == schema else f"{where}.{quote(name)}"
            lacking.setdefault(", ".join(lacks), []).append(table)

    def may(what: str, name: str, right: str) -> bool:
        return bool(
            connection.scalar(
                sa.text(f"SELECT has_{what}_privilege(:name, :right)"),
                {"name": name, "right": right},
            )
        )

    rights = ("USAGE",) if is_made else ("USAGE", "CREATE")
    of_schema = [right for right in rights if not may("schema", schema, right)]
    found = [f"GRANT {', '.join(of_schema)} ON SCHEMA {quote(schema)}"] if of_schema else []
    theirs = {one.table.schema for one in _there(whole) if one.table is not None}
    found += [
        f"GRANT USAGE ON SCHEMA {quote(other)}"
        for other in sorted(one for one in theirs if one is not None)
        if other != schema and not may("schema", other, "USAGE")
    ]
    schemas = connection.scalars(sa.text("SELECT nspname FROM pg_namespace")).all()
    if QUEUE_SCHEMA not in schemas and not may("database", database, "CREATE"):
        found.append(f"GRANT CREATE ON DATABASE {quote(database)}")
    elif QUEUE_SCHEMA in schemas and not may("schema", QUEUE_SCHEMA, "USAGE"):
        found.append(f"GRANT USAGE ON SCHEMA {QUEUE_SCHEMA}")
    sequences = connection.execute(
        sa.text(
            "SELECT n.nspname, s.relname FROM pg_class s"
            " JOIN pg_namespace n ON n.oid = s.relnamespace"
            " JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'a'"
            " JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S'"
            " AND (n.nspname = :schema AND t.relname = ANY(:names) OR n.nspname = :queue)"
            # Asked of a sequence only: of a table it is an error.
            " AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE')"
            " ELSE false END ORDER BY s.relname"
        ),
        {"schema": schema, "names": own, "queue": QUEUE_SCHEMA},
    ).all()
    if sequences:
        names = (quote(name) if where == schema else f"{where}.{name}" for where, name in sequences)
        found.append(f"GRANT USAGE ON SEQUENCE {', '.join(names)}")
    found += [f"GRANT {missing} ON {', '.join(tables)}" for missing, tables in lacking.items()]
    return [f"{grant} TO {role}" for grant in found]


def hiding(connection: sa.Connection, whole: Whole) -> list[str]:
    """The tables, of those without a row of which there is nothing to work on, that hide rows."""
    return [
        one.table.name
        for one in _there(whole)
        if one.table is not None
        and one.ours in (PROJECTS, STORIES)
        and _is_secured(connection, one)
    ]


def _there(whole: Whole) -> Iterator[Taken]:
    return (one for one in whole.tables.values() if one.table is not None)


def _name(connection: sa.Connection, one: Taken, here: str) -> str:
    """A table's name as a statement says it, with its schema where that is another than `here`."""
    quote = connection.dialect.identifier_preparer.quote
    assert one.table is not None
    name = quote(one.table.name)
    schema = one.table.schema
    return name if schema in (None, here) else f"{quote(str(schema))}.{name}"


def _oid(connection: sa.Connection, one: Taken) -> int:
    assert one.table is not None
    return int(
        connection.scalar(
            sa.text(
                "SELECT c.oid::bigint FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name"
            ),
            {"schema": one.table.schema, "name": one.table.name},
        )
        or 0
    )


def _may(connection: sa.Connection, one: Taken, right: str) -> bool:
    """Whether the role has a right on a table, or on each column of it that it is needed for."""
    oid = _oid(connection, one)
    asked = sa.text("SELECT has_table_privilege(CAST(:oid AS oid), :right)")
    if connection.scalar(asked, {"oid": oid, "right": right}):
        return True
    if right not in ("SELECT", "UPDATE"):
        return False
    ours = one.columns if right == "SELECT" else _WRITTEN.get(one.ours, ())
    names = {one.columns[name].name for name in ours if name in one.columns}
    of_column = sa.text("SELECT has_column_privilege(CAST(:oid AS oid), :name, :right)")
    return bool(names) and all(
        connection.scalar(of_column, {"oid": oid, "name": name, "right": right}) for name in names
    )


def _is_secured(connection: sa.Connection, one: Taken) -> bool:
    """Whether row-level security of a table holds for the role."""
    asked = sa.text("SELECT row_security_active(CAST(:oid AS oid))")
    return bool(connection.scalar(asked, {"oid": _oid(connection, one)}))


def _secured(connection: sa.Connection, role: str, one: Taken) -> Look:
    """What a table's row-level security leaves the role: nothing, or what its policies say."""
    if not _is_secured(connection, one):
        return Look()
    assert one.table is not None
    name = one.table.name
    allowed = set(
        connection.scalars(
            sa.text(
                "SELECT polcmd::text FROM pg_policy WHERE polrelid = CAST(:oid AS oid)"
                " AND polpermissive AND EXISTS (SELECT 1 FROM unnest(polroles) AS r(role)"
                " WHERE r.role = 0 OR pg_has_role(current_user, r.role, 'USAGE'))"
            ),
            {"oid": _oid(connection, one)},
        )
    )
    needed = {"SELECT": "r", "UPDATE": "w"}
    faults = [
        f'row-level security of {name} lets "{role}" {what} no row: give it a policy FOR {right}, '
        "or BYPASSRLS"
        for right, what in (("SELECT", "see"), ("UPDATE", "change"))
        if right in _WITH_PRODUCT[one.ours] and not allowed & {needed[right], "*"}
    ]
    notes = (
        f'row-level security of {name} holds for "{role}": what its policies hide is not there for '
        "Cascade, and a row that they let be seen but not changed ends its step, unsaved and "
        "uncharged"
    )
    return Look(tuple(faults), () if faults else (notes,))
