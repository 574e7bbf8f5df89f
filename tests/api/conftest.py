"""Somebody in every role, each with a token, before the endpoint behind a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.endpoint import Client, served
from tests.helpers.seeded_fixtures import database_url
from tests.service.people import EVERYBODY, People, gather

__all__ = ["database_url"]


@dataclass(frozen=True)
class House:
    """The service with its people, the port, and a client for everybody by role."""

    people: People
    port: int
    clients: dict[str, Client]

    @property
    def service(self) -> Service:
        return self.people.service

    def __getitem__(self, role: str) -> Client:
        return self.clients[role]

    def order(self, beat: str = "finale", before: int = 5, level: int = 1) -> dict[str, object]:
        change = {"beatKey": beat, "previousTension": before, "newTension": level}
        return {"storyVersionId": self.people.mine, "structureType": "cat", "changes": [change]}


def settings_of(url: str, **more: Any) -> Settings:
    return Settings(database_url=url, provider="offline", offline_delay_ms=0, **more)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_of(database_url)


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    service = Service(settings)
    people = gather(service)
    with served(service) as port:
        tokens = {role: service.operator().create_token(role, 1) for role in EVERYBODY}
        clients = {role: Client(port, token) for role, token in tokens.items()}
        yield House(people, port, {**clients, "none": Client(port), "bad": Client(port, "x")})
    service.close()
