"""A database of either kind with somebody in every role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cascade.service import Desk, Service
from cascade.settings import Settings
from tests.helpers.seeded_fixtures import database_url

from .people import People, gather

__all__ = ["database_url"]


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    service = Service(Settings(database_url=database_url, provider="offline"))
    yield gather(service)
    service.close()


@pytest.fixture
def admin(people: People) -> Desk:
    return people.desk("admin")


@pytest.fixture
def editor(people: People) -> Desk:
    return people.desk("editor")


@pytest.fixture
def producer(people: People) -> Desk:
    return people.desk("producer")
