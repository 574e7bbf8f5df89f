"""Whoever follows a run: patient while the database is away, and not the run's own end."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest
import sqlalchemy as sa

from cascade.runs.tail import THREAD
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import check_credits, check_events
from tests.helpers.driver_faults import driver_fault
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database, wait_for
from tests.helpers.seeded import end_sessions
from tests.helpers.seeded_fixtures import model

HERO = "A Hundred Diameters"
HARMON = "Maximum Permissible Error"
STALL = Reply(raw=b"", end="stall")
ROOT = Path(__file__).parents[2]


def to(cli: Any, output: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command whose standard output is what the shell makes of it."""
    command = f'exec "$0" -m cascade "$@" {output}'
    return subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, *arguments],
        env=cli.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("output", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "standard output is closed")],
)
def test_a_run_whose_output_cannot_be_written(cli: Any, near: Near, output: str, why: str) -> None:
    done = to(cli, output, "run", HARMON, "--set", "take=3")
    (run,) = near.json("runs")
    assert run["status"] == "done"
    assert done.returncode == 0, "as the run ended"
    goes_on = f"Run {run['id']} goes on; `cascade events` shows it."
    assert done.stderr == f"The output cannot be written: {why}. {goes_on}\n"
    # What only shows what is stored has nothing to go on with.
    for arguments in (("events", run["id"]), ("events", run["id"], "--follow")):
        shown = to(cli, output, *arguments)
        assert shown.returncode == 4
        assert shown.stderr == f"Error: The output cannot be written: {why}.\n"


def test_a_run_whose_reader_goes_away(cli: Any, near: Near) -> None:
    running = cli.start("run", HARMON, "--set", "take=3", CASCADE_OFFLINE_DELAY_MS="50")
    assert "start" in running.stdout.readline()
    running.stdout.close()
    assert running.wait(timeout=90) == 0
    assert running.stderr.read() == ""
    running.stderr.close()
    assert near.json("runs")[0]["status"] == "done"


@pytest.fixture
def service(database_url: str) -> Any:
    settings = Settings(database_url=database_url, provider="offline", offline_delay_ms=20)
    service = Service(settings)
    yield service
    service.close()


def test_reads_that_fail_do_not_end_the_following(service: Service) -> None:
    """Every fifth of the follower's statements fails; it misses nothing and says nothing twice.

    It is followed while it waits, so that statements have failed before its first event is there:
    how often one looks while a run is at work depends on how busy the machine is.
    """
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HARMON).id, {"take": 3}).plan
    run_id = service.desk(actor).start(plan)
    with (
        ThreadPoolExecutor(max_workers=1) as reader,
        driver_fault(THREAD, lambda n, _: n % 5 == 0) as count,
    ):
        following = reader.submit(lambda: list(service.operator().follow(run_id)))
        wait_for(lambda: count.value > 20, "the follower to look, in vain too")
        assert not following.done()
        with service.executing():
            events = following.result(120)
    assert events == service.operator().events(run_id)
    assert events[-1]["type"] == "done"


def test_a_follower_gives_up_some_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from cascade.errors import DatabaseAway

    monkeypatch.setattr("cascade.service.watching.FOLLOW_PATIENCE_S", 0.5)
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HARMON).id, {"take": 3}).plan
    run_id = service.desk(actor).start(plan)
    with driver_fault(THREAD, lambda *_: True), pytest.raises(DatabaseAway):
        list(service.operator().follow(run_id))


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_cancel_whose_reads_fail(near: Near, service: Service, at: int) -> None:
    """The command's own statements about runs, each of them once."""
    actor = service.actor("editor")
    plan = service.desk(actor).plan(service.operator().story(HARMON).id, {"take": 3}).plan
    run_id = service.desk(actor).start(plan)
    asked = 0

    def fails(_: int, statement: str) -> bool:
        nonlocal asked
        asked += "FROM cascade_runs" in statement
        return "FROM cascade_runs" in statement and asked == at

    with driver_fault("MainThread", fails):
        done = near("cancel", run_id)
    assert asked >= at
    assert done.returncode == 0, done.stderr
    assert "cancelled: 0 credits used" in done.stdout or "had ended already" in done.stdout
    credits = near.json("credits")
    check_credits(credits)
    assert credits["held"] == 0


def _read_until(stream: IO[str], words: str) -> str:
    """What a process prints up to the line with these words."""
    read = ""
    for line in stream:
        read += line
        if words in line:
            return read
    raise AssertionError(read)


def test_a_run_whose_postgres_goes_away(
    near: Near, database_url: str, postgres_admin: sa.Engine, cli: Any, server: ModelServer
) -> None:
    """`run` and `events --follow` outlive a server that is away for some seconds."""
    if database_url.startswith("sqlite"):
        pytest.skip("a file does not go away")
    name = str(sa.make_url(database_url).database)
    plan = near.json("plan", HERO, "--set", "ordeal=3")
    server.hold()
    running = cli.start("run", HERO, "--set", "ordeal=3", **model(server))
    server.wait_for_calls(1, timeout=60)
    run_id = near.json("runs")[0]["id"]
    following = cli.start("events", run_id, "--follow")
    first = following.stdout.readline()
    assert '"start"' in first
    with postgres_admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        end_sessions(connection, name)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=3)
        # Until both have met it; which of its threads does first, and says so, is chance.
        met = [_read_until(one.stderr, "does not answer") for one in (running, following)]
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    server.release()
    printed = [json.loads(line) for line in running.stdout]
    followed = [first, *following.stdout]
    errors, told = met[0] + running.stderr.read(), met[1] + following.stderr.read()
    assert running.wait(timeout=60) == 0, errors
    assert following.wait(timeout=60) == 0, told
    for one in (running, following):
        one.stdout.close()
        one.stderr.close()
    check_events(printed, plan, restarted=True)
    assert [json.loads(line) for line in followed] == printed
    for words in (errors, told):
        assert "does not answer" in words
        assert "is back" in words
        assert "Traceback" not in words
    wait_for(lambda: near.json("credits")["held"] == 0, "the hold to be released")
    assert Database(database_url).value("SELECT count(*) FROM cascade_run_steps") == len(
        plan["steps"]
    )
