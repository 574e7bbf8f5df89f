"""People who come by a sign-in: two projects, roles for claims, and who they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from cascade.service import Actor, Identity, Service
from cascade.service.signing import Door
from cascade.settings import ClaimedRole, Settings
from cascade.store import accounts, people
from tests.helpers.seeded_fixtures import copy, database_url

__all__ = ["database_url"]

ISSUER = "https://id.example.org"
FIRST, SECOND = "Sample Project", "Second"
ROLES = (
    ClaimedRole("producers", "producer", FIRST),
    ClaimedRole("writers", "editor", FIRST),
    ClaimedRole("readers", "viewer", SECOND),
    ClaimedRole("writers", "editor", SECOND),
    ClaimedRole("owners", "admin"),
)


def settings_of(url: str, **more: Any) -> Settings:
    return Settings(database_url=url, provider="offline", roles=ROLES, **more)


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    service = Service(settings_of(database_url))
    with service.database.write() as session:
        accounts.add_project(session, SECOND)
    yield service
    service.close()


def door(service: Service, **more: Any) -> Door:
    """The way in by other settings."""
    return Door(settings_of(service.settings.database_url, **more), service.database)


def who(subject: str, *values: str, **more: Any) -> Identity:
    return Identity(ISSUER, subject, claims={"roles": list(values)}, **more)


def roles_of(service: Service, actor: Actor) -> Mapping[str, str]:
    """What somebody is, by the names of projects; an admin as `*`."""
    with service.database.read() as session:
        named = accounts.named_projects(session)
        has = people.what_has(session, actor.user_id)
    roles = {named[project_id]: role for project_id, (role, _) in has.roles.items()}
    return {**roles, **({"*": "admin"} if has.is_admin else {})}


def user_names(service: Service) -> list[str]:
    found = service.operator().people()
    members = [one for project in found.projects for one in project.members]
    return sorted({one.name for one in (*members, *found.admins, *found.without)})


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that examples share, each with people of its own."""
    for url in copy(request, tmp_path_factory.mktemp("shared")):
        service = Service(settings_of(url, sign_in_project=FIRST))
        with service.database.write() as session:
            accounts.add_project(session, SECOND)
        yield service
        service.close()


def at_once(count: int, work: Callable[[int], Actor]) -> list[Actor]:
    found: list[Actor] = []
    together = threading.Barrier(count)

    def run(n: int) -> None:
        together.wait()
        found.append(work(n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == count
    return found
