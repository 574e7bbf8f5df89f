"""Events over a raw socket: whole lines, nothing lost or twice, and nobody held up by another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.settings import Settings
from cascade.store.tables import StartKey
from tests.helpers.checking import check_events
from tests.helpers.endpoint import START, Reply, beginning, chunks
from tests.helpers.holding import HeldWriter
from tests.helpers.observe import Database, wait_for

from .conftest import House, settings_of


@pytest.fixture
def settings(database_url: str) -> Settings:
    # Slow enough that a run can be left and found again.
    return settings_of(database_url, concurrency=1).model_copy(update={"offline_delay_ms": 60})


@pytest.fixture
def working(house: House) -> Iterator[House]:
    """The same with somebody who executes."""
    with house.service.executing():
        yield house


def lines(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for piece in pieces:
        assert piece.endswith(b"\n"), "every chunk is whole lines"
        yield from (json.loads(line) for line in piece.splitlines() if line)


def watching(house: House) -> int:
    return house.service._house.tail.watching


def test_a_run_from_its_plan_to_its_end(working: House) -> None:
    editor, order = working["editor"], working.order()
    planned = editor("POST", "/api/ai/plan", order)
    assert planned.status == 200
    plan = planned.json
    with editor.open("POST", START, {**order, "planHash": plan["planHash"]}) as opened:
        events = list(lines(chunks(opened)))
    check_events(events, plan)
    run_id = events[0]["runId"]
    assert events == working.service.operator().events(run_id)
    found = editor("GET", f"/api/ai/runs/{run_id}")
    assert found.json["status"] == "done"
    assert found.json["usedCredits"] == plan["estimatedCredits"]
    stored = editor("GET", f"/api/ai/runs/{run_id}/events?after=3")
    assert stored.headers["content-type"] == "application/x-ndjson"
    assert stored.headers["x-run-id"] == run_id
    assert stored.events == events[3:]
    followed = editor("GET", f"/api/ai/runs/{run_id}/events?after=5&follow=true")
    assert followed.events == events[5:]
    assert editor("GET", f"/api/ai/runs/{run_id}/events?after={2**63 - 1}").body == b""


def test_server_sent_events(working: House) -> None:
    sse = "text/event-stream"
    reply = working["editor"]("POST", START, working.order(), Accept=sse)
    assert reply.headers["content-type"].startswith(sse)
    run_id = reply.headers["x-run-id"]
    events = working.service.operator().events(run_id)

    def read(body: bytes) -> list[dict[str, Any]]:
        found = []
        for block in body.decode().split("\n\n")[:-1]:
            number, data = block.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert number == f"id: {found[-1]['seq']}"
        return found

    assert read(reply.body) == events
    path = f"/api/ai/runs/{run_id}/events?after=1"
    again = working["viewer"]("GET", path, Accept=sse, Last_Event_ID="4")
    assert read(again.body) == events[4:], "what the client has seen last counts"


def test_who_hangs_up_stops_nothing_and_finds_the_rest(working: House) -> None:
    editor = working["editor"]
    seen = []
    with editor.open("POST", START, working.order()) as opened:
        for event in lines(chunks(opened)):
            seen.append(event)
            if len(seen) >= 4:
                break
    run_id = seen[0]["runId"]
    path = f"/api/ai/runs/{run_id}/events?follow=true&after="
    # Left again after each single piece.
    while seen[-1]["type"] not in ("done", "error"):
        with editor.open("GET", f"{path}{seen[-1]['seq']}") as opened:
            seen.extend(lines(iter([next(chunks(opened))])))
    assert seen == working.service.operator().events(run_id)
    assert seen[-1]["type"] == "done"
    wait_for(lambda: watching(working) == 0, "the streams to be closed")


def test_a_client_that_goes_away_leaves_nothing_open(house: House) -> None:
    editor = house["editor"]
    opened = [editor.open("POST", START, house.order())]
    opened[0].recv(100)
    (run,) = house.service.operator().runs()
    path = f"/api/ai/runs/{run.id}/events?follow=true"
    opened += [editor.open("GET", path) for _ in range(9)]
    wait_for(lambda: watching(house) == 10, "ten to watch")
    for one in opened:
        one.close()
    wait_for(lambda: watching(house) == 0, "nobody to watch")
    assert house.service.operator().run(run.id).status == "queued"


def test_silence(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.api.routes.SILENCE_S", 0.2)
    editor = house["editor"]
    with editor.open("POST", START, house.order()) as opened:
        pieces = chunks(opened)
        assert [next(pieces) for _ in range(3)] == [b"\n"] * 3
    (run,) = house.service.operator().runs()
    path = f"/api/ai/runs/{run.id}/events?follow=true"
    with editor.open("GET", path, Accept="text/event-stream") as opened:
        assert next(chunks(opened)) == b":\n\n"


def test_a_slow_reader_holds_up_nobody(working: House) -> None:
    editor = working["editor"]
    slow = editor.open("POST", START, working.order())
    slow.recv(1)
    (run,) = working.service.operator().runs()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(1) and slow.recv(1):
            pass

    dripping = threading.Thread(target=drip)
    dripping.start()
    fast = editor("GET", f"/api/ai/runs/{run.id}/events?follow=true")
    assert dripping.is_alive(), "the slow one reads on"
    stop.set()
    dripping.join()
    slow.close()
    assert fast.events[-1]["type"] == "done"


def test_two_starts_with_one_key_at_once(working: House) -> None:
    editor, order = working["editor"], working.order()
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(editor, "POST", START, order, Idempotency_Key="once") for _ in range(4)
        ]
        replies = [one.result() for one in asked]
    assert {reply.status for reply in replies} == {200}
    (run,) = working.service.operator().runs()
    for reply in replies:
        assert reply.headers["x-run-id"] == run.id
        assert reply.events == working.service.operator().events(run.id)
    # And again, long after: the level is another by now, and the answer the same.
    spaced = json.dumps({**order, "userId": "somebody"}, indent=2).encode()
    again = editor("POST", START, raw=spaced, Idempotency_Key="once")
    assert again.headers["x-run-id"] == run.id
    assert again.events == replies[0].events
    other = editor("POST", START, working.order("setup", 2, 3), Idempotency_Key="once")
    assert (other.status, other.json["code"]) == (409, "key_reused")
    assert other.json["runId"] == run.id
    # Another's key of the same name is another.
    theirs = working["viewer"]("POST", START, order, Idempotency_Key="once")
    assert (theirs.status, theirs.json["code"]) == (403, "not_allowed")
    assert len(working.service.operator().runs()) == 1


def test_one_key_for_two_stories_at_once(house: House) -> None:
    """No row that both would lock: the key itself decides, and one of them is told."""
    editor = house["editor"]
    one = house.order()
    change = {"beatKey": "ordeal", "previousTension": 5, "newTension": 1}
    [hero] = [found for found in editor("GET", "/api/stories").json if "hero" in str(found)]
    other = {"storyVersionId": hero["id"], "structureType": "hero", "changes": [change]}

    def begin(order: dict[str, Any]) -> Reply:
        with editor.open("POST", START, order, Idempotency_Key="once") as opened:
            return beginning(opened)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(begin, [one, other] * 2))
    (run,) = house.service.operator().runs()
    taken = [reply.status == 200 for reply in said]
    assert taken in ([True, False] * 2, [False, True] * 2)
    for is_taken, reply in zip(taken, said, strict=True):
        if is_taken:
            assert reply.headers["x-run-id"] == run.id
        else:
            assert (reply.status, reply.json["code"]) == (409, "key_reused")
            assert reply.json["runId"] == run.id


def test_a_key_is_forgotten_after_a_day(house: House, database_url: str) -> None:
    editor = house["editor"]
    found = []
    for hours in (23, 2, 0):
        with editor.open("POST", START, house.order(), Idempotency_Key="k") as opened:
            assert b"200 OK" in opened.recv(100)
        newest = house.service.operator().runs()[0].id
        found.append(newest)
        editor("POST", f"/api/ai/runs/{newest}/cancel")
        with house.service.database.write() as session:
            for key in session.scalars(sa.select(StartKey)):
                key.created_at -= timedelta(hours=hours)
    assert found[0] == found[1] != found[2]
    assert Database(database_url).value("SELECT count(*) FROM cascade_start_keys") == 1


def test_a_refused_start_is_not_remembered(house: House) -> None:
    editor = house["editor"]
    stale = editor("POST", START, house.order("finale", 4, 1), Idempotency_Key="k")
    assert stale.status == 409
    with editor.open("POST", START, house.order(), Idempotency_Key="k") as opened:
        assert b"200 OK" in opened.recv(100)
    assert len(house.service.operator().runs()) == 1


@pytest.fixture
def writer(house: House, monkeypatch: pytest.MonkeyPatch) -> HeldWriter:
    """The house's writer, for runs that are to stand at a step until they are cancelled."""
    writer = HeldWriter()
    monkeypatch.setattr(house.service._house, "provider", writer)
    return writer


def test_cancel_resume_restore(house: House, writer: HeldWriter) -> None:
    writer.hold("scenePlot")
    editor, producer = house["editor"], house["producer"]
    before = editor("GET", f"/api/stories/{house.people.mine}").json
    two = {**house.order()}
    two["changes"] = [
        {"beatKey": "midpoint", "previousTension": 2, "newTension": 4, "prevBeatTension": None},
        {"beatKey": "finale", "previousTension": 5, "newTension": 1, "direction": "Quietly."},
    ]
    with house.service.executing():
        with editor.open("POST", START, two) as opened:
            read = lines(chunks(opened))
            first = next(read)
            while next(read)["type"] != "scene":
                pass
            cancelled = producer("POST", f"/api/ai/runs/{first['runId']}/cancel")
            assert cancelled.status == 202
            assert cancelled.json["status"] in ("cancelling", "cancelled")
            assert list(read)[-1]["type"] == "cancelled"
        writer.release()
        path = f"/api/ai/runs/{first['runId']}"
        assert producer("POST", f"{path}/resume").status == 403
        resumed = editor("POST", f"{path}/resume", Idempotency_Key="on")
        assert resumed.events[-1]["type"] == "done"
        assert editor("POST", f"{path}/resume", Idempotency_Key="on").events == resumed.events
        again = editor("POST", f"{path}/resume")
        assert (again.status, again.json["code"]) == (409, "not_resumable")
    later = resumed.headers["x-run-id"]
    assert editor("GET", f"/api/ai/runs/{later}").json["resumedFrom"] == first["runId"]
    restored = editor("POST", f"/api/ai/runs/{later}/restore")
    assert restored.status == 200
    assert {"midpoint/level", "finale/level"} <= set(restored.json["restored"])
    assert restored.json["left"] == []
    assert editor("GET", f"/api/stories/{house.people.mine}").json == before
    twice = editor("POST", f"/api/ai/runs/{later}/restore")
    assert (twice.status, twice.json["code"]) == (409, "nothing_to_restore")


def test_what_is_out_of_date(writer: HeldWriter, working: House) -> None:
    """A change whose levels are equal rewrites what is out of date under that beat."""
    writer.hold("keyAction")
    editor, mine = working["editor"], working.people.mine
    with editor.open("POST", START, working.order("midpoint", 2, 4)) as opened:
        read = lines(chunks(opened))
        run_id = next(read)["runId"]
        while next(read).get("step") != "keyAction":
            pass
        editor("POST", f"/api/ai/runs/{run_id}/cancel")
        list(read)
    writer.release()
    marked = editor("GET", f"/api/stories/{mine}").json["outOfDate"]
    assert marked
    order = working.order("midpoint", 4, 4)
    plan = editor("POST", "/api/ai/plan", order).json
    assert {one["key"] for one in plan["steps"]} == {
        one["key"] for one in marked if "/shots/" not in one["key"]
    }
    done = editor("POST", START, order)
    assert done.events[-1]["type"] == "done"
    left = editor("GET", f"/api/stories/{mine}").json["outOfDate"]
    assert all("/shots/" in one["key"] for one in left)
