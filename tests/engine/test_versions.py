"""A run that an executor of an earlier version queued or began is taken up by one of this."""

from __future__ import annotations

import pytest

from cascade.engine import queue, runner
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.holding import HeldWriter
from tests.helpers.observe import wait_for

HARMON = "Maximum Permissible Error"


@pytest.mark.parametrize("begun", [False, True], ids=["queued", "begun"])
def test_a_run_of_an_earlier_version_is_taken_up(
    database_url: str, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=database_url, provider="offline", offline_delay_ms=0)
    # It gets no further than its first step.
    writer = HeldWriter()
    writer.hold("keyAction")
    with monkeypatch.context() as earlier:
        for module in (queue, runner):
            earlier.setattr(module, "VERSION", "cascade-1")
        old = Service(settings, writer)
        actor = old.actor("editor")
        plan = old.desk(actor).plan(old.operator().story(HARMON).id, {"take": 2}).plan
        run_id = old.desk(actor).start(plan)
        if begun:
            with old.executing():
                wait_for(lambda: old.operator().run(run_id).used_credits, "a step to be saved")
        old.close()
    new = Service(settings)
    assert new.operator().run(run_id).status == ("running" if begun else "queued")
    with new.executing():
        events = list(new.operator().follow(run_id))
    assert events[-1]["type"] == "done"
    run = new.operator().run(run_id)
    assert run.used_credits == plan.estimated_credits
    new.close()
