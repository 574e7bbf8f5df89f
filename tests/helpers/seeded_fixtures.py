"""Fixtures for tests that need the samples but no first start; a conftest imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded import Make, first_start, postgres_copy, sqlite_copy


def copy(request: pytest.FixtureRequest, folder: Path, make: Make = first_start) -> Iterator[str]:
    """A database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        yield sqlite_copy(folder, make)
    else:
        with postgres_copy(request.getfixturevalue("postgres_server"), make) as url:
            yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database with the samples, the test's own."""
    return sqlite_copy(tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of either kind with the samples, the test's own."""
    yield from copy(request, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def unchanged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Near]:
    """The command line on a database that the tests of a module share, as none may change it."""
    for url in copy(request, tmp_path_factory.mktemp("shared")):
        before = Database(url).everything()
        yield Near(url)
        assert Database(url).everything() == before


@pytest.fixture
def near(database_url: str) -> Near:
    """The command line on that database, in this process."""
    return Near(database_url)


@pytest.fixture
def server(writer: ModelServer) -> ModelServer:
    """The test's writer, where the only server is that of the model."""
    return writer


def model(server: ModelServer) -> dict[str, str]:
    """The environment in which the writer is that server."""
    return {
        "CASCADE_PROVIDER": "openai",
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": "x",
    }


@pytest.fixture
def modelled(database_url: str, server: ModelServer) -> Iterator[Service]:
    """The service in this process, with that server as its writer; it executes when told to."""
    service = Service(
        Settings(
            database_url=database_url,
            provider="openai",
            # One call after the other, so that a test can say which comes when.
            concurrency=1,
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="x",
        )
    )
    yield service
    service.close()
