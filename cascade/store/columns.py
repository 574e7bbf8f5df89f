"""What a column may hold beside the plain: an instant, and the product's keys and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An instant; always UTC and aware, also on SQLite, which keeps no zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turns it to UTC, because SQLite drops the zone."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Adds the zone that SQLite dropped; Postgres answers in the zone of its session."""
        del dialect
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return None if value is None else value.astimezone(UTC)


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTEGER = re.compile(r"-?\d{1,18}")


class ProductId(sa.TypeDecorator[str]):
    """A key of the product's, which is a text everywhere else: an integer or a uuid as its digits.

    What cannot be a key of its sort is the key of no row.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, sort: Literal["text", "integer", "uuid"]) -> None:
        super().__init__()
        self.sort = sort

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        """As the column's own sort; null, which equals nothing, for what can be none of it."""
        del dialect
        if value is None or self.sort == "text":
            return value
        if self.sort == "uuid":
            return value if _UUID.fullmatch(value) else None
        # Of another spelling (007) no row is told.
        whole = _INTEGER.fullmatch(value) and str(int(value)) == value
        return int(value) if whole else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        """As a text."""
        del dialect
        return None if value is None else str(value)


class JsonText(sa.TypeDecorator[str]):
    """A JSON column of the product's as its text, byte for byte; `store.beatmap` reads it.

    Of JSON, jsonb and text columns alike: the driver sends a text without a type, and the server
    takes it for what the column is.
    """

    impl = sa.JSON
    cache_ok = True

    def column_expression(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Asks for the text, so that nothing between here and the server parses it."""
        return _AsText(column, self)

    def bind_processor(self, dialect: sa.Dialect) -> None:
        """Sends the text as it is."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], str | None]:
        """Takes the text as it is; a bare number, which SQLite keeps as one, as its JSON."""
        del dialect, coltype
        return lambda value: json.dumps(value) if isinstance(value, int | float) else value


class _AsText(sa.sql.functions.FunctionElement[str]):
    """A JSON column as the text that the server has of it."""

    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any], type_: sa.types.TypeEngine[str]) -> None:
        super().__init__(column)
        self.type = type_


@compiles(_AsText)
def _cast(element: _AsText, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(_AsText, "sqlite")
def _uncast(element: _AsText, compiler: Any, **options: Any) -> str:
    # A text already; of a number a cast would lose digits.
    return str(compiler.process(element.clauses, **options))
