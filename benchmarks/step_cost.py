"""What one step costs beside its model call: its two transactions, in milliseconds on SQLite.

Beside them, turn by turn on the same disk, LangGraph's SQLite checkpointer does what it does for a
step (`put_writes`, then `put`: two commits, as ours); and the same steps in a story of 1,000
scenes.

The checkpointer does so twice. "Text and events" is what a graph that writes texts would keep: two
values. "The same rows" is what a step of ours writes, each as a value of its own: the text in its
place, the one it replaces, its revision with what wrote it, the model call, the charge and the
account's sums, the step's state and the events. Either way it looks nothing up: who holds the run,
whether the text is still the one that was planned, whether the credits are there, whether the step
is saved already; and it keeps all values again in each checkpoint, where ours changes one.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from cascade.llm.provider import Answer
from cascade.runs import events, steps
from cascade.runs import lifecycle as runs
from cascade.runs.steps import Assignment, Written
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.calls import Call
from cascade.story.plan import make_plan
from cascade.story.story import Story
from tests.helpers.unqueued import add_story, long_story, start_unqueued

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
            ours, long, theirs, rows = [], [], [], []
            steps_of_run(service, sample)  # What is made once a process is made.
            for _ in range(ROUNDS):
                ours += steps_of_run(service, sample)
                long += steps_of_run(service, long_story(sample, LONG, LEVELS))
                theirs += checkpoints(here / "theirs.db", service, STEPS, all_rows=False)
                rows += checkpoints(here / "rows.db", service, STEPS, all_rows=True)
    step, in_long, few, same = map(statistics.median, (ours, long, theirs, rows))
    print(
        "a step    in 1,000 scenes/sample   text and events   step/that   the same rows   step/that"
    )
    print(
        f"{step:6.2f} ms {in_long:12.2f} ms {in_long / step:6.2f} {few:14.2f} ms {step / few:11.2f}"
        f" {same:12.2f} ms {step / same:11.2f}"
    )


def steps_of_run(service: Service, story: Story) -> list[float]:
    """Milliseconds of each step of a run on a new story, without its call."""
    database = service.database
    plan = make_plan(add_story(service, story), LEVELS)
    run_id = start_unqueued(service, service.actor("editor"), plan)
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


def checkpoints(path: Path, service: Service, count: int, *, all_rows: bool) -> list[float]:
    """Milliseconds of each of so many steps of a graph that keeps the same texts and events.

    With `all_rows` also what else a step of ours writes, each row as a value.
    """
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
            if all_rows:
                writes += _rest_of_rows(number, text)
            saver.put_writes(config, writes, f"task {number}")
            values |= dict(writes)
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = values
            config = saver.put(config, checkpoint, {"source": "loop", "step": number}, {})
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def _rest_of_rows(number: int, text: str) -> list[tuple[str, Any]]:
    """What a step writes beside its text and events, in the sizes that it has there."""
    at = "2026-01-01T00:00:00.000000+00:00"
    of_text = {"key": "midpoint/script/1", "digest": "0" * 16, "text": text, "created_at": at}
    wrote = {"provider": "offline", "model": "bench", "prompt_hash": "0" * 16, "latency_ms": 0}
    sources = dict.fromkeys(("level", "beatContent", "keyAction", "scenePlot"), "0" * 16)
    return [
        (f"found {number}", of_text),
        (f"revision {number}", {**of_text, **wrote, "sources": sources, "replaces": number}),
        (f"call {number}", {**wrote, "attempt": 1, "outcome": "saved", "at": at}),
        (f"entry {number}", {"kind": "capture", "credits": 4, "step": of_text["key"], "at": at}),
        ("account", {"held": 100 - number, "captured": number}),
        (f"step {number}", {"status": "saved", "saved_at": at, "digest": "0" * 16}),
    ]


if __name__ == "__main__":
    main()
