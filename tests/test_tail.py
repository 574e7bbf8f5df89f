"""Watching runs: one poller for all, soon after the commit, and as the watcher's rights are."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.errors import NotAuthenticated, UnknownRun
from cascade.runs import events, lifecycle, tail
from cascade.runs.tail import THREAD, Glance, Tail, Watch
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


@dataclass
class Look:
    """One look of the poller: what it asked the database, and what each watcher then had."""

    asked: list[str] = field(default_factory=list)
    glances: list[Glance | None] = field(default_factory=list)


class Looks:
    """All looks of the poller, as it takes them; and what others asked beside them."""

    def __init__(self) -> None:
        self.taken: list[Look] = []
        self.others: list[str] = []

    @property
    def begun(self) -> int:
        return len(self.taken)

    def take(self, look: Callable[..., None], tail_: Tail, watches: Collection[Watch]) -> None:
        self.taken.append(Look())
        look(tail_, watches)
        self.taken[-1].glances = [one.glance for one in watches]

    def note(self, _c: object, _cursor: object, statement: str, *_: object) -> None:
        name = threading.current_thread().name
        if name.startswith(THREAD):
            self.taken[-1].asked.append(statement)
        elif name.startswith("cascade-endpoint"):
            self.others.append(statement)


@pytest.fixture
def looks(people: People, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    found, look = Looks(), Tail._look
    monkeypatch.setattr(Tail, "_look", lambda *given: found.take(look, *given))
    engine = people.service.database.engine
    sa.event.listen(engine, "before_cursor_execute", found.note)
    yield found
    sa.event.remove(engine, "before_cursor_execute", found.note)


def have_looked(people: People, watchers: int = 1) -> bool:
    """Whether so many watch, and each has seen how its run stands."""
    watches = list(people.service._house.tail._watches)
    return len(watches) == watchers and all(one.glance is not None for one in watches)


async def until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_for, condition, what)


async def watch(people: People, run_id: str, role: str, seen: list[tuple[float, int]]) -> None:
    desk = people.service.desk(people.actors[role])
    async for batch in desk.stream(run_id):
        at = time.monotonic()
        seen.extend((at, event["seq"]) for event in batch)


def listen(
    people: People, looks: Looks, watchers: int, *, tells: bool = False
) -> tuple[list[Look], float]:
    """The looks while so many watch a run say twenty things, each when all have heard the last.

    And how late they heard, in the middle. With `tells` the poller is told that there are news.
    """
    run_id = start(people)
    seen: list[list[tuple[float, int]]] = [[] for _ in range(watchers)]
    said: list[float] = []

    def speak() -> int:
        said.append(say(people, run_id))
        begun = looks.begun
        if tells:
            people.service.database.tell_news()
        return begun

    def has_come(begun: int) -> bool:
        is_told = looks.begun > begun and bool(looks.taken[begun].glances)
        return is_told and all(len(one) == len(said) for one in seen)

    async def all_of_them() -> list[Look]:
        tasks = [asyncio.create_task(watch(people, run_id, "viewer", one)) for one in seen]
        await until(lambda: have_looked(people, watchers), "all to watch")
        first = looks.begun
        for n in range(1, 21):
            begun = await asyncio.to_thread(speak)
            await until(partial(has_come, begun), f"event {n}")
            # The first look that begins after the commit finds it, for all of them.
            heard = [glance and glance.last_seq for glance in looks.taken[begun].glances]
            assert heard == [n] * watchers
        while_it_spoke = looks.taken[first : looks.begun]
        await asyncio.to_thread(end, people, run_id)
        people.service.database.tell_news()
        await asyncio.gather(*tasks)
        return while_it_spoke

    found = asyncio.run(all_of_them())
    for one in seen:
        assert [seq for _, seq in one] == list(range(1, 22)), "every event once, in order"
    assert looks.others == [], "nothing is read by a watcher itself"
    lates = sorted(max(one[n][0] for one in seen) - said[n] for n in range(20))
    return found, lates[len(lates) // 2]


def test_two_hundred_watchers_cost_what_one_does(
    people: People, looks: Looks, record_property: Any
) -> None:
    one, _ = listen(people, looks, 1)
    many, late = listen(people, looks, 200)
    record_property("figures", f"{len(one)} and {len(many)} looks, {late * 1000:.0f} ms")
    assert max(len(look.asked) for look in many) == max(len(look.asked) for look in one) <= 5
    # What is said is heard by the next look: so often there is one.
    assert tail.LOOK_S <= 0.1


def test_news_take_one_look_however_many_watch(
    people: People, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is never time to look: there is a look for what is said, and for nothing else.
    monkeypatch.setattr(tail, "LOOK_S", 3600.0)
    for watchers in (1, 200):
        found, _ = listen(people, looks, watchers, tells=True)
        assert len(found) == 20
        assert len({len(look.asked) for look in found}) == 1


def test_an_end_in_this_process_is_seen_before_it_is_time_to_look(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "LOOK_S", 3600.0)
    monkeypatch.setattr("cascade.service.watching.FOLLOW_S", 3600.0)
    desk = people.service.desk(people.actors["editor"])
    run_id = start(people)
    seen: list[dict[str, Any]] = []

    def watch_to_the_end() -> None:
        seen.extend(desk.follow(run_id))

    watcher = threading.Thread(target=watch_to_the_end)
    watcher.start()
    wait_for(lambda: have_looked(people), "the first look")
    with people.service.executing():
        watcher.join(120)
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
def test_what_is_taken_away_ends_a_stream(
    people: People, looks: Looks, database_url: str, what: str
) -> None:
    run_id = start(people)
    operator = people.service.operator()
    holder = people.service.holder(operator.create_token("viewer", 1))

    def is_cut(glance: Glance | None) -> bool:
        return glance is not None and not (glance.has_token and glance.roles.by_project)

    async def cut() -> int:
        desk = people.service.desk(holder.actor)
        stream = desk.stream(run_id, token_id=holder.token_id, silence_s=3600)
        waiting = asyncio.ensure_future(anext(stream))
        await until(lambda: have_looked(people), "the first look")
        if what == "token":
            operator.revoke_token(holder.token_id)
        else:
            Database(database_url).execute(
                "DELETE FROM cascade_project_members WHERE user_id = :id", id=holder.actor.user_id
            )
        begun = looks.begun
        with pytest.raises(NotAuthenticated if what == "token" else UnknownRun):
            await asyncio.wait_for(waiting, 120)
        return begun

    begun = asyncio.run(cut())
    # The first look that begins after it finds it, if not one that was under way.
    found = wait_for(
        lambda: [n for n, look in enumerate(looks.taken) if any(map(is_cut, look.glances))],
        "the look that has found it",
    )
    assert found[0] <= begun


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
    ends, may_end = threading.Event(), threading.Event()

    def end_slowly(_: str) -> None:
        ends.set()
        may_end.wait(120)

    monkeypatch.setattr(people.service._house.tail, "_on_cancelling", end_slowly)
    theirs = people.service.desk(people.actors["stranger"])
    other = theirs.start(theirs.plan(people.theirs, {"find": 1}).plan)
    mine = start(people)
    with people.service.database.write() as session:
        lifecycle.lock_run(session, mine).status = "cancelling"

    async def watch_both() -> None:
        stuck = people.service.desk(people.actors["viewer"]).stream(mine, silence_s=3600)
        waiting = asyncio.ensure_future(anext(stuck))
        await until(ends.is_set, "the end of the one to begin")
        stream = theirs.stream(other, silence_s=3600)
        heard = asyncio.ensure_future(anext(stream))
        await until(lambda: have_looked(people, 2), "both to watch")
        await asyncio.to_thread(say, people, other)
        # The other one is still at it.
        assert [one["seq"] for one in await asyncio.wait_for(heard, 60)] == [1]
        assert not may_end.is_set()
        waiting.cancel()
        await asyncio.wait([waiting])
        for one in (stream, stuck):
            await one.aclose()

    try:
        asyncio.run(watch_both())
    finally:
        may_end.set()
