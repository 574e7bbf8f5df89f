"""What the database itself says of its tables: columns, types, keys, and what must be filled."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.reflection import ObjectKind

# What a column's type comes to. `words` are texts of which only some are allowed.
Sort = Literal["text", "words", "integer", "number", "uuid", "json", "jsonb", "other"]
# What a key may be here, and how its values are told as text and back.
IdSort = Literal["text", "integer", "uuid"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a product's table."""

    name: str
    type: str
    sort: Sort
    id_sort: IdSort | None  # What it is as a key; None where it cannot be one here.
    length: int | None
    nullable: bool
    has_default: bool

    @property
    def must_be_filled(self) -> bool:
        """Whether a new row is refused that says nothing of it."""
        return not self.nullable and not self.has_default

    @property
    def is_number(self) -> bool:
        """Whether the database can order by it as by numbers."""
        return self.sort in ("integer", "number")


@dataclass(frozen=True, slots=True)
class Table:
    """One table that is there.

    `unique` are the columns of which each value is in one row only; `refers` are the tables, with
    their schema, that single columns are foreign keys to.
    """

    name: str
    schema: str | None
    columns: Mapping[str, Column]
    unique: frozenset[str]
    is_view: bool
    refers: Mapping[str, tuple[str | None, str]]


class Reflection:
    """Asks one database about its tables. Writes nothing."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"
        self._inspector = sa.inspect(connection)

    def tables(self, names: Iterable[str], schema: str | None) -> dict[str, Table]:
        """Those of some tables that are there: in a schema, or each as statements mean it without.

        All of them at once: one after the other they are some two dozen round trips.
        """
        found: dict[str, Table] = {}
        for where, those in self._places(set(names), schema).items():
            found |= self._read(those, where)
        return found

    def _places(self, names: set[str], schema: str | None) -> dict[str | None, list[str]]:
        """The names by the schema that they are looked up in."""
        if schema is not None:
            is_there = schema in self._inspector.get_schema_names()
            return {schema: sorted(names)} if is_there else {}
        if self.is_sqlite:
            return {None: sorted(names)}
        rows = self.connection.execute(
            sa.text(
                "SELECT n.nspname, c.relname FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND c.relname = ANY(:names)"
                " AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'"
            ),
            {"names": sorted(names)},
        )
        places: dict[str | None, list[str]] = {}
        for where, name in rows:
            places.setdefault(where, []).append(name)
        return places

    def _read(self, names: list[str], schema: str | None) -> dict[str, Table]:
        with warnings.catch_warnings():
            # A type of an extension's is none of ours.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            these: Any = {"schema": schema, "filter_names": names, "kind": ObjectKind.ANY}
            said = (
                self._inspector.get_multi_columns(**these),
                self._inspector.get_multi_pk_constraint(**these),
                self._inspector.get_multi_unique_constraints(**these),
                self._inspector.get_multi_foreign_keys(**these),
            )
        there = [name for name in names if (schema, name) in said[0]]
        return {
            name: self._table(name, schema, *(one[schema, name] for one in said)) for name in there
        }

    def _table(
        self, name: str, schema: str | None, columns: Any, primary: Any, unique: Any, foreign: Any
    ) -> Table:
        """One table, of what the inspector says of it."""
        key: list[str] = primary["constrained_columns"]
        single = [key, *(one["column_names"] for one in unique)]
        return Table(
            name,
            schema,
            {one["name"]: self._column(one, key) for one in columns},
            frozenset(one[0] for one in single if len(one) == 1 and one[0] is not None),
            not key and name in self._inspector.get_view_names(schema=schema),
            {
                one["constrained_columns"][0]: (
                    one["referred_schema"] or schema,
                    one["referred_table"],
                )
                for one in foreign
                if len(one["constrained_columns"]) == 1
            },
        )

    def schemas_with(self, names: tuple[str, ...]) -> list[str]:
        """The schemas that have all of these tables, whether statements see them or not."""
        if self.is_sqlite:
            return []
        rows = self.connection.scalars(
            sa.text(
                "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p', 'v') AND c.relname = ANY(:names)"
                " GROUP BY n.nspname HAVING count(*) = :count ORDER BY n.nspname"
            ),
            {"names": list(names), "count": len(names)},
        )
        return list(rows)

    def _column(self, reflected: Any, key: list[str]) -> Column:
        type_ = reflected["type"]
        shown = str(type_).lower()
        if isinstance(type_, postgresql.DOMAIN):
            shown, type_ = type_.name or shown, type_.data_type
        if isinstance(type_, sa.Enum):
            shown = type_.name or shown
        sort = _sort(type_)
        given = reflected.get("default") is not None or reflected.get("autoincrement") is True
        given = given or bool(reflected.get("identity")) or bool(reflected.get("computed"))
        if self.is_sqlite:
            # A column without a type keeps whatever it is given; a whole number as the only key is
            # given by itself.
            sort = "text" if isinstance(type_, sa.types.NullType) else sort
            given = given or (sort == "integer" and key == [reflected["name"]])
        return Column(
            name=reflected["name"],
            type=shown,
            sort=sort,
            id_sort=_id_sort(sort, is_sqlite=self.is_sqlite),
            length=getattr(type_, "length", None) if isinstance(type_, sa.String) else None,
            nullable=bool(reflected["nullable"]),
            has_default=given,
        )


def _sort(type_: Any) -> Sort:
    match type_:
        case postgresql.JSONB():
            return "jsonb"
        case sa.JSON():
            return "json"
        case sa.Enum():
            return "words"
        # A type that the database does not tell (SQLite allows none) keeps whatever it is given.
        case sa.String():
            return "text"
        case sa.Integer():
            return "integer"
        case sa.Numeric():
            return "number"
        case sa.Uuid():
            return "uuid"
        case _:
            return "other"


def _id_sort(sort: Sort, *, is_sqlite: bool) -> IdSort | None:
    match sort:
        case "text" | "integer" | "uuid":
            return sort
        case "number" if is_sqlite:
            return "text"  # Which is what it makes of a type that it does not know, uuid for one.
        case _:
            return None
