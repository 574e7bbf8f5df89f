"""A Postgres whose user may do only what it is given."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from cascade.errors import MissingRights
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.seeded import postgres_copy


class Limited:
    """A database as its owner and as a role that may do only what it is given."""

    def __init__(self, admin: sa.Engine, url: str) -> None:
        self.role = f"Role {uuid.uuid4().hex[:8]}"
        address = sa.make_url(url).set(drivername="postgresql+psycopg2")
        self.owner = sa.create_engine(
            address, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
        )
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE ROLE \"{self.role}\" LOGIN PASSWORD 'x'")
        self.url = (
            sa.make_url(url)
            .set(username=self.role, password="x")
            .render_as_string(hide_password=False)
        )

    def execute(self, *statements: str) -> None:
        with self.owner.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def open(self) -> Service:
        return Service(Settings(database_url=self.url, provider="offline", offline_delay_ms=0))

    def obey(self, error: MissingRights) -> None:
        """Executes what the sentence says, as it says it."""
        grants = re.findall(r"GRANT .+?(?=;)", error.message)
        assert grants, error.message
        assert "Traceback" not in error.message
        assert len(error.message.splitlines()) == 1
        self.execute(*grants)


@pytest.fixture
def empty(postgres_admin: sa.Engine, postgres_url: str) -> Iterator[Limited]:
    yield from _limited(postgres_admin, postgres_url)


@pytest.fixture
def seeded(postgres_admin: sa.Engine, postgres_server: str) -> Iterator[Limited]:
    with postgres_copy(postgres_server) as url:
        yield from _limited(postgres_admin, url)


def _limited(admin: sa.Engine, url: str) -> Iterator[Limited]:
    limited = Limited(admin, url)
    yield limited
    limited.execute(f'DROP OWNED BY "{limited.role}" CASCADE', f'DROP ROLE "{limited.role}"')
    limited.owner.dispose()
