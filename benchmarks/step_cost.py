"""What one step costs beside its model call: its two transactions, in milliseconds on SQLite.

Beside them, turn by turn on the same disk, LangGraph's SQLite checkpointer does what it does for a
step that writes the same text and events (`put_writes`, then `put`); and the same steps in a story
of 1,000 scenes.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from cascade.llm.provider import Answer
from cascade.runs import events, steps
from cascade.runs import lifecycle as runs
from cascade.runs.steps import Assignment, Written
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.accounts import open_account
from cascade.store.calls import Call
from cascade.store.inserting import insert_story
from cascade.story.plan import make_plan
from cascade.story.story import Story

LEVELS = {"midpoint": 5, "allIsLost": 1}
LONG = 1000
ROUNDS = 7
STEPS = 14


def main() -> None:
    """Prints the medians and their ratios."""
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as folder:
        here = Path(folder)
        settings = Settings(database_url=f"sqlite:///{here}/bench.db", provider="offline")
        with closing(Service(settings)) as service:
            service.operator().grant("editor", 1_000_000)
            found = next(one for one in service.operator().stories() if one.structure_type == "cat")
            sample = service.operator().story(found.id)
            ours, long, theirs = [], [], []
            steps_of_run(service, sample)  # What is made once a process is made.
            for _ in range(ROUNDS):
                ours += steps_of_run(service, sample)
                long += steps_of_run(service, longer(sample))
                theirs += checkpoints(here / "theirs.db", service, STEPS)
    step, in_long, checkpoint = map(statistics.median, (ours, long, theirs))
    print("a step    in 1,000 scenes  a checkpoint   step/checkpoint  1,000 scenes/sample")
    print(
        f"{step:6.2f} ms  {in_long:12.2f} ms  {checkpoint:9.2f} ms  {step / checkpoint:15.2f}"
        f"  {in_long / step:19.2f}"
    )


def longer(sample: Story) -> Story:
    """The sample with scenes under its other beats, up to `LONG`."""
    others = [beat for beat in sample.structure.keys if beat not in LEVELS]
    more = [
        replace(sample.scenes[n % len(sample.scenes)], number=100 + n, beat_key=others[n % 13])
        for n in range(LONG - len(sample.scenes))
    ]
    return replace(sample, scenes=(*sample.scenes, *more))


def steps_of_run(service: Service, story: Story) -> list[float]:
    """Milliseconds of each step of a run on a new story, without its call."""
    actor, database = service.actor("editor"), service.database
    with database.write() as session:
        story_id = insert_story(session, story.project_id, story)
    plan = make_plan(service.operator().story(story_id), LEVELS)
    with database.write() as session:
        run_id = runs.start(
            session,
            plan,
            user_id=actor.user_id,
            account_id=open_account(session, actor, story.project_id).id,
            provider="offline",
            model="bench",
            enqueue=lambda _session, _run_id: None,
        )
    database.transact(runs.begin, run_id)
    taken = []
    for step in plan.steps:
        answer = Answer(f"{step.key}: {story.text('midpoint/beatContent')}", "stop", "bench", "0")
        began = time.perf_counter()
        announced = database.transact(steps.announce, run_id, step.key)
        assert isinstance(announced, Assignment)
        call = Call(1, "saved", "offline", "bench", 0)
        written = Written(answer, announced.brief, "offline", "1", call)
        assert database.transact(steps.save, run_id, step.key, written) == "saved"
        taken.append((time.perf_counter() - began) * 1000)
    database.transact(runs.finish, run_id)
    return taken


def checkpoints(path: Path, service: Service, count: int) -> list[float]:
    """Milliseconds of each of so many steps of a graph that keeps the same texts and events."""
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver

    with service.database.read() as session:
        run = service.operator().runs()[0]
        told = events.read(session, run.id)
    text = next(str(one["result"]) for one in told if one.get("result"))
    taken = []
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        saver = SqliteSaver(connection)
        saver.setup()
        config: Any = {"configurable": {"thread_id": str(time.time_ns()), "checkpoint_ns": ""}}
        config = saver.put(config, empty_checkpoint(), {}, {})
        values: dict[str, Any] = {}
        for number in range(count):
            began = time.perf_counter()
            writes = [(f"text {number}", text), ("events", told[:5])]
            saver.put_writes(config, writes, f"task {number}")
            values |= dict(writes)
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = values
            config = saver.put(config, checkpoint, {"source": "loop", "step": number}, {})
            taken.append((time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    main()
