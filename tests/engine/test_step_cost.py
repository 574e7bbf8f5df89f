"""What a step costs the database: few statements, and no more in a long story."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from cascade import ledger
from cascade.ledger import LedgerError
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import stories
from cascade.store.database import Database
from cascade.store.excerpt import excerpt
from cascade.store.tables import QUEUE_SCHEMA
from cascade.story.plan import make_plan
from cascade.story.story import Story
from tests.helpers.machines import write_for
from tests.helpers.unqueued import add_story, long_story, start_unqueued

LEVELS = {"midpoint": 5, "allIsLost": 1}


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that the database is sent meanwhile, but for a transaction's begin and end."""
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        if not arguments[2].startswith("BEGIN"):
            asked.append(arguments[2])

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(database.engine, "before_cursor_execute", note)


@contextmanager
def explained(database: Database) -> Iterator[list[tuple[str, list[str]]]]:
    """Each statement that SQLite is sent meanwhile, with how it finds each table's rows."""
    asked: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        if arguments[2].split()[0] in ("SELECT", "INSERT", "UPDATE") and not arguments[5]:
            asked.append((arguments[2], arguments[3]))

    found: list[tuple[str, list[str]]] = []
    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(database.engine, "before_cursor_execute", note)
    with database.read() as session:
        for statement, given in asked:
            told = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            found.append((statement, [row[3] for row in told]))


def save(service: Service, run_id: str, key: str) -> None:
    """A step, written by hand."""
    announced = service.database.transact(steps.announce, run_id, key)
    assert isinstance(announced, Assignment)
    written = write_for(announced.brief, f"new {key}")
    assert service.database.transact(steps.save, run_id, key, written) == "saved"


def costs(service: Service, story: Story) -> dict[str, int]:
    """The statements of each step of a run, by its key."""
    plan = make_plan(add_story(service, story), LEVELS)
    run_id = start_unqueued(service, service.actor("editor"), plan)
    service.database.transact(runs.begin, run_id)
    found = {}
    for step in plan.steps:
        with counted(service.database) as asked:
            save(service, run_id, step.key)
        found[step.key] = len(asked)
    service.database.transact(runs.finish, run_id)
    assert service.operator().run(run_id).status == "done"
    return found


@pytest.mark.parametrize("scenes", [34, 1000])
def test_statements_of_a_step(service: Service, scenes: int) -> None:
    [sample] = [one for one in service.operator().stories() if one.structure_type == "cat"]
    story = long_story(service.operator().story(sample.id), scenes, LEVELS)
    # Whatever is looked up once a process is looked up before.
    costs(service, story)
    found = costs(service, story)
    first = {key: n for key, n in found.items() if key.endswith("/beatContent")}
    assert max(first.values()) <= 24, first
    rest = {key: n for key, n in found.items() if key not in first}
    assert max(rest.values()) <= 20, rest


def test_the_runner_keeps_a_row_a_beat(service: Service) -> None:
    [sample] = [one for one in service.operator().stories() if one.structure_type == "cat"]
    actor = service.actor("editor")
    plan = service.desk(actor).plan(sample.id, LEVELS).plan
    with service.executing():
        run_id = service.desk(actor).start(plan)
        assert list(service.operator().follow(run_id))[-1]["type"] == "done"
    schema = "" if service.database.is_sqlite else f"{QUEUE_SCHEMA}."
    with service.database.read() as session:
        rows = sa.text(
            f"SELECT count(*) FROM {schema}operation_outputs WHERE workflow_uuid LIKE :r"
        )
        assert session.scalar(rows, {"r": f"{run_id}@%"}) == len(plan.changes)


def test_a_script_step_reads_no_scene_but_those_around_it(sqlite_url: str) -> None:
    settings = Settings(database_url=sqlite_url, provider="offline", offline_delay_ms=0)
    with closing(Service(settings)) as service:
        [sample] = [one for one in service.operator().stories() if one.structure_type == "cat"]
        story = add_story(service, service.operator().story(sample.id))
        plan = make_plan(story, LEVELS)
        step = next(one for one in plan.steps if one.kind == "script")
        with explained(service.database) as told, service.database.write() as session:
            row = stories.lock_story(session, story.id)
            for beside in (True, False):
                excerpt(session, row, step, beside=beside)
    asked = [ways for statement, ways in told if "FROM scene_plots" in statement]
    assert len(asked) == 2
    for every in asked:
        ways = [way for way in every if "scene_plots" in way]
        # By more than the story: by a scene's id, or by numbers.
        assert ways
        assert not [way for way in ways if way.endswith("(story_version_id=?)")], ways


def test_a_run_reads_no_entry_of_other_runs(sqlite_url: str) -> None:
    """Whatever is asked of the ledger about a run, its own entries are found by an index."""
    settings = Settings(database_url=sqlite_url, provider="offline", offline_delay_ms=0)
    with closing(Service(settings)) as service:
        [sample] = [one for one in service.operator().stories() if one.structure_type == "cat"]
        plan = make_plan(service.operator().story(sample.id), LEVELS)
        run_id = start_unqueued(service, service.actor("editor"), plan)
        key = plan.steps[0].key
        with explained(service.database) as told, service.database.write() as session:
            assert ledger.capture(session, run_id, key, 3)
            assert not ledger.capture(session, run_id, key, 3)
            assert ledger.captured_by(session, run_id) == 3
            held = ledger.held_for(session, run_id)
            with pytest.raises(LedgerError):
                ledger.capture(session, run_id, plan.steps[1].key, held + 1)
            assert ledger.release(session, run_id) == held
            assert ledger.release(session, run_id) == 0
            with pytest.raises(LedgerError):
                ledger.capture(session, sample.id, key, 3)
        ways = [way for _, every in told for way in every]
        assert [way for way in ways if way.startswith("SEARCH cascade_credit_entries")]
        assert not [way for way in ways if way.startswith("SCAN cascade_credit")], ways


def test_a_step_reads_no_revision_of_other_places(sqlite_url: str) -> None:
    settings = Settings(database_url=sqlite_url, provider="offline", offline_delay_ms=0)
    with closing(Service(settings)) as service:
        [sample] = [one for one in service.operator().stories() if one.structure_type == "cat"]
        story = add_story(service, service.operator().story(sample.id))
        plan = make_plan(story, LEVELS)
        run_id = start_unqueued(service, service.actor("editor"), plan)
        service.database.transact(runs.begin, run_id)
        first, *rest = plan.steps
        save(service, run_id, first.key)
        with explained(service.database) as told:
            for step in rest[: len(plan.steps_of(first.beat_key)) - 1]:
                save(service, run_id, step.key)
    ways = [way for _, every in told for way in every if way.startswith("SEARCH cascade_revisions")]
    assert {way.split("(")[1] for way in ways} == {
        "story_version_id=? AND key=?)",
        "story_version_id=? AND scene_id=?)",
        "rowid=?)",
    }
