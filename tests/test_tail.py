"""Watching runs: one poller for all, soon after the commit, and as the watcher's rights are."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.errors import NotAuthenticated, UnknownRun
from cascade.runs import events, lifecycle, tail
from cascade.runs.tail import THREAD
from cascade.store.tables import Run
from tests.helpers.observe import Database, wait_for
from tests.helpers.seeded_fixtures import database_url
from tests.service.conftest import people
from tests.service.people import People, start

__all__ = ["database_url", "people"]


def say(people: People, run_id: str, **body: Any) -> float:
    """Writes one more event of a run; when it was committed."""
    with people.service.database.write() as session:
        run = lifecycle.lock_run(session, run_id)
        events.append(session, run, {"type": "retry", **body})
    return time.monotonic()


def end(people: People, run_id: str) -> None:
    people.service.desk(people.actors["editor"]).cancel(run_id)


async def watch(people: People, run_id: str, role: str, seen: list[tuple[float, int]]) -> None:
    desk = people.service.desk(people.actors[role])
    async for batch in desk.stream(run_id):
        at = time.monotonic()
        seen.extend((at, event["seq"]) for event in batch)


def statements(people: People, run_id: str, watchers: int) -> tuple[int, int, float]:
    """Statements and looks while so many watch a run say twenty things; the longest it took."""
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            asked.append(f"{threading.current_thread().name} {statement}")

    seen: list[list[tuple[float, int]]] = [[] for _ in range(watchers)]
    said: list[float] = []

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(watch(people, run_id, "viewer", one)) for one in seen]
        await asyncio.sleep(0.3)
        for _ in range(20):
            said.append(await asyncio.to_thread(say, people, run_id))
            await asyncio.sleep(0.05)
        await asyncio.to_thread(end, people, run_id)
        await asyncio.gather(*tasks)

    engine = people.service.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        asyncio.run(all_of_them())
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    for one in seen:
        assert [seq for _, seq in one] == list(range(1, 22)), "every event once, in order"
    # The machine may be doing something else for a while, for some events of the twenty.
    lates = sorted(
        max(at - said[n] for one in seen for at, seq in one if seq == n + 1) for n in range(20)
    )
    late = lates[len(lates) // 2]
    of_tail = [one for one in asked if one.startswith(THREAD)]
    looks = sum("FROM cascade_runs" in one for one in of_tail)
    others = [one for one in asked if one.startswith(("cascade-endpoint", "Main"))]
    assert others == [], "nothing is read by a watcher itself"
    return len(of_tail), looks, late


def test_two_hundred_watchers_cost_what_one_does(people: People, record_property: Any) -> None:
    one, looks, _ = statements(people, start(people), 1)
    many, looks_for_many, late = statements(people, start(people), 200)
    record_property("figures", f"{one}/{looks} and {many}/{looks_for_many}, {late * 1000:.0f} ms")
    assert many <= one * 1.2 + 10
    assert many / looks_for_many <= 5
    assert late < 0.3


def test_an_end_in_this_process_is_seen_before_it_is_time_to_look(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "LOOK_S", 30.0)
    monkeypatch.setattr("cascade.service.watching.FOLLOW_S", 30.0)
    desk = people.service.desk(people.actors["editor"])
    run_id = start(people)
    seen: list[dict[str, Any]] = []

    def watch_to_the_end() -> None:
        seen.extend(desk.follow(run_id))

    watcher = threading.Thread(target=watch_to_the_end)
    watcher.start()
    time.sleep(0.5)
    with people.service.executing():
        watcher.join(20)
    assert not watcher.is_alive()
    assert seen[-1]["type"] == "done"


def test_one_who_is_far_behind_reads_by_himself(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "KEPT", 5)
    monkeypatch.setattr("cascade.service.watching.AT_ONCE", 7)
    run_id = start(people)
    for _ in range(30):
        say(people, run_id)
    desk = people.service.desk(people.actors["viewer"])
    events_ = desk.follow(run_id, after=2)
    assert [next(events_)["seq"] for _ in range(28)] == list(range(3, 31))
    for _ in range(12):
        say(people, run_id)
    end(people, run_id)
    assert [one["seq"] for one in events_] == list(range(31, 44))

    async def streamed() -> list[int]:
        return [one["seq"] async for batch in desk.stream(run_id) for one in batch]

    assert asyncio.run(streamed()) == list(range(1, 44))
    assert [one["seq"] for one in desk.follow(run_id, after=43)] == []


def test_silence_is_told(people: People) -> None:
    run_id = start(people)

    async def heard() -> list[int]:
        stream = people.service.desk(people.actors["viewer"]).stream(run_id, silence_s=0.1)
        found = [len(await anext(stream)) for _ in range(3)]
        await stream.aclose()
        return found

    assert asyncio.run(heard()) == [0, 0, 0]
    wait_for(lambda: people.service.desk(people.actors["viewer"]) and not running(), "the poller")


def running() -> bool:
    return any(one.name == THREAD for one in threading.enumerate())


@pytest.mark.parametrize("what", ["role", "token"])
def test_what_is_taken_away_ends_a_stream(people: People, database_url: str, what: str) -> None:
    run_id = start(people)
    operator = people.service.operator()
    holder = people.service.holder(operator.create_token("viewer", 1))

    async def cut() -> float:
        desk = people.service.desk(holder.actor)
        stream = desk.stream(run_id, token_id=holder.token_id, silence_s=5)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.2)
        if what == "token":
            operator.revoke_token(holder.token_id)
        else:
            Database(database_url).execute(
                "DELETE FROM cascade_project_members WHERE user_id = :id", id=holder.actor.user_id
            )
        at = time.monotonic()
        with pytest.raises(NotAuthenticated if what == "token" else UnknownRun):
            await waiting
        return time.monotonic() - at

    assert asyncio.run(cut()) < 1


def test_a_service_that_closes_lets_its_watchers_go(people: People) -> None:
    run_id = start(people)
    followed = people.service.operator().follow(run_id)
    threading.Timer(0.3, people.service.close).start()
    assert list(followed) == []


def test_only_those_who_may_see_it(people: People) -> None:
    run_id = start(people)
    for role in ("stranger", "nobody"):
        with pytest.raises(UnknownRun):
            next(people.service.desk(people.actors[role]).follow(run_id))
    with pytest.raises(UnknownRun):
        next(people.service.operator().follow("nothing"))
    with people.service.database.read() as session:
        assert session.get_one(Run, run_id).last_seq == 0


def test_a_run_that_is_slow_to_end_holds_up_no_other(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people.service._house.tail, "_on_cancelling", lambda _: time.sleep(3))
    theirs = people.service.desk(people.actors["stranger"])
    other = theirs.start(theirs.plan(people.theirs, {"find": 1}).plan)
    mine = start(people)
    with people.service.database.write() as session:
        lifecycle.lock_run(session, mine).status = "cancelling"

    async def watch_both() -> float:
        stuck = people.service.desk(people.actors["viewer"]).stream(mine)
        waiting = asyncio.ensure_future(anext(stuck))
        await asyncio.sleep(0.3)
        stream = theirs.stream(other)
        heard = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.3)
        said = await asyncio.to_thread(say, people, other)
        await heard
        late = time.monotonic() - said
        waiting.cancel()
        await asyncio.wait([waiting])
        for one in (stream, stuck):
            await one.aclose()
        return late

    assert asyncio.run(watch_both()) < 1
