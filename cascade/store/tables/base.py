"""What every table stands on: the root of them, how what is Cascade's is named, times and ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from cascade.store.columns import UtcDateTime


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


# Cascade is a guest in the product's database: all that is its own begins so, constraints and
# indexes too, which share one name space with the product's.
PREFIX = "cascade_"
# The schema of the runner's own tables on Postgres; on SQLite they are beside all others.
QUEUE_SCHEMA = "cascade_dbos"


def is_own(table: str) -> bool:
    """Whether a table of these is Cascade's own, by its name."""
    return table.startswith(PREFIX)


def _prefix(_constraint: object, table: sa.Table) -> str:
    return PREFIX if is_own(table.name) else ""


def _bare(_constraint: object, table: sa.Table) -> str:
    return table.name.removeprefix(PREFIX)


class Base(DeclarativeBase):
    """The root of all tables; names constraints so that migrations can find them."""

    metadata = sa.MetaData(
        naming_convention={
            "prefix": _prefix,
            "bare": _bare,
            "ix": "%(prefix)six_%(bare)s_%(column_0_N_name)s",
            "uq": "%(prefix)suq_%(bare)s_%(column_0_N_name)s",
            "ck": "%(prefix)sck_%(bare)s_%(constraint_name)s",
            "fk": "%(prefix)sfk_%(bare)s_%(column_0_N_name)s",
            "pk": "%(prefix)spk_%(bare)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: sa.JSON(none_as_null=True),
        Any: sa.JSON(),  # a shot may be null too
        datetime: UtcDateTime,
        str: sa.Text,
    }


Id = sa.String(64)
