"""What a database does not let its user do: told as the statement that would allow it."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from cascade.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    MissingRights,
    RowsHidden,
)
from cascade.store import rights
from cascade.store.product import Whole, whole_of

# Postgres's names for what went wrong.
_NO_PRIVILEGE, _READ_ONLY, _DEADLOCK = "42501", "25006", "40P01"


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


def check_rows_are_seen(connection: sa.Connection, whole: Whole, where: str) -> None:
    """Raises RowsHidden where row-level security leaves nothing of the product to be seen.

    To whom it hides everything, a database looks empty; samples would be added to it.
    """
    hiding = rights.hiding(connection, whole)
    seen = any(
        connection.scalar(sa.select(sa.select(sa.literal(1)).select_from(table).exists()))
        for table in (
            sa.table(one.table.name, schema=one.table.schema)
            for one in whole.tables.values()
            if one.table is not None and one.table.name in hiding
        )
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
        quoted = engine.dialect.identifier_preparer.quote(role)
        grants = rights.grants(connection, quoted, whole_of(connection), with_import=True)
    if not grants:
        return MissingRights(where, role, why, "other")
    return MissingRights(where, role, why, "grant", "; ".join(grants))
