"""A database with the schema and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cascade.store.database import Database
from tests.helpers.near import Near
from tests.helpers.seeded import schema_only
from tests.helpers.seeded_fixtures import copy


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    for url in copy(request, tmp_path, schema_only):
        database = Database(url)
        yield database
        database.close()


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """A database with nothing in it."""
    with closing(Database(database_url)) as database:
        yield database


@pytest.fixture
def cli(database_url: str) -> Near:
    """The command line on an empty database, in this process."""
    return Near(database_url)
