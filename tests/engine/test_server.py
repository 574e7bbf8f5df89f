"""The server as the one who executes: runs need no browser, and outlive its death."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import check_credits, check_events, check_saved_once, plan_document
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database, wait_for
from tests.helpers.seeded_fixtures import model
from tests.helpers.serving import Server

STORY = "A Hundred Diameters"
LEVELS = {"ordeal": 3, "theRoadBack": 5}


@pytest.fixture
def writer(writer: ModelServer) -> ModelServer:
    """The model that writes: its fourth call is never answered, so that the run stands there."""
    writer.answer(4, Reply(raw=b"", end="stall"))
    return writer


@pytest.fixture
def env(writer: ModelServer) -> dict[str, str]:
    return {**model(writer), "CASCADE_CONCURRENCY": "1"}


@pytest.fixture
def server(database_url: str, tmp_path: Path, env: dict[str, str]) -> Iterator[Server]:
    server = Server(database_url, tmp_path / "server.log", **env)
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def database(database_url: str) -> Database:
    return Database(database_url)


def saved_steps(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM cascade_run_steps WHERE status = 'saved'"))


def check(near: Near, database: Database, run_id: str) -> None:
    """All is as if nobody had died."""
    events = [json.loads(line) for line in near("events", run_id).stdout.splitlines()]
    plan: dict[str, Any] = plan_document(database.plan_of(run_id))
    check_events(events, plan, restarted=True)
    assert events[-1]["type"] == "done"
    check_saved_once(database, run_id, near.json("show", STORY))
    check_credits(near.json("credits"))


def test_a_run_goes_on_when_the_server_is_killed_and_started_again(
    server: Server, near: Near, database: Database, database_url: str, writer: ModelServer
) -> None:
    settings = Settings(database_url=database_url, provider="offline")
    service = Service(settings)
    actor = service.actor("editor")
    # Enqueued by a process that executes nothing, as a page of another server would.
    run_id = service.desk(actor).start(
        service.desk(actor).plan(service.operator().story(STORY).id, LEVELS).plan
    )
    service.close()
    writer.wait_for_calls(4, timeout=60)
    server.kill()
    assert saved_steps(database) == 3
    server.start()
    wait_for(lambda: near.json("runs")[0]["status"] == "done", "the run to end")
    check(near, database, run_id)


def test_a_run_beside_the_server_takes_over_when_it_is_killed(
    server: Server,
    cli: Any,
    near: Near,
    database: Database,
    env: dict[str, str],
    writer: ModelServer,
) -> None:
    wait_for(near.somebody_executes, "the server to execute")
    sets = [f"--set={beat}={level}" for beat, level in LEVELS.items()]
    follower = cli.start("run", STORY, *sets, **env)
    writer.wait_for_calls(4, timeout=60)
    server.kill()
    assert saved_steps(database) == 3
    out, err = follower.communicate(timeout=120)
    assert (follower.returncode, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["type"] == "done"
    check(near, database, events[0]["runId"])
    server.start()
