"""Whatever a client sends: no answer of ours is a fault, and what is refused changes nothing.

Each request is drawn from the OpenAPI document, one that fits it or one that does not. Two of three
are then given what nobody would guess: a story or a run that is there, of one project or of the
other, and a change that could be made. Runs are executed, so that what is started comes to its end;
elsewhere, for chance in this process belongs to who draws the requests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cascade.service import Desk
from tests.conftest import Cli
from tests.helpers.observe import Database, wait_for

from .conftest import House

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Whose of the two projects somebody is.
SIDES = {"editor": "mine", "stranger": "theirs", "none": "nobody's"}
PATIENCE_S = 60
OTHER = {"mine": "theirs", "theirs": "mine"}


@dataclass
class Side:
    """One of two projects, by the desk of who works there."""

    desk: Desk
    story_id: str
    beat: str
    structure: str

    def newest_run(self) -> str:
        """The run that was started last."""
        return self.desk.runs(limit=1)[0].id

    def order(self, level: int) -> dict[str, Any]:
        """What could be started as the story stands."""
        before = self.desk.story(self.story_id).curve[self.beat]
        change = {"beatKey": self.beat, "previousTension": before, "newTension": level}
        return {
            "storyVersionId": self.story_id,
            "structureType": self.structure,
            "changes": [change],
        }

    def words(self) -> set[str]:
        """What nobody of another project may be told, unless they have said it themselves."""
        runs = self.desk.runs()
        return {self.story_id, self.desk.story(self.story_id).title, *(one.id for one in runs)}


@dataclass
class Asking:
    """Asks as somebody, looks at each answer, and counts them by status."""

    house: House
    database: Database
    role: str
    sides: dict[str, Side]
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.sign = self.database.sign()

    def aim(self, case: Any, side: Side, level: int) -> bool:
        """Puts into a request what there is on one side, if that can be said in it."""
        if case.path_parameters:
            is_story = "stories" in case.path
            named = side.story_id if is_story else side.newest_run()
            case.path_parameters = {**case.path_parameters, "id": named}
        elif isinstance(case.body, dict):
            # What else was drawn stays: a hash, a project, another's name.
            kept = case.body if level % 2 else {}
            case.body = {**kept, **side.order(level)}
        else:
            return False
        return True

    def __call__(self, case: Any, at: str, level: int) -> None:
        """Asks once."""
        is_aimed = at in self.sides and self.aim(case, self.sides[at], level)
        token = self.house[self.role].token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # What follows a run lasts as long as the run.
        response = case.call(headers=headers, timeout=PATIENCE_S)
        case.validate_response(response, checks=CHECKS)
        self.statuses[response.status_code] += 1
        before, self.sign = self.sign, self.database.sign()
        if response.status_code >= 400:
            assert self.sign == before
        if self.role == "none":
            assert response.status_code in (401, 404, 405)
        others = self.sides.get(OTHER.get(SIDES[self.role], ""))
        asked = json.dumps([case.path_parameters, case.body], default=str)
        for word in others.words() if others else ():
            assert word not in response.text or word in asked
        if is_aimed and at == OTHER.get(SIDES[self.role]):
            assert response.status_code not in (200, 202)


def ask_all(house: House, cli: Cli, url: str, role: str, count: int) -> Counter[int]:
    """Asks every address so often as that role; how often each status was answered."""
    people = house.people
    editor, stranger = (house.service.desk(people.actors[one]) for one in ("editor", "stranger"))
    sides = {
        "mine": Side(editor, people.mine, "finale", "cat"),
        "theirs": Side(stranger, people.theirs, "find", "harmon"),
    }
    for side in sides.values():
        level = side.desk.story(side.story_id).curve[side.beat] % 5 + 1
        side.desk.cancel(side.desk.start(side.desk.plan(side.story_id, {side.beat: level}).plan))
    asking = Asking(house, Database(url), role, sides)
    base = f"http://127.0.0.1:{house.port}"
    schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json")
    schema.config.update(base_url=f"{base}/api")
    often = hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # Nobody starts anything without a token.
    with nullcontext() if role == "none" else working(house, cli):
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            asked = hypothesis.given(
                at=st.sampled_from(["nothing", *sides]),
                level=st.integers(1, 5),
                case=any_case(found.ok()),
            )
            often(asked(asking.__call__))()
    return asking.statuses


@contextmanager
def working(house: House, cli: Cli) -> Iterator[None]:
    """With a worker in a process of its own."""
    worker = cli.start("worker")
    try:
        wait_for(lambda: house["none"]("GET", "/readyz").status == 200, "the worker")
        yield
    finally:
        worker.terminate()
        worker.communicate(timeout=60)


def any_case(operation: Any) -> Any:
    from schemathesis import GenerationMode

    return operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
        generation_mode=GenerationMode.NEGATIVE
    )


def told(statuses: Counter[int], role: str) -> str:
    return f"{statuses.total()} requests as {role}: {dict(sorted(statuses.items()))}"


@pytest.mark.parametrize("role", SIDES)
def test_any_request(
    house: House, cli: Cli, database_url: str, role: str, record_property: Any
) -> None:
    record_property("figures", told(ask_all(house, cli, database_url, role, 5), role))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", SIDES)
def test_three_thousand_requests(
    house: House, cli: Cli, database_url: str, role: str, record_property: Any
) -> None:
    statuses = ask_all(house, cli, database_url, role, 150)
    record_property("figures", told(statuses, role))
    assert statuses.total() >= 1000
