"""Connections that lay idle: which of them are looked at before they are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.store import idle
from cascade.store.database import Database


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    yield database
    database.close()


def session_of(database: Database) -> int:
    """Which of the server's sessions a transaction has."""
    with database.read() as session:
        return int(session.execute(sa.select(sa.func.pg_backend_pid())).scalar_one())


def test_a_connection_that_was_lost_while_idle_is_replaced(
    postgres: Database, postgres_admin: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "IDLE_S", 0.0)
    lost = session_of(postgres)
    assert session_of(postgres) == lost, "one connection is used again"
    with postgres_admin.connect() as admin:
        admin.execute(sa.select(sa.func.pg_terminate_backend(lost, 60_000)))
    assert session_of(postgres) != lost


def test_a_connection_in_use_is_not_looked_at(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_of(postgres)
    looks = []
    ping = postgres.engine.dialect.do_ping

    def note(connection: Any) -> bool:
        looks.append(connection)
        return ping(connection)

    monkeypatch.setattr(postgres.engine.dialect, "do_ping", note)
    monkeypatch.setattr(idle, "IDLE_S", 60.0)
    session_of(postgres)
    assert not looks
    monkeypatch.setattr(idle, "IDLE_S", 0.0)
    session_of(postgres)
    assert len(looks) == 1
