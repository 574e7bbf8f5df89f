"""What a service asks its database, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cascade.service import Service


@contextmanager
def statements(service: Service) -> Iterator[list[str]]:
    """The statements that the service's database is asked, beginnings of transactions included."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(service.database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(service.database.engine, "before_cursor_execute", note)
