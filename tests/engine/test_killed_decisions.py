"""Approvals whose process is killed at any instant: credits are held once, or not at all."""

from __future__ import annotations

import random
import signal
import time
from typing import Any

from tests.helpers.checking import check_credits
from tests.helpers.near import Near
from tests.helpers.observe import Database, tell, wait_for

STORY = "A Hundred Diameters"
KILLS = 8


def test_an_approval_that_is_killed_holds_once_or_not_at_all(
    cli: Any, near: Near, database_url: str
) -> None:
    seed = random.randrange(10**6)
    tell(f"seed {seed}")
    chance, database, undecided = random.Random(seed), Database(database_url), 0
    near("project", "set", "--approve-above", "1")
    plan = near.json("plan", STORY, "--set", "ordeal=3")
    asked = near("run", STORY, "--set", "ordeal=3", "--note", "Before the festival")
    assert asked.returncode == 6, asked.stderr
    run_id = near.json("approvals")[0]["runId"]
    for _ in range(KILLS):
        approving = cli.start("approve", run_id, "--user", "producer")
        time.sleep(chance.uniform(0.05, 0.5))
        approving.send_signal(signal.SIGKILL)
        approving.communicate(timeout=60)
        # What it asked last, a server does to its end.
        wait_for(lambda: not database.sessions(), "the end of its sessions")
        status = database.value("SELECT status FROM cascade_runs WHERE id = :id", id=run_id)
        holds = database.value(
            "SELECT count(*) FROM cascade_credit_entries WHERE run_id = :id", id=run_id
        )
        deeds = database.value(
            "SELECT count(*) FROM cascade_audit WHERE action = 'request.approve'"
        )
        assert (status, holds, deeds) in (("awaiting_approval", 0, 0), ("queued", 1, 1))
        undecided += status == "awaiting_approval"
    last = near("approve", run_id, "--user", "producer")
    assert last.returncode == (0 if undecided == KILLS else 5), last.stderr
    if last.returncode:
        assert "approved by Sample Producer already" in last.stderr
    again = near("approve", run_id, "--user", "producer")
    assert again.returncode == 5
    held = near.json("credits")
    check_credits(held)
    assert held["held"] == plan["estimatedCredits"]
    worker = cli.start("worker")
    try:
        followed = near("events", run_id, "--follow")
        assert '"type": "done"' in followed.stdout.splitlines()[-1]
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
    used = near.json("credits")
    check_credits(used)
    assert (used["held"], used["captured"]) == (0, plan["estimatedCredits"])
