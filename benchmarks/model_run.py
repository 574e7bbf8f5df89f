"""What a run adds to its model's own time: wall time over the plan's critical path.

A run of two beats with three scenes each (16 steps) of a sample story, with a model server on the
loopback that takes 300 ms to its first token and then writes 80 tokens a second. The critical path
is made of the calls' durations as the server measured them: one after the other, and the scripts
of a beat as they fit into the places that there are.
"""

from __future__ import annotations

import heapq
import tempfile
import time
from itertools import islice
from typing import Any

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.model_http import Call
from tests.helpers.model_server import ModelServer

STORY, LEVELS = "A Hundred Diameters", {"ordeal": 3, "resurrection": 3}
WARM_UP, WARM_UP_LEVELS = "Maximum Permissible Error", {"find": 2}
FIRST_TOKEN_S = 0.3
TOKENS_A_SECOND = 80
# The server sends seven characters a chunk; four are about a token.
TOKENS_A_CHUNK = 7 / 4
CONCURRENCY = 6
GOAL = 1.10


def main() -> None:
    """Prints one line."""
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as folder, ModelServer() as server:
        asked: dict[str, Any] = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "x"}
        url = f"sqlite:///{folder}/bench.db"
        service = Service(
            Settings(database_url=url, provider="openai", concurrency=CONCURRENCY, **asked)
        )
        try:
            measure(service, server)
        finally:
            service.close()


def measure(service: Service, server: ModelServer) -> None:
    """Makes the run and prints what it took."""
    with service.executing():
        # Launching the engine, the first connection and the first check are a process's, not a
        # run's.
        time_run(service, WARM_UP, WARM_UP_LEVELS)
        server.latency, server.pace = FIRST_TOKEN_S, TOKENS_A_CHUNK / TOKENS_A_SECOND
        before = server.count
        wall, groups = time_run(service, STORY, LEVELS)
    calls = server.calls[before:]
    assert len(calls) == sum(groups), "one call a step"
    critical = critical_path(groups, calls)
    ratio, added_ms = wall / critical, (wall - critical) / len(calls) * 1000
    verdict = "" if ratio <= GOAL else f"  above the goal of {GOAL:.2f}"
    print("calls  all calls  critical path  wall time  wall/critical  added a call")
    print(
        f"{len(calls):5} {sum(map(seconds, calls)):8.2f} s {critical:12.2f} s {wall:8.2f} s "
        f"{ratio:14.3f} {added_ms:10.0f} ms{verdict}"
    )


def time_run(service: Service, title: str, levels: dict[str, int]) -> tuple[float, list[int]]:
    """Seconds from a run's start to its end, and how many steps each group of its plan has."""
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(title).id, levels).plan
    began = time.perf_counter()
    run_id = service.desk(actor).start(plan)
    for _ in service.operator().follow(run_id):
        pass
    wall = time.perf_counter() - began
    assert service.operator().run(run_id).status == "done"
    return wall, [len(group) for group in plan.groups()]


def critical_path(groups: list[int], calls: list[Call]) -> float:
    """Seconds that the calls take at least, in the order in which they came."""
    coming = iter(calls)
    total = 0.0
    for size in groups:
        places = [0.0] * CONCURRENCY
        for call in islice(coming, size):
            heapq.heapreplace(places, places[0] + seconds(call))
        total += max(places)
    return total


def seconds(call: Call) -> float:
    """How long the server had the call."""
    assert call.ended is not None
    return call.ended - call.started


if __name__ == "__main__":
    main()
