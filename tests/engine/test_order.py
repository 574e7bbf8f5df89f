"""Which run is at work is a matter of its state, which is the newest of its time: clocks differ."""

from __future__ import annotations

from cascade.service import Service
from tests.helpers.observe import Database

HARMON = "Maximum Permissible Error"


def start(service: Service, level: int) -> str:
    actor = service.actor("editor")
    story = service.operator().story(HARMON)
    return service.desk(actor).start(service.desk(actor).plan(story.id, {"take": level}).plan)


def test_runs_of_machines_whose_clocks_differ(service: Service, database_url: str) -> None:
    database, actor = Database(database_url), service.actor("editor")
    story_id = service.operator().story(HARMON).id
    ended = start(service, 3)
    service.desk(actor).cancel(ended)
    active = start(service, 2)
    assert ended < active, "ids follow the time of the machine that makes them"
    assert [run.id for run in service.operator().runs(story_id)] == [active, ended]

    # The one that has ended was made by a machine whose clock is a day ahead.
    database.execute(
        "UPDATE cascade_runs SET created_at = '2050-01-01 00:00:00' WHERE id = :id", id=ended
    )
    assert [run.id for run in service.operator().runs()] == [ended, active]
    assert [run.id for run in service.operator().runs(story_id, limit=1)] == [ended]
    found = service.operator().active_run(story_id)
    assert found is not None
    assert found.id == active

    # A page that looks on sees each change of the one at work.
    pulses = [service.desk(actor).pulse(story_id)]
    database.execute("UPDATE cascade_runs SET status = 'running' WHERE id = :id", id=active)
    pulses.append(service.desk(actor).pulse(story_id))
    database.execute("UPDATE cascade_runs SET status = 'cancelling' WHERE id = :id", id=active)
    pulses.append(service.desk(actor).pulse(story_id))
    assert len(set(pulses)) == 3
    service.desk(actor).cancel(active)
    assert service.operator().active_run(story_id) is None
    assert service.desk(actor).credits().held == 0
