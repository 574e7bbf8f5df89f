"""Cancel, from another process, whatever the run is doing; and Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from cascade.cli import runs
from cascade.engine import cancelling
from cascade.llm.offline import OfflineWriter
from cascade.llm.provider import Answer, Delta
from cascade.service import Service
from cascade.settings import Settings
from cascade.story.brief import Brief
from tests.helpers.checking import check_credits, check_events, check_saved_once
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database, wait_for
from tests.helpers.seeded_fixtures import model
from tests.helpers.stopping import stopped

HERO = "A Hundred Diameters"
CHANGE = ("--set", "ordeal=3")
STALL = Reply(raw=b"", end="stall")


def start_without_executor(near: Near) -> str:
    """A run that is queued, and nobody there to execute it."""
    service = Service(Settings(database_url=near.env["CASCADE_DATABASE_URL"], provider="offline"))
    actor = service.actor("editor")
    run_id = service.desk(actor).start(
        service.desk(actor).plan(service.operator().story(HERO).id, {"ordeal": 3}).plan
    )
    service.close()
    return run_id


def status(near: Near, run_id: str) -> str:
    return str(next(run["status"] for run in near.json("runs") if run["id"] == run_id))


def events(near: Near, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in near("events", run_id).stdout.splitlines()]


def finish(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]], str]:
    """Waits for a `run` to end; its exit code, its events and what it said on standard error."""
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    return process.returncode, [json.loads(line) for line in output.splitlines()], errors


def test_queued_with_no_worker(cli: Any, near: Near, database_url: str) -> None:
    database = Database(database_url)
    before = database.content()
    run_id = start_without_executor(near)
    assert status(near, run_id) == "queued"
    assert near.json("credits")["held"] == 26
    done = cli("cancel", run_id)
    assert done.returncode == 0, done.stderr
    assert status(near, run_id) == "cancelled"
    (event,) = events(near, run_id)
    assert event["type"] == "cancelled"
    credits = near.json("credits")
    check_credits(credits)
    assert (credits["available"], credits["held"]) == (500, 0)
    # Whoever executes later finds it in the queue and leaves it alone.
    worker = cli.start("worker")
    assert cli("run", HERO, "--set", "reward=4").returncode == 0
    worker.terminate()
    worker.communicate(timeout=60)
    assert len(events(near, run_id)) == 1
    after = database.content()["story_versions"]
    story = near.json("show", HERO)["id"]
    assert json.loads(after[story]["tension_levels"])["ordeal"] == 5
    assert after.keys() == before["story_versions"].keys()


def test_running_then_cancelling_then_ended(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    """A step that is saved after the cancel is refused, also by an executor that noticed late."""
    server.answer(1, STALL)
    plan = near.json("plan", HERO, *CHANGE)
    running = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    assert status(near, run_id) == "running"
    assert near("cancel", run_id).returncode == 0
    code, printed, _ = finish(running)
    assert code == 3
    check_events(printed, plan)
    assert printed[-1]["type"] == "cancelled"
    assert printed[-1]["totalCreditsUsed"] == 0
    # Cancelling what has ended changes nothing, and says so.
    database = Database(database_url)
    before = database.everything()
    again = cli("cancel", run_id)
    assert again.returncode == 0
    assert "had ended already: cancelled" in again.stdout
    assert database.everything() == before


def test_cancelling_twice_what_hangs(
    cli: Any, near: Near, database_url: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executor that does not answer: the run ends all the same, and charges nothing more."""
    # Who cancels first hangs too: its patience is never over.
    monkeypatch.setattr(cancelling, "PATIENCE_S", 86_400)
    first = Service(Settings(database_url=database_url, provider="offline"))
    server.answer(1, STALL)
    worker = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    with stopped(worker.pid, database_url):
        assert first.desk(first.actor("editor")).cancel(run_id) == "cancelling"
        assert near.json("credits")["held"] == 26
        others = [cli.start("cancel", run_id) for _ in range(2)]
        wait_for(lambda: status(near, run_id) == "cancelled", "the run to be ended")
        told = [one.communicate(timeout=60)[0] for one in others]
        assert f"Run {run_id} is cancelled: 0 credits used, 26 released." in told[0]
        assert near.json("credits")["held"] == 0
    first.close()
    code, printed, _ = finish(worker)
    assert code == 3
    assert [event["type"] for event in printed].count("cancelled") == 1
    credits = near.json("credits")
    check_credits(credits)
    assert (credits["available"], credits["held"]) == (500, 0)
    check_saved_once(Database(database_url), run_id, near.json("show", HERO))


def test_a_text_of_after_the_end_is_not_saved(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    """The executor wakes up with an answer in hand for a run that somebody else has ended."""
    server.hold()
    worker = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    before = Database(database_url).content()
    with stopped(worker.pid, database_url):
        server.release()
        assert "is cancelled: 0 credits used" in cli("cancel", run_id).stdout
    code, printed, _ = finish(worker)
    assert code == 3
    assert printed[-1]["type"] == "cancelled"
    assert Database(database_url).content() == before
    assert near.json("credits")["available"] == 500


def test_a_follower_ends_what_nobody_answers(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    """Who cancelled is gone, who executes hangs: whoever looks on ends it."""
    server.answer(1, STALL)
    worker = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    with stopped(worker.pid, database_url):
        sql = "UPDATE cascade_runs SET status = 'cancelling' WHERE id = :id"
        assert Database(database_url).execute(sql, id=run_id) == 1
        followed = cli("events", run_id, "--follow")
        assert json.loads(followed.stdout.splitlines()[-1])["type"] == "cancelled"
        assert near.json("credits")["held"] == 0
    assert finish(worker)[0] == 3


def test_another_executor_ends_what_nobody_answers(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    """On Postgres another with a seat of its own, on SQLite one that waits for the only seat."""
    server.answer(1, STALL)
    worker = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    other = cli.start("worker", **model(server))
    assert other.stderr is not None
    assert "Executing" in other.stderr.readline()
    with stopped(worker.pid, database_url):
        sql = "UPDATE cascade_runs SET status = 'cancelling' WHERE id = :id"
        assert Database(database_url).execute(sql, id=run_id) == 1
        wait_for(lambda: status(near, run_id) == "cancelled", "the run to be ended")
        assert near.json("credits")["held"] == 0
    other.terminate()
    other.communicate(timeout=60)
    assert finish(worker)[0] == 3


class Deaf(OfflineWriter):
    """A writer whose call neither answers nor lets itself be aborted for a long while."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = threading.Event()

    async def write(
        self, brief: Brief, complaint: str | None = None
    ) -> AsyncGenerator[Delta | Answer, None]:
        self.is_asked.set()
        try:
            await asyncio.sleep(600)
            yield Delta("never")
        finally:
            await asyncio.sleep(600)


def test_a_call_that_does_not_let_itself_be_aborted(database_url: str) -> None:
    settings = Settings(database_url=database_url, provider="offline")
    writer = Deaf()
    service = Service(settings, writer)
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HERO).id, {"ordeal": 3}).plan
    run_id = service.desk(actor).start(plan)
    try:
        with service.executing():
            assert writer.is_asked.wait(60)
            assert service.desk(actor).cancel(run_id) == "cancelling"
            wait_for(lambda: not service.operator().run(run_id).is_active, "the run to be ended")
        assert service.operator().run(run_id).status == "cancelled"
        assert service.desk(actor).credits().held == 0
    finally:
        service.close()


def test_cancelling_when_the_executor_is_dead(cli: Any, near: Near, server: ModelServer) -> None:
    """Nobody is left to end it: the one who cancels does."""
    server.answer(2, STALL)
    running = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(2, timeout=60)
    run_id = near.json("runs")[0]["id"]
    running.kill()
    running.communicate(timeout=60)
    assert status(near, run_id) == "running"
    done = cli("cancel", run_id)
    assert done.returncode == 0, done.stderr
    assert "3 credits used, 23 released" in done.stdout
    assert status(near, run_id) == "cancelled"
    check_events(events(near, run_id), near.json("plan", HERO, *CHANGE) | plan_before(near))
    credits = near.json("credits")
    check_credits(credits)
    assert (credits["available"], credits["held"]) == (497, 0)


def plan_before(near: Near) -> dict[str, Any]:
    """The plan of CHANGE as it was when the level was still 5, from the run that is stored."""
    from tests.helpers.checking import plan_document

    database = Database(near.env["CASCADE_DATABASE_URL"])
    return plan_document(database.plan_of(near.json("runs")[0]["id"]))


def test_done_and_failed_stay_as_they_are(
    cli: Any, near: Near, database_url: str, server: ModelServer
) -> None:
    assert cli("run", HERO, "--set", "reward=4").returncode == 0
    server.fail_after(0, status=401)
    assert cli("run", HERO, *CHANGE, **model(server)).returncode == 4
    database = Database(database_url)
    before = database.everything()
    failed, done = near.json("runs")
    assert (failed["status"], done["status"]) == ("failed", "done")
    for run in (failed, done):
        cancelled = cli("cancel", run["id"])
        assert cancelled.returncode == 0
        assert f"had ended already: {run['status']}" in cancelled.stdout
    assert database.everything() == before


@pytest.mark.parametrize("beside_a_worker", [False, True])
def test_ctrl_c(cli: Any, near: Near, server: ModelServer, beside_a_worker: bool) -> None:
    """Cancels, also where it is another process that executes."""
    server.answer(2, STALL)
    plan = near.json("plan", HERO, *CHANGE)
    worker = cli.start("worker", **model(server)) if beside_a_worker else None
    if worker is not None:
        assert worker.stderr is not None
        assert "Executing" in worker.stderr.readline()
        wait_for(near.somebody_executes, "the worker's seat")
    running = cli.start("run", HERO, *CHANGE, **model(server))
    server.wait_for_calls(2, timeout=60)
    running.send_signal(signal.SIGINT)
    code, printed, errors = finish(running)
    assert code == 3, errors
    assert "Cancelling" in errors
    check_events(printed, plan)
    assert printed[-1]["type"] == "cancelled"
    assert printed[-1]["totalCreditsUsed"] == 3
    assert server.wait_for_hang_up(2, timeout=60)
    if worker is not None:
        worker.send_signal(signal.SIGINT)
        worker.communicate(timeout=60)
        assert worker.returncode == 0


def test_ctrl_c_while_it_starts(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """What is started by then is cancelled, whoever would execute it."""
    mine = service.desk(service.actor("editor"))
    story_id = service.operator().stories()[0].id
    plan = mine.plan(story_id, {"midpoint": 4}).plan

    def start() -> str:
        run_id = mine.start(plan)
        os.kill(os.getpid(), signal.SIGINT)
        return run_id

    before = signal.getsignal(signal.SIGINT)
    try:
        assert runs._start_and_follow(service, mine, start) == 3
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()
    assert "Cancelling" in said.err
    assert json.loads(said.out.splitlines()[-1])["type"] == "cancelled"
    assert mine.run(json.loads(said.out.splitlines()[0])["runId"]).status == "cancelled"
