"""Plots of one beat at the same time, and its scripts; and what happens when one fails."""

from __future__ import annotations

import threading
import time

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import check_events, completed_keys, plan_document
from tests.helpers.model_http import Call, Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.observe import Database

HERO = "A Hundred Diameters"
# A beat of four scenes: calls 1 and 2 are content and key action, 3-6 plots, 7-10 scripts.
BEAT = "testsAlliesEnemies"


def opened(url: str, server: ModelServer, concurrency: int) -> Service:
    """The service in this process, with that many calls at once."""
    return Service(
        Settings(
            database_url=url,
            provider="openai",
            concurrency=concurrency,
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="x",
        )
    )


def unanswered(server: ModelServer) -> list[str]:
    """The kinds of the calls to which nothing has been answered yet.

    A client that has an answer whole may be ahead of the server's own note of its end.
    """
    return [call.property for call in server.calls if call.status is None]


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_plots_of_a_beat_at_once_and_then_its_scripts(
    database_url: str, server: ModelServer, concurrency: int
) -> None:
    together = min(concurrency, 4)
    gates = {first: threading.Barrier(together) for first in (3, 7)}
    most: list[int] = []
    early: list[tuple[str, str]] = []

    def behave(call: Call) -> None:
        waiting = unanswered(server)
        most.append(len(waiting))
        early.extend((one, call.property) for one in waiting if one != call.property)
        # The first plots, and the first scripts, only go on when as many as may are there.
        for first, gate in gates.items():
            if first <= call.number < first + together:
                gate.wait(60)
                time.sleep(0.02)  # One more than may would come by then.

    server.behave = behave
    service = opened(database_url, server, concurrency)
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HERO).id, {BEAT: 5}).plan
    run_id = service.desk(actor).start(plan)
    with service.executing():
        events = list(service.operator().follow(run_id))
    service.close()
    assert events[-1]["type"] == "done", events[-1]
    check_events(events, plan_document(plan.to_json()))
    assert max(most) == together
    kinds = [call.property for call in server.calls]
    assert kinds == ["beatContent", "keyAction", *["plot"] * 4, *["script"] * 4]
    assert early == [], "one kind of a beat after the other"


def test_the_limit_is_one_for_all_runs_of_a_process(database_url: str, server: ModelServer) -> None:
    server.latency = 0.05
    both, most = threading.Barrier(2), list[int]()

    def behave(call: Call) -> None:
        most.append(len(unanswered(server)))
        if call.number <= 2:
            both.wait(60)

    server.behave = behave
    service = opened(database_url, server, 2)
    actor = service.actor("editor")
    ids = []
    for story in service.operator().stories():
        keys = service.operator().story(story.id).structure.keys
        ids.append(service.desk(actor).start(service.desk(actor).plan(story.id, {keys[2]: 5}).plan))
    with service.executing():
        ends = [list(service.operator().follow(run_id))[-1]["type"] for run_id in ids]
    service.close()
    assert ends == ["done"] * 3
    assert max(most) == 2


def test_a_failing_script_lets_those_in_flight_finish(
    database_url: str, server: ModelServer
) -> None:
    other_is_there, failed = threading.Event(), threading.Event()

    def behave(call: Call) -> Reply | None:
        if call.number == 7:
            assert other_is_there.wait(60)
            return Reply(status=401, error={"message": "scripted", "type": "x", "code": "x"})
        if call.number == 8:
            other_is_there.set()
            assert failed.wait(60)
        return None

    server.behave = behave
    service = opened(database_url, server, 2)
    database = Database(database_url)
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HERO).id, {BEAT: 5, "reward": 5}).plan
    run_id = service.desk(actor).start(plan)
    events = []
    with service.executing():
        for event in service.operator().follow(run_id):
            events.append(event)
            if event["type"] == "scene" and event["status"] == "error":
                assert service.operator().run(run_id).status == "running"
                failed.set()
    service.close()
    document = plan_document(plan.to_json())
    check_events(events, document)
    assert server.count == 8, "no new script was begun, and no further beat"
    assert events[-1]["type"] == "error"
    scripts = [key for key in completed_keys(events, document) if "/script/" in key]
    assert len(scripts) == 1
    assert len(completed_keys(events, document)) == 7
    statuses = database.query("SELECT status FROM cascade_run_steps WHERE run_id = :id", id=run_id)
    assert sorted(row["status"] for row in statuses).count("failed") == 1
