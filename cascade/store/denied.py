"""What a database does not let its user do: told as the statement that would allow it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa

from cascade.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    MissingRights,
    RowsHidden,
)
from cascade.store.tables import PREFIX, PRODUCT_TABLES, QUEUE_SCHEMA, Base

# Postgres's names for what went wrong.
_NO_PRIVILEGE, _READ_ONLY, _DEADLOCK = "42501", "25006", "40P01"
# What the program does with the product's tables; with its own it does everything.
_WITH_PRODUCT: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(PRODUCT_TABLES, "SELECT, INSERT, UPDATE")
)
_WITH_OWN = "SELECT, INSERT, UPDATE, DELETE"
# Without a row in these there is nothing that anybody could work on.
_MUST_BE_SEEN = ("projects", "story_versions")


def is_denied(error: sa.exc.DBAPIError) -> bool:
    """Whether the database's user may not do what was tried."""
    return _state(error) == _NO_PRIVILEGE


def is_deadlock(error: sa.exc.DBAPIError) -> bool:
    """Whether a transaction was given up because others and it waited for each other."""
    return _state(error) == _DEADLOCK


def explain(
    error: sa.exc.DBAPIError | sqlite3.Error, engine: sa.Engine, where: str
) -> DatabaseError:
    """An error of the database as one that says what to do."""
    reason = str(getattr(error, "orig", error)).strip().splitlines() or ["no reason given"]
    why = reason[0].rstrip(".")
    if isinstance(error, sa.exc.DBAPIError) and is_denied(error):
        return _missing_rights(engine, where, why)
    if _state(error) == _READ_ONLY or "readonly" in why:
        return DatabaseReadOnly(where, why)
    return DatabaseUnavailable(where, why)


def check_rows_are_seen(connection: sa.Connection, where: str) -> None:
    """Raises RowsHidden where row-level security leaves nothing of the product to be seen.

    To whom it hides everything, a database looks empty; samples would be added to it.
    """
    hiding = connection.scalars(
        sa.text(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relname = ANY(:names)"
            " AND pg_table_is_visible(oid) AND row_security_active(oid) ORDER BY relname"
        ),
        {"names": list(_MUST_BE_SEEN)},
    ).all()
    seen = any(
        connection.scalar(sa.select(sa.select(sa.literal(1)).select_from(sa.table(table)).exists()))
        for table in hiding
    )
    if hiding and not seen:
        role = str(connection.scalar(sa.text("SELECT current_user")))
        raise RowsHidden(where, role, hiding)


def _state(error: sa.exc.DBAPIError | sqlite3.Error) -> str | None:
    """Postgres's code of an error; its two drivers have two names for it."""
    driver = getattr(error, "orig", None)
    code = getattr(driver, "pgcode", None) or getattr(driver, "sqlstate", None)
    return str(code) if code else None


def _missing_rights(engine: sa.Engine, where: str, why: str) -> MissingRights:
    # In a transaction of its own: the one that failed takes no more questions.
    with engine.connect() as connection:
        role = str(connection.scalar(sa.text("SELECT current_user")))
        if "row-level security" in why:
            return MissingRights(where, role, why, "policy")
        if "must be owner" in why:
            return MissingRights(where, role, why, "owner")
        grants = _grants(connection, engine.dialect.identifier_preparer.quote(role))
    if not grants:
        return MissingRights(where, role, why, "other")
    return MissingRights(where, role, why, "grant", "; ".join(grants))


def _grants(connection: sa.Connection, role: str) -> list[str]:
    """The statements that give a role what it lacks, as far as the database tells it."""
    schema = str(connection.scalar(sa.text("SELECT coalesce(current_schema(), 'public')")))
    database = str(connection.scalar(sa.text("SELECT current_database()")))
    own = {table.name: _WITH_OWN for table in Base.metadata.sorted_tables} | dict(_WITH_PRODUCT)
    rows = connection.execute(
        sa.text(
            "SELECT n.nspname, c.relname, c.oid::bigint FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v')"
            " AND (n.nspname = :queue OR n.nspname = :schema"
            " AND (c.relname = ANY(:names) OR starts_with(c.relname, :own)))"
        ),
        {"schema": schema, "names": list(own), "own": PREFIX, "queue": QUEUE_SCHEMA},
    ).all()
    there = {name for where, name, _ in rows if where == schema}
    is_made = set(own) <= there and any(where == QUEUE_SCHEMA for where, _, _ in rows)
    quote = connection.dialect.identifier_preparer.quote
    lacking: dict[str, list[str]] = {}
    for where, name, oid in rows:
        needed = own.get(name, _WITH_OWN) if where == schema else _WITH_OWN
        if name in _WITH_PRODUCT and not there.issuperset(_WITH_PRODUCT):
            # The tables of the product's that are made refer to those that are there.
            needed += ", REFERENCES"
        lacks = [
            one
            for one in needed.split(", ")
            if not connection.scalar(
                sa.text("SELECT has_table_privilege(CAST(:oid AS oid), :one)"),
                {"oid": oid, "one": one},
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
    grants = [f"GRANT {', '.join(of_schema)} ON SCHEMA {quote(schema)}"] if of_schema else []
    schemas = connection.scalars(sa.text("SELECT nspname FROM pg_namespace")).all()
    if QUEUE_SCHEMA not in schemas and not may("database", database, "CREATE"):
        grants.append(f"GRANT CREATE ON DATABASE {quote(database)}")
    elif QUEUE_SCHEMA in schemas and not may("schema", QUEUE_SCHEMA, "USAGE"):
        grants.append(f"GRANT USAGE ON SCHEMA {QUEUE_SCHEMA}")
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
        {"schema": schema, "names": list(own), "queue": QUEUE_SCHEMA},
    ).all()
    if sequences:
        names = (quote(name) if where == schema else f"{where}.{name}" for where, name in sequences)
        grants.append(f"GRANT USAGE ON SEQUENCE {', '.join(names)}")
    grants += [f"GRANT {missing} ON {', '.join(tables)}" for missing, tables in lacking.items()]
    return [f"{grant} TO {role}" for grant in grants]
