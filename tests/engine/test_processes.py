"""Several processes on one database: who executes, who follows, who takes over."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import datetime
from typing import Any

from tests.helpers.checking import check_credits, check_events, check_saved_once
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database, tell, wait_for
from tests.helpers.seeded_fixtures import model

HERO = "A Hundred Diameters"
HARMON = "Maximum Permissible Error"
CHANGE = ("--set", "ordeal=3")
STALL = Reply(raw=b"", end="stall")


def finish(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Waits for a `run` to end well; its events."""
    output, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]


def stop(worker: subprocess.Popen[str]) -> None:
    """Ends a worker the way an operator does; it must go without a word."""
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert "Traceback" not in errors


def started(cli: Any, **env: str) -> subprocess.Popen[str]:
    """A worker that has said that it is there."""
    worker: subprocess.Popen[str] = cli.start("worker", **env)
    assert worker.stderr is not None
    assert "Executing" in worker.stderr.readline()
    return worker


def test_a_run_goes_on_when_run_is_killed_and_a_worker_starts(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    server.answer(3, STALL)
    plan = near.json("plan", HERO, *CHANGE)
    running = cli.start("run", HERO, *CHANGE, **model(server), CASCADE_CONCURRENCY="1")
    server.wait_for_calls(3, timeout=60)
    run_id = near.json("runs")[0]["id"]
    running.kill()
    printed = [json.loads(line) for line in running.communicate(timeout=60)[0].splitlines()]
    worker = started(cli, **model(server))
    # It may have died before it could print anything.
    after = printed[-1]["seq"] if printed else 0
    followed = cli("events", run_id, "--follow", "--after", str(after))
    assert followed.returncode == 0
    rest = [json.loads(line) for line in followed.stdout.splitlines()]
    stop(worker)
    check_events(printed + rest, plan, restarted=True)
    assert rest[-1]["type"] == "done"
    assert server.count == len(plan["steps"]) + 1, "only the call that died was made again"
    check_saved_once(Database(database_url), run_id, near.json("show", HERO))
    check_credits(near.json("credits"))


def test_run_beside_a_running_worker(cli: Any, near: Near, server: ModelServer) -> None:
    """The worker executes, `run` follows; the worker goes on when `run` is gone."""
    worker = started(cli, **model(server))
    wait_for(near.somebody_executes, "the worker's seat")
    plan = near.json("plan", HERO, *CHANGE)
    # This `run` would write otherwise than the worker: the texts show who executed.
    printed = finish(cli.start("run", HERO, *CHANGE))
    check_events(printed, plan)
    assert server.count == len(plan["steps"])

    server.hold()
    running = cli.start("run", HARMON, "--set", "take=3")
    server.wait_for_calls(len(plan["steps"]) + 1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    running.kill()
    running.communicate(timeout=60)
    server.release()
    wait_for(lambda: near.json("runs")[0]["status"] == "done", "the worker to end the run")
    assert near.json("runs")[0]["id"] == run_id
    stop(worker)


def test_takeover_by_run_when_the_seat_is_freed(cli: Any, near: Near, server: ModelServer) -> None:
    """The follower takes over from the executor that dies; nobody restarts anything."""
    worker = started(cli, **model(server))
    wait_for(near.somebody_executes, "the worker's seat")
    server.answer(2, STALL)
    plan = near.json("plan", HERO, *CHANGE)
    running = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(2, timeout=60)
    killed = time.time()
    worker.kill()
    worker.communicate(timeout=60)
    printed = finish(running)
    check_events(printed, plan, restarted=True)
    assert printed[-1]["type"] == "done"
    later = [at(event) for event in printed if at(event) > killed]
    tell(f"takeover after {later[0] - killed:.2f} s")
    # Long before a call's patience is over, or that of a server with a session that is gone.
    assert later[0] - killed < 30


def at(event: dict[str, Any]) -> float:
    """When an event was written, in seconds of the wall clock."""
    return datetime.fromisoformat(event["at"]).timestamp()


def test_takeover_of_several_runs_by_the_other_worker(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    """One worker has both runs in hand and dies; the other, there already, ends both."""
    server.hold()
    first = started(cli, **model(server))
    wait_for(near.somebody_executes, "the first worker's seat")
    runs = [
        cli.start("run", HERO, *CHANGE, **model(server)),
        cli.start("run", HARMON, "--set", "take=3", **model(server)),
    ]
    server.wait_for_calls(2, timeout=60)
    database = Database(database_url)
    since = database.value("SELECT CURRENT_TIMESTAMP")
    second = started(cli, **model(server))
    if not database.is_sqlite:
        # Only then has it looked for dead executors at its start, and found none.
        launched = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'dbos_transact' AND backend_start > :since"
        )
        wait_for(lambda: database.value(launched, since=since), "the second worker to execute")
    first.kill()
    first.communicate(timeout=60)
    server.release()
    for running in runs:
        assert finish(running)[-1]["type"] == "done"
    stop(second)
    assert [run["status"] for run in near.json("runs")] == ["done", "done"]
    check_credits(near.json("credits"))


def test_second_run_on_the_same_story_is_refused(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    server.hold()
    running = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    database = Database(database_url)
    before = database.everything()
    refused = cli("run", HERO, "--set", "reward=5")
    assert refused.returncode == 5
    (event,) = [json.loads(line) for line in refused.stdout.splitlines()]
    assert (event["type"], event["code"]) == ("error", "run_active")
    assert run_id in event["error"]
    assert database.everything() == before
    server.release()
    assert finish(running)[-1]["type"] == "done"


def test_two_runs_on_different_stories_at_once(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    server.hold()
    plans = {HERO: near.json("plan", HERO, *CHANGE)}
    plans[HARMON] = near.json("plan", HARMON, "--set", "take=3")
    processes = {
        HERO: cli.start("run", HERO, *CHANGE, **model(server)),
        HARMON: cli.start("run", HARMON, "--set", "take=3", **model(server)),
    }
    server.wait_for_calls(2, timeout=60)
    assert sorted(run["status"] for run in near.json("runs")) == ["running", "running"]
    server.release()
    for story, running in processes.items():
        # On SQLite one executes both, and must not leave before the other's is ended.
        printed = finish(running)
        check_events(printed, plans[story], restarted=True)
        document = near.json("show", story)
        check_saved_once(Database(database_url), printed[0]["runId"], document)
    credits = near.json("credits")
    check_credits(credits)
    assert credits["captured"] == sum(plan["estimatedCredits"] for plan in plans.values())
    assert credits["held"] == 0


def test_nothing_is_left_behind(cli: Any, near: Near, database_url: str) -> None:
    """A `run` that executed leaves no lock, no session and no process."""
    running = cli.start("run", HARMON, "--set", "take=3")
    finish(running)
    # Of a process that has just ended a server takes a moment to hear.
    wait_for(lambda: not near.somebody_executes(), "its seat to be free")
    database = Database(database_url)
    wait_for(lambda: not database.sessions(), "the end of its sessions")


def test_start_within_half_a_second(cli: Any, near: Near) -> None:
    """From the row that the confirmation writes to the first event, with an executor there."""
    worker = started(cli)
    wait_for(near.somebody_executes, "the worker's seat")
    seconds: list[float] = []
    # Three, of which the machine may keep any waiting: then there are more.
    while len(seconds) < 3 or (len(seconds) < 15 and not is_prompt(seconds)):
        level = 3 + len(seconds) % 3
        printed = finish(cli.start("run", HARMON, "--set", f"change={level}"))
        run = near.json("runs")[0]
        created = datetime.fromisoformat(run["createdAt"]).timestamp()
        seconds.append(at(printed[0]) - created)
    stop(worker)
    tell("from confirmation to start, in s: " + ", ".join(f"{one:.2f}" for one in seconds))
    assert is_prompt(seconds)


def is_prompt(seconds: list[float]) -> bool:
    """True where the best of some starts took less than half a second, and most less than three."""
    return min(seconds) < 0.5 and sum(one < 3 for one in seconds) > 2 / 3 * len(seconds)
