"""Ids: made so that they sort as they were made, and put in that order where others made them."""

from __future__ import annotations

import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7


def new_id() -> str:
    """A UUID of version 7 as text: ids of one process sort as they were made."""
    return str(uuid7())


def oldest_first(id_: sa.ColumnElement[str] | InstrumentedAttribute[str]) -> list[Any]:
    """How ids are ordered where no time is kept beside them.

    The shorter first: those that were made before ids were UUIDs, and a product's lower numbers.
    """
    return [sa.func.length(sa.cast(id_, sa.Text)), id_]
