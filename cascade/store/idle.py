"""A look at a server's connection before it is used, where it has lain idle for a while.

What was in use a moment ago is there still: a look at each use is a round trip more a transaction.
Where the server goes away in just that moment the first statement says so.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

# After so long without use a connection is looked at.
IDLE_S = 1.0
_LEFT = "cascade_left_at"


def look_at_idle(engine: sa.Engine) -> None:
    """Has idle connections of an engine looked at, and all dropped where one is lost."""

    @sa.event.listens_for(engine, "checkin")
    def _note(_connection: object, record: Any) -> None:
        record.info[_LEFT] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _look(connection: Any, record: Any, _proxy: object) -> None:
        left = record.info.get(_LEFT)
        if left is None or time.monotonic() - left < IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError from error
