"""What the database itself says of the product's tables: columns, types, and what must be filled.

Looked up once a process: the tables of a running product do not change under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import PRODUCT_TABLES, Base


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a product's table."""

    name: str
    type: str
    is_text: bool
    is_number: bool
    must_be_filled: bool


@dataclass(frozen=True, slots=True)
class Product:
    """The product's tables that are there, each with its columns by name."""

    tables: Mapping[str, Mapping[str, Column]]

    def keeps_text(self, table: str, column: str) -> bool:
        """Whether a column is of a text type: what another holds is not taken for a text."""
        found = self.tables.get(table, {}).get(column)
        return found is not None and found.is_text

    def keeps_number(self, table: str, column: str) -> bool:
        """Whether a column is of a numeric type, so that the database can order by it."""
        found = self.tables.get(table, {}).get(column)
        return found is not None and found.is_number

    def cannot_fill(self) -> list[str]:
        """The columns, as `table.column`, that a new story must fill and that are not known here.

        A new row cannot be made where there is one.
        """
        return [
            f"{table}.{column.name}"
            for table, columns in self.tables.items()
            for column in columns.values()
            if column.must_be_filled and column.name not in Base.metadata.tables[table].columns
        ]


_known: WeakKeyDictionary[sa.Pool, Product] = WeakKeyDictionary()


def product_of(session: Session) -> Product:
    """The product's tables in a session's database."""
    connection = session.connection()
    pool = connection.engine.pool
    found = _known.get(pool)
    if found is None:
        found = _known[pool] = reflect(connection)
    return found


def reflect(connection: sa.Connection) -> Product:
    """Asks the database for the product's tables. Writes nothing."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    return Product(
        {
            table: {one["name"]: _column(one) for one in inspector.get_columns(table)}
            for table in PRODUCT_TABLES
            if table in there
        }
    )


def _column(reflected: Any) -> Column:
    type_ = reflected["type"]
    given = reflected.get("default") is not None or reflected.get("autoincrement") is True
    given = given or bool(reflected.get("identity")) or bool(reflected.get("computed"))
    return Column(
        name=reflected["name"],
        type=str(type_).lower(),
        # A type that the database does not tell (SQLite allows none) keeps whatever it is given.
        is_text=isinstance(type_, sa.String | sa.types.NullType),
        is_number=isinstance(type_, sa.Integer | sa.Numeric),
        must_be_filled=not reflected["nullable"] and not given,
    )
