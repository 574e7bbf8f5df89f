"""What is told elsewhere: which deeds write a message, once, and what is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade.errors import BudgetExceeded
from cascade.runs import lifecycle
from cascade.store import outbox
from tests.helpers.observe import Database

from .people import LEVELS, People, failed, save_next, start


def told(url: str, kind: str | None = None) -> list[dict[str, Any]]:
    """The messages there are, the oldest first."""
    rows = Database(url).query("SELECT body FROM cascade_outbox ORDER BY number")
    found = [
        json.loads(one["body"]) if isinstance(one["body"], str) else one["body"] for one in rows
    ]
    return [one for one in found if kind in (None, one["type"])]


def test_a_run_that_failed_is_told_and_no_other(people: People, database_url: str) -> None:
    run_id = failed(people)
    people.desk("editor").cancel(start(people, {"setup": 5}))
    [message] = told(database_url)
    assert message.pop("id")
    assert message.pop("at")
    assert message == {
        "type": "run.failed",
        "projectId": people.home,
        "runId": run_id,
        "storyId": people.mine,
        "user": "editor",
        "code": "bad_output",
        "estimatedCredits": 45,
        "usedCredits": 3,
    }


def test_a_crossing_is_told_once_each_time(people: People, database_url: str) -> None:
    producer, editor = people.desk("producer"), people.desk("editor")

    def crossings() -> list[tuple[int, int, int]]:
        found = told(database_url, "budget.crossed")
        return [(one["budget"], one["used"], one["held"]) for one in found]

    producer.set_project(people.home, {"budget": 57})
    run_id = start(people)
    assert crossings() == [], "45 of 57 are less than four fifths"
    editor.cancel(run_id)
    producer.set_project(people.home, {"budget": 56})
    run_id = start(people)
    assert crossings() == [(56, 0, 45)]
    # What goes on above it crosses nothing, nor does what is refused.
    save_next(people.service, run_id)
    other = people.service.operator().stories()[1].id
    plan = editor.plan(other, {people.service.operator().story(other).structure.keys[0]: 5}).plan
    with pytest.raises(BudgetExceeded):
        editor.start(plan)
    assert len(crossings()) == 1
    [message] = told(database_url, "budget.crossed")
    assert (message["percent"], message["runId"], message["projectId"]) == (80, run_id, people.home)
    assert message["beginsAnew"].endswith("+00:00")
    # It falls below, and crosses again.
    editor.cancel(run_id)
    with people.service.database.write() as session:
        lifecycle.finish_cancelled(session, run_id)
    run_id = start(people, {"setup": 5, **LEVELS})
    held = people.desk("producer").projects()[0].held
    assert crossings() == [(56, 0, 45), (56, 3, held)]


def test_a_budget_that_is_set_too_low_is_told(people: People, database_url: str) -> None:
    producer = people.desk("producer")
    start(people)
    for budget, count in ((100, 0), (50, 1), (50, 1), (10, 2), (None, 2), (50, 2)):
        producer.set_project(people.home, {"budget": budget})
        assert len(told(database_url, "budget.crossed")) == count, budget
    assert told(database_url)[0]["runId"] is None


def test_what_is_old_goes(people: People, database_url: str) -> None:
    failed(people)
    Database(database_url).execute(
        "UPDATE cascade_outbox SET at = :at", at="2020-01-01 00:00:00.000000"
    )
    with people.service.database.write() as session:
        outbox.tell(session, "request.asked", people.home, {"runId": "r"})
    assert [one["type"] for one in told(database_url)] == ["request.asked"]
