"""An executor's launch that fails half-way: all is unmade, and the next one executes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cascade.engine import executor
from cascade.engine.seats import seat_for
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.driver_faults import driver_fault
from tests.helpers.observe import Database, tell, wait_for

THREAD = "cascade-executor"
HARMON = "Maximum Permissible Error"
# More than a launch has; the last ones fail nothing any more.
MANY = 60


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    service = Service(Settings(database_url=database_url, provider="offline", offline_delay_ms=0))
    service.operator().grant("editor", 10_000)
    yield service
    service.close()


def start(service: Service, level: int) -> str:
    actor = service.actor("editor")
    story = service.operator().story(HARMON)
    levels = {"change": level if story.curve["change"] != level else level % 5 + 1}
    return service.desk(actor).start(service.desk(actor).plan(story.id, levels).plan)


@pytest.mark.timeout(1200)
def test_a_launch_that_fails_once_at_each_of_its_statements(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    # Only a pause: what is waited for after each failed launch is the next one.
    monkeypatch.setattr(executor, "AGAIN_S", 0.05)
    before = set(threading.enumerate())
    for at in range(1, MANY):
        run_id = start(service, at % 5 + 1)
        with driver_fault(THREAD, lambda n, _: n == at) as count, service.executing():  # noqa: B023
            wait_for(
                lambda: service.operator().run(run_id).status == "done",  # noqa: B023
                f"the run to end, with a fault at statement {at}",
            )
            launched = count.value
        # A server takes a moment to see that a session is gone.
        wait_for(lambda: not seat_for(service.database).somebody_sits(), f"the seat, {at}")
        if at > 15 and launched < at + 15:
            break
    record_property("figures", f"{at} launches, each with another fault")
    assert service.desk(service.actor("editor")).credits().held == 0
    wait_for(lambda: not begun_since(before), f"{begun_since(before)} to end")
    if not service.database.is_sqlite:
        wait_for(lambda: sessions(service) <= 3, "the sessions to end")
        tell(f"{sessions(service)} sessions are left")


def begun_since(before: set[threading.Thread]) -> list[str]:
    """The threads that a launch can have left: the service's own pool for its steps is not one.

    That has a thread for each step that was ever in the database at once, of all launches together:
    more of them on a busy machine.
    """
    there = sorted(thread.name for thread in set(threading.enumerate()) - before)
    return [name for name in there if not name.startswith("cascade-database_")]


def sessions(service: Service) -> int:
    database = Database(service.database.url.render_as_string(hide_password=False))
    return int(
        database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'dbos_transact'"
        )
    )


def test_whoever_cannot_launch_does_not_keep_the_seat(
    service: Service, cli: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One process fails at every launch; another gets the seat and executes."""
    with driver_fault(THREAD, lambda *_: True) as count, service.executing():
        wait_for(lambda: count.value > 3, "some launches to fail")
        done = cli("run", HARMON, "--set", "change=4")
        assert done.returncode == 0, done.stderr
    told = [record.getMessage() for record in caplog.records]
    assert len(told) <= 3, "an outage is told once"
    assert not any(record.exc_info for record in caplog.records)
