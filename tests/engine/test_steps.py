"""The transactions of a run, one by one, in orders that an executor only meets by accident."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cascade.errors import Reason
from cascade.llm.provider import Answer
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Service
from cascade.store.calls import Call
from tests.helpers.observe import Database

HERO = "A Hundred Diameters"
FIRST = "ordeal/beatContent"


@pytest.fixture
def run_id(service: Service) -> str:
    """A run of `ordeal` 5 → 3 that is under way, its first step announced."""
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HERO).id, {"ordeal": 3}).plan
    run_id = service.desk(actor).start(plan)
    transact(service, runs.begin, run_id)
    assert isinstance(transact(service, steps.announce, run_id, FIRST), Assignment)
    return run_id


def transact(service: Service, work: Any, *arguments: Any) -> Any:
    with service.database.write() as session:
        return work(session, *arguments)


def written(service: Service, run_id: str, text: str = "New words.") -> Written:
    """An answer for the first step."""
    assignment = transact(service, steps.announce, run_id, FIRST)
    assert isinstance(assignment, Assignment)
    call = Call(1, "saved", "offline", "m", 5)
    return Written(Answer(text, "stop", "m", "h"), assignment.brief, "offline", "1", call)


def test_a_save_that_comes_twice_counts_once(
    service: Service, run_id: str, database_url: str
) -> None:
    answer = written(service, run_id)
    assert transact(service, steps.save, run_id, FIRST, answer) == "saved"
    database = Database(database_url)
    before = database.everything()
    other = replace(answer, answer=Answer("Other words.", "stop", "m", "h"))
    assert transact(service, steps.save, run_id, FIRST, other) == "saved"
    assert transact(service, steps.announce, run_id, FIRST) == "saved"
    assert transact(service, steps.fail, run_id, FIRST, Reason("x", "late")) == "saved"
    assert database.everything() == before


@pytest.mark.parametrize("ended", [False, True])
def test_a_save_after_the_cancel_is_refused(
    service: Service, run_id: str, database_url: str, ended: bool
) -> None:
    answer = written(service, run_id)
    transact(service, runs.cancel, run_id)
    if ended:
        transact(service, runs.finish, run_id)
    database = Database(database_url)
    before = database.everything()
    assert transact(service, steps.save, run_id, FIRST, answer) == "stopped"
    assert transact(service, steps.announce, run_id, FIRST) == "stopped"
    assert transact(service, steps.fail, run_id, FIRST, Reason("x", "late")) == "stopped"
    transact(service, steps.report_retry, run_id, FIRST, 1, 1.0, "late")
    assert database.everything() == before


def test_a_cancel_after_the_save_leaves_what_is_saved(service: Service, run_id: str) -> None:
    transact(service, steps.save, run_id, FIRST, written(service, run_id))
    assert service.desk(service.actor("editor")).cancel(run_id) == "cancelled"
    run = service.operator().run(run_id)
    assert (run.used_credits, run.released_credits) == (3, 23)
    assert service.operator().story(HERO).contents["ordeal"] == "New words."


def test_the_end_comes_once(service: Service, run_id: str, database_url: str) -> None:
    transact(service, runs.cancel, run_id)
    transact(service, runs.finish, run_id)
    database = Database(database_url)
    before = database.everything()
    transact(service, runs.finish, run_id)
    transact(service, runs.fail, run_id, Reason("x", "late"))
    transact(service, runs.cancel, run_id)
    assert transact(service, runs.begin, run_id) == []
    assert database.everything() == before


def test_begin_comes_again_after_a_death(service: Service, run_id: str) -> None:
    groups = transact(service, runs.begin, run_id)
    assert groups[0] == [FIRST]
    assert groups[-1] == [f"ordeal/script/{n}" for n in (17, 18, 19)]
    assert [event["type"] for event in service.operator().events(run_id)].count("start") == 1
